"""A stub of purchase."""
