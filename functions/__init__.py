"""The bookstore's Python: three services, and what they share. Start at `functions/README.md`."""
