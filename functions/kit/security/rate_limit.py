"""A token bucket rate limiter."""

import time


class TokenBucket:
    """Allows `per_second` acquisitions on average, and up to `burst` at once."""

    def __init__(self, *, per_second: float, burst: int) -> None:
        self.per_second = per_second
        self.burst = burst
        self._tokens = float(burst)
        self._refilled_at = time.monotonic()

    def try_acquire(self) -> bool:
        """Take one token; False if there is none."""
        now = time.monotonic()
        refill = (now - self._refilled_at) * self.per_second
        self._tokens = min(self.burst, self._tokens + refill)
        self._refilled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
