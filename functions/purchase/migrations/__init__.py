"""Purchase's migrations; `functions/kit/data/migrations.py` runs them."""
