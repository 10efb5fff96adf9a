"""Numbered changes of auth's schema; `python -m functions.auth.migrate` runs them."""
