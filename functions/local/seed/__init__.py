"""The first books and delivery providers of a local shop, added through the public APIs."""
