"""The ways in which Knative's RabbitMQ dispatcher is known to lose or delay events.

The broker imitates a flaw only if `--behave-like-knative` or its constructor names it, for tests
which show that the shop still loses nothing. Two other rules of Knative lose events as well. The
broker always follows them, because consumers must allow for them: a 4xx that is not retried counts
as success (`policy`), and an event that matches no Trigger is confirmed and dropped (`core`).

Source: eventing-rabbitmq 1.22: cmd/ingress/main.go, pkg/dispatcher/dispatcher.go.
"""

from enum import Enum


class Flaw(Enum):
    ACKNOWLEDGES_BEFORE_DEAD_LETTER = "acknowledges-before-dead-letter"
    """An event leaves its queue before its dead letter is stored; a failure in between loses it."""
    ACKNOWLEDGES_EVERY_DEAD_LETTER = "acknowledges-every-dead-letter"
    """A dead letter leaves its queue even if its sink cannot be reached."""
    DROPS_UNROUTABLE = "drops-unroutable"
    """An event that matches a Trigger is confirmed although RabbitMQ routes it to no queue."""
    LOSES_ON_SIGTERM = "loses-on-sigterm"
    """A delivery in progress at the shutdown is lost. Knative's dispatcher is milder: it tries to
    store the event as a dead letter."""
    RETRIES_IN_PLACE = "retries-in-place"
    """An event that waits for its retry still counts as a delivery in progress: with the default
    parallelism of 1, all others wait for it."""


NO_FLAWS: frozenset[Flaw] = frozenset()
ALL_FLAWS = frozenset(Flaw)


def parse_flaws(text: str) -> frozenset[Flaw]:
    """A list with commas, or `all`. Raises ValueError for an unknown name."""
    return ALL_FLAWS if text == "all" else frozenset(Flaw(name) for name in text.split(","))
