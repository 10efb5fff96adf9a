"""The verdict on a new revision, on series of requests as revisions answer them."""

import math
import random
import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from knative.ops.cli.values import MIN_SAMPLES
from knative.ops.cluster.requests import Durations, Histogram, durations
from knative.ops.rollout.analysis import (
    AT_THE_END,
    WHILE_RUNNING,
    Verdict,
    compare,
    fisher,
    while_running,
)
from knative.ops.rollout.automatic_canary import STEPS, WORSE
from tests.architecture.services import ROOT
from tests.cluster.ops.rollout.rollouts import SAMPLES, Revision, refused


def test_the_fewest_samples_can_prove_something() -> None:
    """A revision of which everything fails is told at the end of a step; with one less it is not,
    and would be taken for no worse."""
    probabilities = [fisher(count, count, 0, count) for count in (MIN_SAMPLES, MIN_SAMPLES - 1)]

    assert probabilities[0] < AT_THE_END <= probabilities[1]


def series(
    seed: int, count: int, *, median: float = 0.02, spread: float = 0.5, failing: float = 0.0
) -> Durations:
    """Requests with log-normal durations, in seconds, as web services have them."""
    source = random.Random(seed)
    return durations(
        [
            (
                500 if source.random() < failing else 200,
                source.lognormvariate(math.log(median), spread),
            )
            for _ in range(count)
        ]
    )


def verdict(old: Durations, new: Durations, *, by_chance: float = AT_THE_END) -> Verdict:
    return compare(old, new, samples=SAMPLES, by_chance=by_chance).verdict


@pytest.mark.parametrize("seed", range(5))
def test_the_same(seed: int) -> None:
    """Another sample of the same durations is no worse."""
    assert verdict(series(seed, 4000), series(seed + 100, 200)) is Verdict.BETTER_OR_SAME


@pytest.mark.parametrize("seed", range(5))
def test_better(seed: int) -> None:
    """A faster revision that fails less is no worse."""
    old, new = series(seed, 4000, failing=0.02), series(seed + 100, 200, median=0.01)

    assert verdict(old, new) is Verdict.BETTER_OR_SAME


@pytest.mark.parametrize("seed", range(5))
def test_slower(seed: int) -> None:
    """Twice the time is seen in a few hundred requests."""
    assert verdict(series(seed, 4000), series(seed + 100, 300, median=0.04)) is Verdict.SLOWER


@pytest.mark.parametrize("seed", range(5))
def test_failing(seed: int) -> None:
    """Five errors in a hundred are seen, also where the errors are fast."""
    assert verdict(series(seed, 4000), series(seed + 100, 300, failing=0.05)) is Verdict.FAILING


def test_failing_at_once() -> None:
    """A revision that fails at every request is seen long before there are enough samples."""
    new = series(2, 8, failing=1.0)

    assert verdict(series(1, 200), new, by_chance=while_running(120)) is Verdict.FAILING


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 500), (500, 0), (99, 99), (4000, 99)])
def test_too_few(old: int, new: int) -> None:
    """Without enough requests of both, the end of a step is no success."""
    assert verdict(series(1, old), series(2, new)) is Verdict.TOO_FEW


def test_as_bad_as_before() -> None:
    """Errors that the old revision has too are not the new one's."""
    old, new = series(1, 4000, failing=0.1), series(2, 300, failing=0.1)

    assert verdict(old, new) is Verdict.BETTER_OR_SAME


def test_a_difference_that_does_not_matter() -> None:
    """One error in a thousand more is certain in a million requests, and passes."""
    old = Histogram((0.1, math.inf), (1_000_000, 0), errors=0)
    new = Histogram((0.1, math.inf), (1_000_000, 0), errors=1_000)

    found = compare(old, new, samples=SAMPLES, by_chance=AT_THE_END)

    assert found.verdict is Verdict.BETTER_OR_SAME


# How a verdict depends on what was seen


LEVELS = st.sampled_from([AT_THE_END, *map(while_running, range(1, 9))])
Pair = tuple[Durations, Durations]


@st.composite
def answered(draw: st.DrawFn, slower: float = 1.0) -> Durations:
    """Some durations, each of many requests, and any number of errors."""
    times = st.tuples(st.floats(0.001, 10), st.integers(1, 150))
    seconds = [
        slower * value
        for value, count in draw(st.lists(times, min_size=1, max_size=4))
        for _ in range(count)
    ]
    errors = draw(st.one_of(st.just(0), st.integers(0, len(seconds)), st.just(len(seconds))))
    return Durations(tuple(sorted(seconds)), errors)


