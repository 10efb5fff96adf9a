"""Waiting until objects are as they should be, saying what they lack, and giving up with reasons.

It gives up early where time does not help: an image that is not there, a Secret without the key.
A condition that turned false gets a moment, because many pass through one on their way.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from knative.ops.cli.console import Console
from knative.ops.cli.errors import OpsError
from knative.ops.cluster import diagnosis
from knative.ops.cluster.cluster import Cluster
from knative.ops.cluster.diagnosis import Finding
from knative.ops.cluster.readiness import State, state_of, waits
from knative.ops.objects import Object, key_of, reference

POLL = 2.0
LOOK_AFTER = 10.0
"""Seconds before the first look at why something is not ready, and between looks."""
PATIENCE = 60.0
"""Seconds that something which says that it failed is given to recover."""


@dataclass
class _Tale:
    """What was told of why something is not ready.

    At a start much is missing for a moment, which is told without alarm; what time does not heal,
    and is still so at the next look, is a warning.
    """

    console: Console
    told: set[Finding] = field(default_factory=set)
    before: set[tuple[str, str]] = field(default_factory=set)
    warned: set[tuple[str, str]] = field(default_factory=set)

    def tell(self, findings: Sequence[Finding], *, last: bool) -> None:
        """`last` where there will be no other look."""
        for finding in findings:
            what = (finding.about, finding.reason)
            if finding.final and (last or what in self.before) and what not in self.warned:
                self.warned.add(what)
                self.console.warn(str(finding) if finding in self.told else finding.whole())
            elif finding not in self.told and what not in self.warned:
                self.console.say(f"  so far: {finding.whole()}")
            self.told.add(finding)
        self.before = {(finding.about, finding.reason) for finding in findings}


Judge = Callable[[Object], State]


@dataclass
class Patience:
    """Since when something has been failing."""

    since: float | None = None

    def over(self, failing: bool, now: float) -> bool:
        if not failing:
            self.since = None
            return False
        self.since = now if self.since is None else self.since
        return now - self.since >= PATIENCE


def until_ready(
    cluster: Cluster,
    title: str,
    items: Sequence[Object],
    *,
    timeout: float,
    judge: Judge = state_of,
) -> list[Object]:
    """The objects as they then are. Raises `OpsError` with the reasons."""
    awaited = [item for item in items if waits(item)]
    if not awaited:
        return []
    clock, console = cluster.runner.clock, cluster.runner.console
    start = next_look = clock.now()
    next_look += LOOK_AFTER
    patience, findings, tale = Patience(), list[Finding](), _Tale(console)
    with console.step(title) as step:
        while True:
            now = clock.now()
            found = {key_of(each): each for each in cluster.get([reference(i) for i in awaited])}
            states = {
                item["metadata"]["name"]: _judged(found.get(key_of(item)), judge)
                for item in awaited
            }
            lacking = [item for item in awaited if not states[item["metadata"]["name"]].ready]
            if not lacking:
                step.done(_summary(states))
                return list(found.values())
            step.update(_summary(states))
            over = now - start > timeout or any(state.ended for state in states.values())
            if over or now >= next_look:
                next_look = now + LOOK_AFTER
                findings = diagnosis.why(cluster, [found.get(key_of(i), i) for i in lacking])
                tale.tell(findings, last=over)
            failing = any(s.failed for s in states.values()) or any(f.final for f in findings)
            if over or patience.over(failing, now):
                raise OpsError(_given_up(states, findings, now - start))
            clock.sleep(POLL)


def _judged(item: Object | None, judge: Judge) -> State:
    return State(ready=False, detail="not there") if item is None else judge(item)


def _summary(states: dict[str, State]) -> str:
    ready = sum(state.ready for state in states.values())
    if ready == len(states):
        return f"{ready}/{len(states)}"
    lacking = (
        f"{name} ({state.detail[:80]})" if state.detail else name
        for name, state in states.items()
        if not state.ready
    )
    return f"{ready}/{len(states)}, waiting for {', '.join(lacking)}"


def _given_up(states: dict[str, State], findings: Sequence[Finding], seconds: float) -> str:
    lines = [f"Not ready after {seconds:.0f} s:"]
    lines += [
        f"  - {name}: {state.detail or 'no reason given'}"
        for name, state in states.items()
        if not state.ready
    ]
    if findings:
        lines += ["Why (logs are above):", *(f"  - {finding}" for finding in findings)]
    lines.append("When that is put right, the same command goes on from here.")
    return "\n".join(lines)
