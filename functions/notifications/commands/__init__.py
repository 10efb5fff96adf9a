"""Writes: one function, one use case, one transaction."""
