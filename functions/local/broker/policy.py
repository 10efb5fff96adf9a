"""What an answer means, and how long to wait: Knative's rules, without any I/O.

As the dispatcher of the RabbitMQ broker has them, its oddest rule included: a 4xx that is
not worth a retry counts as done. Next file: `lane`, which acts on this.
"""

from dataclasses import dataclass
from enum import Enum, auto

_RETRIED = frozenset({404, 408, 409, 429})
_LONGEST_RETRY_AFTER_SECONDS = 30.0


class Backoff(Enum):
    LINEAR = "linear"
    EXPONENTIAL = "exponential"


@dataclass(frozen=True)
class DeliveryPolicy:
    retry: int
    """How often an event is sent again after the first attempt."""
    backoff: Backoff
    delay: float
    timeout: float

    def exhausted(self, attempts: int) -> bool:
        return attempts > self.retry

    def wait(self, attempts: int, retry_after: str | None = None) -> float:
        """Seconds until the next attempt, when `attempts` (1 and up) have failed."""
        if self.backoff is Backoff.LINEAR:
            backoff = self.delay * attempts
        else:
            backoff = self.delay * 2.0 ** min(attempts, 32)
        return max(backoff, _seconds(retry_after))


class Verdict(Enum):
    DONE = auto()
    IGNORED = auto()
    """The subscriber refused it, and the broker takes that for success all the same."""
    AGAIN = auto()


def judge(status: int) -> Verdict:
    if 200 <= status < 300:
        return Verdict.DONE
    if status in _RETRIED or status >= 500:
        return Verdict.AGAIN
    return Verdict.IGNORED


def _seconds(retry_after: str | None) -> float:
    """Bounded, since a stray header must not put an event to sleep; dates are not read."""
    if retry_after is None or not (retry_after.isascii() and retry_after.isdigit()):
        return 0.0
    return min(float(retry_after), _LONGEST_RETRY_AFTER_SECONDS)
