"""What a response means and how long to wait for the next attempt: Knative's rules, without I/O.

As in the dispatcher of Knative's RabbitMQ broker, where a 4xx that is not retried counts as
success. Next file: `dispatcher`, which applies the rules.
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
    """Number of attempts after the first."""
    backoff: Backoff
    delay: float
    """Seconds."""
    timeout: float
    """Seconds."""

    def exhausted(self, attempts: int) -> bool:
        return attempts > self.retry

    def wait(self, attempts: int, retry_after: str | None = None) -> float:
        """Seconds until the next attempt, after `attempts` (1 and more) have failed."""
        if self.backoff is Backoff.LINEAR:
            backoff = self.delay * attempts
        else:
            backoff = self.delay * 2.0 ** min(attempts, 32)
        return max(backoff, _seconds(retry_after))


class ResponseClass(Enum):
    SUCCESS = auto()
    REFUSED = auto()
    """An error that the broker treats as success, without retry and without dead letter."""
    RETRYABLE = auto()


def classify(status: int) -> ResponseClass:
    if 200 <= status < 300:
        return ResponseClass.SUCCESS
    if status in _RETRIED or status >= 500:
        return ResponseClass.RETRYABLE
    return ResponseClass.REFUSED


def _seconds(retry_after: str | None) -> float:
    """Bounded, so that a wrong header cannot delay an event for long. Dates are not supported."""
    if retry_after is None or not (retry_after.isascii() and retry_after.isdigit()):
        return 0.0
    return min(float(retry_after), _LONGEST_RETRY_AFTER_SECONDS)
