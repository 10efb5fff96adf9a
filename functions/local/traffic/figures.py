"""What the live table shows: requests by kind, with their outcomes and latencies."""

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from enum import StrEnum

_GROWTH = 1.05
"""Ratio of two neighbouring buckets of latencies: a percentile is exact to 5 %."""
_SHORTEST = 0.0001


class Outcome(StrEnum):
    ANSWERED = "answered"
    REFUSED = "refused"
    """A 4xx: the shop said no, as to a declined payment."""
    AWAY = "away"
    """A 503, or no connection. Where it changes something, it is sent again under its key."""
    FAILED = "failed"
    """Any other 5xx: a fault of the shop."""


@dataclass
class Latencies:
    """A histogram, so that the memory does not grow with the time."""

    buckets: Counter[int] = field(default_factory=Counter)
    count: int = 0
    longest: float = 0.0

    def add(self, seconds: float) -> None:
        bucket = math.ceil(math.log(max(seconds, _SHORTEST) / _SHORTEST, _GROWTH))
        self.buckets[bucket] += 1
        self.count += 1
        self.longest = max(self.longest, seconds)

    def percentile(self, part: float) -> float | None:
        """In seconds; None without any."""
        left = math.ceil(self.count * part)
        for bucket in sorted(self.buckets):
            left -= self.buckets[bucket]
            if left <= 0:
                return min(_SHORTEST * _GROWTH**bucket, self.longest)
        return None


@dataclass
class Figures:
    outcomes: dict[str, Counter[Outcome]] = field(default_factory=lambda: defaultdict(Counter))
    latencies: dict[str, Latencies] = field(default_factory=lambda: defaultdict(Latencies))
    purchases: Counter[str] = field(default_factory=Counter)
    """By what became of them: placed, paid, declined, cancelled, delivered."""
    failures: Counter[str] = field(default_factory=Counter)
    """Requests that failed, with their status."""
    turned_away: int = 0
    """Visits that did not begin, because too many were under way."""

    def record(self, kind: str, outcome: Outcome, seconds: float) -> None:
        self.outcomes[kind][outcome] += 1
        if outcome is not Outcome.AWAY:
            self.latencies[kind].add(seconds)

    @property
    def requests(self) -> int:
        return sum(outcomes.total() for outcomes in self.outcomes.values())

    def total(self, outcome: Outcome) -> int:
        return sum(outcomes[outcome] for outcomes in self.outcomes.values())

    def rows(self) -> list[tuple[str, ...]]:
        """A table; the first row has the titles."""
        titles = ("", "requests", *Outcome, "p50", "p95", "longest")
        rows: list[tuple[str, ...]] = [titles]
        for kind, outcomes in self.outcomes.items():
            times = self.latencies[kind]
            figures = (times.percentile(0.5), times.percentile(0.95), times.longest or None)
            counts = (outcomes.total(), *(outcomes[each] for each in Outcome))
            rows.append((kind, *map(str, counts), *map(milliseconds, figures)))
        return rows

    def sentence(self) -> str:
        """The purchases in one line."""
        bought = ", ".join(f"{count} {name}" for name, count in self.purchases.items())
        return f"Purchases: {bought or 'none yet'}."


def milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:.0f} ms"
