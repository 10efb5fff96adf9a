"""The catalogue's schema, change by change; `functions/kit/migrations.py` runs them."""
