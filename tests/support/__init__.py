"""What several tests need: a running app, a clock that is set by hand, keys and tokens."""
