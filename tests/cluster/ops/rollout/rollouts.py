"""Rollouts of made-up revisions, to count how often the canary refuses one.

Durations are log-normal, as those of web services are. A look takes no time here, so hundreds of
rollouts are a second or two.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from knative.ops.cluster.requests import Durations
from knative.ops.rollout.analysis import AT_THE_END, Verdict, compare, while_running
from knative.ops.rollout.automatic_canary import STEPS, WORSE

SAMPLES = 100


@dataclass(frozen=True)
class Revision:
    failing: float = 0.005
    """The part of its answers that are errors."""
    median: float = 0.02
    """Seconds."""
    spread: float = 0.5
    """Standard deviation of the logarithm; p95 is then 2.3 times the median."""

    def answering(self, source: random.Random) -> Callable[[int], Durations]:
        """A function that adds so many requests, and returns all until then."""
        seconds: list[float] = []
        errors = 0

        def more(count: int) -> Durations:
            nonlocal errors
            mean = math.log(self.median)
            seconds.extend(source.lognormvariate(mean, self.spread) for _ in range(count))
            seconds.sort()
            errors += sum(source.random() < self.failing for _ in range(count))
            return Durations(tuple(seconds), errors)

        return more


def refused(
    old: Revision, new: Revision, *, rollouts: int, requests: int, looks: int = 8, seed: int = 1
) -> float:
    """The part of the rollouts in which the new revision is taken for worse.

    `requests` of the new revision are seen in each step, at equal numbers a look, and three times
    as many of the old one.
    """
    source = random.Random(seed)
    return sum(_is_refused(old, new, requests, looks, source) for _ in range(rollouts)) / rollouts


def _is_refused(
    old: Revision, new: Revision, requests: int, looks: int, source: random.Random
) -> bool:
    for _ in STEPS:
        of_old, of_new = old.answering(source), new.answering(source)
        for look in range(1, looks + 1):
            count = requests * look // looks - requests * (look - 1) // looks
            by_chance = AT_THE_END if look == looks else while_running(look)
            found = compare(of_old(3 * count), of_new(count), samples=SAMPLES, by_chance=by_chance)
            if found.verdict in WORSE:
                return True
    assert found.verdict is Verdict.BETTER_OR_SAME
    return False
