"""Numbered schema changes: `0001_initial.py` and on. What was run is never edited."""
