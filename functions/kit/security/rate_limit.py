"""A token bucket: a bounded rate with a burst."""

import time


class TokenBucket:
    """A bounded rate with a burst."""

    def __init__(self, *, per_second: float, burst: int) -> None:
        self.per_second = per_second
        self.burst = burst
        self._left = float(burst)
        self._looked = time.monotonic()

    def take(self) -> bool:
        """Whether one more is within the rate; then it counts."""
        now = time.monotonic()
        self._left = min(self.burst, self._left + (now - self._looked) * self.per_second)
        self._looked = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
