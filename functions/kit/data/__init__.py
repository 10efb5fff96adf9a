"""The database: engines, transactions, schema and migrations."""
