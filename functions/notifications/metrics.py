"""notifications' own metrics, beside the kit's. Only a process that sends mails records them."""

from datetime import datetime

from functions.kit.base.metrics import Definition, Kind, Metrics
from functions.notifications.queries import QueueState

DEFINITIONS = (
    Definition(
        "mails.waiting", Kind.GAUGE, "{mail}", "Mails that wait to be sent.", is_of_database=True
    ),
    Definition(
        "mails.oldest_waiting",
        Kind.GAUGE,
        "s",
        "Age of the oldest mail that waits.",
        is_of_database=True,
    ),
    Definition(
        "mails.put_aside",
        Kind.GAUGE,
        "{mail}",
        "Mails that were refused or not sent in time.",
        is_of_database=True,
    ),
    Definition(
        "mails.finished", Kind.COUNTER, "{mail}", "Mails by kind and outcome.", ("kind", "state")
    ),
)


class MailMetrics:
    """Of the whole queue, so every process reports the same."""

    def __init__(self, metrics: Metrics) -> None:
        added = [metrics.add(each) for each in DEFINITIONS]
        self._waiting, self._oldest, self._put_aside, self._finished = added

    def finished(self, kind: str, state: str) -> None:
        self._finished.labels(kind, state).inc()

    def record(self, queue: QueueState, now: datetime) -> None:
        self._waiting.set(queue.waiting)
        self._put_aside.set(queue.put_aside)
        age = 0.0 if queue.oldest is None else (now - queue.oldest).total_seconds()
        self._oldest.set(max(0.0, age))
