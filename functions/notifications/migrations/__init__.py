"""notifications' migrations; `functions/kit/data/migrations.py` runs them."""
