"""The catalogue's migrations; `functions/kit/data/migrations.py` runs them."""
