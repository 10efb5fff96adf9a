"""Tests mirror the source; `support/` is what they share. Fake: the clock, the wire, keys."""
