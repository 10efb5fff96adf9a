"""auth's migrations; `python -m functions.auth.migrate` runs them."""
