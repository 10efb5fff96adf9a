"""Whether a new revision is worse than the one that it replaces; pure functions on their requests.

Two questions are asked of the requests that both revisions answered in the same minutes:

- Are more of the new revision's answers errors (5xx)?
- Are more of them slower than 1.25 times the old revision's p95?

Each is answered by Fisher's exact test, one-sided, on a table of two rows: it is exact for few
requests too, and it accounts for both revisions' chance. A difference counts only if it is also
large enough to matter. Looks at a step that goes on need a stronger proof than its end does, and
each look a stronger one than the look before: their probabilities add up to less than
`WHILE_RUNNING`, however long a step waits for requests.
"""

import math
from dataclasses import dataclass
from enum import Enum

from knative.ops.cluster.requests import Requests

SLOWER = 1.25
"""Times the old revision's p95: what is slower than that counts as slow."""
AT_THE_END, WHILE_RUNNING = 0.01, 0.004
"""Probability of a difference as large by chance, below which it is a breach: at the end of a step,
and at all looks before it together. Two questions at each of four steps refuse a revision that is
the same in at most 12 of 100 rollouts, which is their sum; a simulation finds 2 to 5."""
MORE_ERRORS, MORE_SLOW = 0.005, 0.05
"""The least difference that matters: half a percentage point of errors, five of slow answers."""


class Verdict(Enum):
    BETTER_OR_SAME = "no worse"
    FAILING = "fails more often"
    SLOWER = "is slower"
    TOO_FEW = "too few requests to tell"
    UNREADABLE = "cannot be judged"


@dataclass(frozen=True)
class Comparison:
    verdict: Verdict
    reason: str
    """One line for a person, with the figures."""


def while_running(look: int) -> float:
    """The probability that look 1, 2, ... at a step that goes on may take of `WHILE_RUNNING`."""
    return WHILE_RUNNING / (look * (look + 1))


def compare(old: Requests, new: Requests, *, samples: int, by_chance: float) -> Comparison:
    """Judge the new revision: a breach is what chance explains with less than `by_chance`.

    `samples` is the least number of requests of each revision without which a step does not end
    well. A breach needs no such number: ten errors in ten requests are proof enough.
    """
    figures = f"new {_figures(new)}; old {_figures(old)}"
    probability = fisher(new.errors, new.total, old.errors, old.total)
    if probability < by_chance and _excess(new.errors, new, old.errors, old) > MORE_ERRORS:
        return Comparison(Verdict.FAILING, f"{figures}; by chance {probability:.2g}")
    limit = SLOWER * old.p95()
    if math.isfinite(limit):
        slow_new, slow_old = new.slower_than(limit), old.slower_than(limit)
        probability = fisher(slow_new, new.total, slow_old, old.total)
        if probability < by_chance and _excess(slow_new, new, slow_old, old) > MORE_SLOW:
            return Comparison(
                Verdict.SLOWER,
                f"{figures}; {slow_new} of {new.total} took more than {1000 * limit:.0f} ms, by"
                f" chance {probability:.2g}",
            )
    if min(old.total, new.total) < samples:
        return Comparison(Verdict.TOO_FEW, f"{figures}; {samples} of each are needed")
    return Comparison(Verdict.BETTER_OR_SAME, figures)


def fisher(hits: int, total: int, other_hits: int, other_total: int) -> float:
    """The probability of at least so many hits among `total`, were both of one population.

    Fisher's exact test, one-sided: the upper tail of the hypergeometric distribution.
    """
    everything, all_hits = total + other_total, hits + other_hits
    if total == 0 or other_total == 0:
        return 1.0
    whole = _log_choose(everything, total)
    tail = (
        math.exp(_log_choose(all_hits, k) + _log_choose(everything - all_hits, total - k) - whole)
        for k in range(hits, min(all_hits, total) + 1)
        if total - k <= everything - all_hits
    )
    return min(1.0, math.fsum(tail))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _excess(hits: int, new: Requests, other_hits: int, old: Requests) -> float:
    return hits / new.total - other_hits / old.total if new.total and old.total else 0.0


def _figures(requests: Requests) -> str:
    if not requests.total:
        return "0 requests"
    p95 = requests.p95()
    text = f"{1000 * p95:.0f} ms" if math.isfinite(p95) else "beyond the last bucket"
    return f"{requests.total} requests, {requests.errors} errors, p95 {text}"
