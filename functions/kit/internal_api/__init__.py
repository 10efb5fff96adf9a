"""Handlers of the internal API: events in, feeds out, dead letters, status, health."""