PAIRS = st.sampled_from([1.0, 1.5, 20.0]).flatmap(
    lambda slower: st.tuples(answered(), answered(slower))
)
"""An old and a new revision, the new one often slower."""
ERRING = PAIRS.map(
    lambda pair: (pair[0], replace(pair[1], errors=(pair[1].errors + pair[1].total) // 2))
)
"""The new one answers half of its requests with errors, or more."""


@given(ERRING, st.integers(1, 300), LEVELS)
def test_more_errors_of_the_new_revision(pair: Pair, more: int, level: float) -> None:
    """They never make a revision that fails more often one that does not."""
    old, new = pair
    assume(verdict(old, new, by_chance=level) is Verdict.FAILING)
    worse = replace(new, errors=min(new.total, new.errors + more))

    assert verdict(old, worse, by_chance=level) is Verdict.FAILING


@given(ERRING, st.integers(1, 300), LEVELS)
def test_fewer_errors_of_the_old_revision(pair: Pair, fewer: int, level: float) -> None:
    """They never excuse a new revision that fails more often."""
    old, new = pair
    assume(verdict(old, new, by_chance=level) is Verdict.FAILING)
    better = replace(old, errors=max(0, old.errors - fewer))

    assert verdict(better, new, by_chance=level) is Verdict.FAILING


@given(PAIRS, st.floats(0, 10), st.integers(0, 600), LEVELS)
def test_slower_answers_of_the_new_revision(
    pair: Pair, added: float, first: int, level: float
) -> None:
    """They never make a revision that is worse one that is not."""
    old, new = pair
    assume(verdict(old, new, by_chance=level) in WORSE)
    slower = (*new.seconds[:first], *(value + added for value in new.seconds[first:]))

    assert verdict(old, replace(new, seconds=slower), by_chance=level) in WORSE


@given(answered(), LEVELS)
def test_a_revision_beside_itself(only: Durations, level: float) -> None:
    """The same answers are never worse, good or bad as they are."""
    enough = only.total >= SAMPLES

    assert verdict(only, only, by_chance=level) is (
        Verdict.BETTER_OR_SAME if enough else Verdict.TOO_FEW
    )


@given(PAIRS, st.integers(-8, 8), LEVELS)
def test_the_unit_of_time(pair: Pair, power: int, level: float) -> None:
    """Only the ratio of the times counts; doubling is exact in floating point."""
    in_other_units = [
        replace(each, seconds=tuple(value * 2.0**power for value in each.seconds)) for each in pair
    ]

    assert verdict(*in_other_units, by_chance=level) is verdict(*pair, by_chance=level)


@given(PAIRS, st.integers(1, 200))
def test_a_look_needs_more_proof_than_the_end(pair: Pair, look: int) -> None:
    """What stops a step that goes on would stop it at its end too."""
    assume(verdict(*pair, by_chance=while_running(look)) in WORSE)

    assert verdict(*pair) in WORSE


# How often it errs


def test_all_looks_together() -> None:
    """However many there are, they take less than their share of probability."""
    shares = [while_running(look) for look in range(1, 10_000)]

    assert math.fsum(shares) < WHILE_RUNNING
    assert shares == sorted(shares, reverse=True)


RUNBOOK = (ROOT / "docs/runbooks/canary-and-rollback.md").read_text("utf-8")


def test_the_bound_on_false_alarms() -> None:
    """The runbook's is the sum over two questions at each step."""
    told = re.search(r"refused in at most (\d+) of 100", RUNBOOK)
    assert told is not None

    assert 2 * len(STEPS) * (AT_THE_END + WHILE_RUNNING) < int(told[1]) / 100


OLD = Revision()
NEW = {
    "the same": OLD,
    "2 % errors": replace(OLD, failing=0.02),
    "3 % errors": replace(OLD, failing=0.03),
    "5 % errors": replace(OLD, failing=0.05),
    "1.25 times as slow": replace(OLD, median=0.025),
    "1.5 times as slow": replace(OLD, median=0.03),
    "twice as slow": replace(OLD, median=0.04),
}
TABLE = re.findall(r"^\| (.+) \| (\d+) \| (\d+) \|$", RUNBOOK, re.MULTILINE)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0])
def test_how_often_a_revision_is_refused(row: Sequence[str]) -> None:
    """The runbook's figures are those of 200 rollouts each, up to the last bits of a logarithm."""
    name, *told = row
    found = [100 * refused(OLD, NEW[name], rollouts=200, requests=count) for count in (100, 400)]

    assert found == [pytest.approx(int(each), abs=1) for each in told]


def test_the_table_of_the_runbook() -> None:
    """It has every kind of revision."""
    assert [name for name, *_ in TABLE] == list(NEW)


@pytest.mark.parametrize(
    "only",
    [Revision(failing=0.02), Revision(failing=0.2, spread=1.5), Revision(failing=1.0)],
    ids=["few errors", "many errors, wide times", "nothing but errors"],
)
def test_false_alarms_of_a_long_wait(only: Revision) -> None:
    """Half an hour of looks, a request at each, does not refuse more often than the bound."""
    assert refused(only, only, rollouts=100, requests=120, looks=120) <= 0.12


# Fisher's exact test


@given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 30), st.integers(1, 30))
def test_fisher_is_exact(hits: int, total: int, other_hits: int, other_total: int) -> None:
    """It is the tail of the hypergeometric distribution, computed here in whole numbers."""
    hits, other_hits = min(hits, total), min(other_hits, other_total)
    everything, all_hits = total + other_total, hits + other_hits
    tail = sum(
        Fraction(math.comb(all_hits, k) * math.comb(everything - all_hits, total - k))
        for k in range(hits, min(all_hits, total) + 1)
    ) / math.comb(everything, total)

    assert math.isclose(fisher(hits, total, other_hits, other_total), float(tail), rel_tol=1e-9)


def test_fisher_of_nothing() -> None:
    """Without requests of one of them, nothing is unlikely."""
    assert [fisher(0, 0, 5, 10), fisher(5, 10, 0, 0)] == [1.0, 1.0]


# Histograms


@given(st.lists(st.floats(0.001, 20), min_size=1, max_size=200), st.floats(0.001, 20))
def test_a_histogram_exaggerates_nothing(seconds: list[float], limit: float) -> None:
    """It counts no request as slower than a time that was not."""
    bounds = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, math.inf)
    counts = [0] * len(bounds)
    for each in seconds:
        counts[next(index for index, bound in enumerate(bounds) if each <= bound)] += 1
    exact = durations([(200, each) for each in seconds])
    coarse = Histogram(bounds, tuple(counts), errors=0)

    assert coarse.total == exact.total
    assert coarse.slower_than(limit) <= exact.slower_than(limit)
    assert coarse.p95() >= exact.p95()
