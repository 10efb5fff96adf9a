"""Events between services: outbox, relay, feed; inbox, catching up, dead letters."""
