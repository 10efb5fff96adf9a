"""The catalogue's schema, change by change; `functions/kit/data/migrations.py` runs them."""
