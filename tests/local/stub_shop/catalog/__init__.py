"""A stub of catalog."""
