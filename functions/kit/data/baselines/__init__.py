"""Tables of the kit as each release created them. A file here is never edited."""
