"""Events between services. Publishing: outbox, sequencer, relay, feed. Consuming: receiver,
subscriptions, inbox, catch-up, dead letters."""
