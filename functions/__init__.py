"""The bookstore's Python: the services, and what they share. Start at `functions/README.md`."""
