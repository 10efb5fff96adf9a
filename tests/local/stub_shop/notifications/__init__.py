"""A stub of notifications."""
