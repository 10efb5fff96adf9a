"""A stub of auth."""
