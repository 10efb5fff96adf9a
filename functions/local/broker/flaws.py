"""The ways in which Knative's RabbitMQ dispatcher is known to lose events or to hold them up.

The broker has none of them unless `--behave-like-knative` or its constructor names them: they
are for tests that show that the shop loses nothing all the same. Two more rules of Knative cost
events too, and hold always, since consumers must know them: a 4xx that is not worth a retry counts
as success (`policy`), and an event that no Trigger wants is confirmed and dropped (`core`).

Read in eventing-rabbitmq 1.22: cmd/ingress/main.go, pkg/dispatcher/dispatcher.go.
"""

from enum import Enum


class Flaw(Enum):
    ACKNOWLEDGES_BEFORE_DEAD_LETTER = "acknowledges-before-dead-letter"
    """An event is gone from its queue before it is a dead letter; between the two it is lost."""
    ACKNOWLEDGES_EVERY_DEAD_LETTER = "acknowledges-every-dead-letter"
    """A dead letter is gone also when its sink is not there to take it."""
    DROPS_UNROUTABLE = "drops-unroutable"
    """An event is confirmed when RabbitMQ knows no queue for it, although a Trigger wants it."""
    LOSES_ON_SIGTERM = "loses-on-sigterm"
    """An event that is under way at the end is gone, answered or not. Harsher than over there,
    where the dispatcher tries to make it a dead letter while it is being shut down."""
    RETRIES_IN_PLACE = "retries-in-place"
    """An event that waits for its retry keeps its place: with a parallelism of 1, the default,
    everything waits behind it."""


NO_FLAWS: frozenset[Flaw] = frozenset()
ALL_FLAWS = frozenset(Flaw)


def parse_flaws(text: str) -> frozenset[Flaw]:
    """A list with commas, or `all`. Raises ValueError for what is none of them."""
    return ALL_FLAWS if text == "all" else frozenset(Flaw(name) for name in text.split(","))
