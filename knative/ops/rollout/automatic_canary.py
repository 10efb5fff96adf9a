"""The traffic of a service moved to its newest revision step by step, and back where that is worse.

Every change is one kn command, which is printed. It names the revision that is compared, so that
one which is deployed meanwhile gets no traffic. Whatever ends it leaves a split that is stated: all
traffic on the new revision, all on the old one, or, after Ctrl-C or a failure, the step that was
reached. The split is in the cluster only: a process that is killed leaves it too, and the next run
begins with what it finds. A split that somebody else changes meanwhile, as by a rollback by hand or
by a second run, ends the run, which then changes nothing more.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from knative.ops.cli import invocation
from knative.ops.cli.console import Console
from knative.ops.cli.errors import OpsError
from knative.ops.cli.runner import Clock
from knative.ops.cluster.requests import Requests, Source
from knative.ops.rollout.analysis import AT_THE_END, Comparison, Verdict, compare, while_running

STEPS = (1, 5, 25, 50)
"""Percent of the traffic, before all of it."""
LOOK_EVERY = 15.0
"""Seconds."""
TRIES = 3
"""Of each reading at a look and of setting the traffic back, with pauses of `PAUSE`, twice
that, and so on, between them."""
PAUSE = 1.0
"""Seconds."""
BLIND = 300.0
"""Seconds without a look at which requests and the split could be read; then the traffic goes back.
A step that goes on serves customers by a revision that nobody watches."""
WORSE = frozenset({Verdict.FAILING, Verdict.SLOWER})

_Result = TypeVar("_Result")


class SplitChanged(OpsError):
    """The split was read, and is not the one that this run has set."""


@dataclass(frozen=True)
class Plan:
    service: str
    old: str
    new: str
    """Names of revisions."""
    step_seconds: float
    samples: int
    patience: float
    """Seconds that a step waits for samples."""


def advance(
    plan: Plan,
    source: Source,
    set_traffic: Callable[..., None],
    split: Callable[[], Mapping[str, int]],
    console: Console,
    clock: Clock,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> bool:
    """Whether the new revision has passed every step; else the old one has all traffic.

    `set_traffic` takes targets as kn does; `split` reads the percentages that are set, and may
    raise `SplitChanged`. Raises `OpsError` where requests cannot be read before the first step,
    traffic cannot be set, or somebody else has set it; the split then stays as it is.
    """
    _read(plan, source, now(), clock)  # a wrong address is found before any traffic moves
    for percent in STEPS:
        console.heading(f"{percent} % for {plan.new}")
        set_traffic(f"{plan.new}={percent}", f"{plan.old}={100 - percent}")
        expected = {plan.new: percent, plan.old: 100 - percent}
        check = partial(_check_split, plan.service, split, expected, clock)
        found = _watch(plan, source, check, console, clock, now)
        if found.verdict is not Verdict.BETTER_OR_SAME:
            console.heading(f"back to {plan.old}")
            console.print(f"{plan.new}: {found.verdict.value}. {found.reason}")
            _set_back(plan, set_traffic, percent, clock)
            return False
    return True


def _set_back(plan: Plan, set_traffic: Callable[..., None], percent: int, clock: Clock) -> None:
    """Raises `OpsError` with what to type, as where the cluster is still away."""
    try:
        _tried(partial(set_traffic, f"{plan.old}=100"), clock)
    except OpsError as error:
        raise OpsError(
            f"The traffic of {plan.service} could not be set back to {plan.old}. {plan.new} may"
            f" still have {percent} %, and nobody watches it. As soon as the cluster answers,"
            f" type:\n  {invocation.command('rollback')} -- {plan.service}\n{error}"
        ) from error


def _check_split(
    service: str, split: Callable[[], Mapping[str, int]], expected: Mapping[str, int], clock: Clock
) -> None:
    if _tried(split, clock) != expected:
        raise SplitChanged(
            f"The traffic of {service} was changed meanwhile, by hand or by another run. This run"
            " ends, and leaves it as it is."
        )


def _watch(
    plan: Plan,
    source: Source,
    check_split: Callable[[], None],
    console: Console,
    clock: Clock,
    now: Callable[[], datetime],
) -> Comparison:
    """The verdict on one step: as soon as the new revision is worse, else when the step ends.

    A look at which requests or the split cannot be read proves nothing, so the step waits for the
    next one, up to `BLIND`. Nothing is lost by that: each look reads all requests since the step
    began. Raises `SplitChanged`, also where requests cannot be read.
    """
    since, started = now(), clock.now()
    look, seen = 0, started
    while True:
        clock.sleep(LOOK_EVERY)
        passed = clock.now() - started
        try:
            old, new = _look(plan, source, check_split, since, clock)
        except SplitChanged:
            raise
        except OpsError as error:
            console.print(f"  {passed:4.0f} s  {error}")
            blind = clock.now() - seen
            if blind >= BLIND:
                reason = f"No look succeeded for {blind:.0f} s; the last one: {error}"
                return Comparison(Verdict.UNREADABLE, reason)
            continue
        look, seen = look + 1, clock.now()
        enough = min(old.total, new.total) >= plan.samples
        ended = passed >= plan.step_seconds and (enough or passed >= plan.patience)
        by_chance = AT_THE_END if ended else while_running(look)
        found = compare(old, new, samples=plan.samples, by_chance=by_chance)
        console.print(f"  {passed:4.0f} s  {found.reason}")
        if ended or found.verdict in WORSE:
            return found


def _look(
    plan: Plan,
    source: Source,
    check_split: Callable[[], None],
    since: datetime,
    clock: Clock,
) -> tuple[Requests, Requests]:
    """What the revisions answered under the split that is still set. Raises `OpsError`."""
    try:
        found = _read(plan, source, since, clock)
    except OpsError:
        check_split()  # a split that has changed ends the run, readable or not
        raise
    check_split()
    return found


def _read(plan: Plan, source: Source, since: datetime, clock: Clock) -> tuple[Requests, Requests]:
    """What the old and the new revision answered. Raises `OpsError` after the last try of one."""
    old, new = (_tried(partial(source, each, since), clock) for each in (plan.old, plan.new))
    return old, new


def _tried(call: Callable[[], _Result], clock: Clock) -> _Result:
    for attempt in range(1, TRIES):
        try:
            return call()
        except OpsError:
            clock.sleep(attempt * PAUSE)
    return call()
