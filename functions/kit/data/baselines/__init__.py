"""The kit's tables, as each release's first migration created them. Files here are frozen."""
