"""One typed client per service, over its public API."""
