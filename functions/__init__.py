"""The bookstore's Python: three services, and the kit that they share. Start at `functions/README.md`."""
