"""Waits until objects are ready, shows the progress, and gives the reasons for a failure.

It fails early for what waiting cannot resolve, such as a missing image or Secret. A condition that
is False is tolerated for a minute, because many are False for a moment.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from knative.ops.cli.console import Console
from knative.ops.cli.errors import OpsError
from knative.ops.cluster.cluster import Cluster
from knative.ops.cluster.diagnosis import Finding, findings_of
from knative.ops.cluster.readiness import State, has_readiness, state_of
from knative.ops.objects import Object, key_of, reference

POLL = 2.0
DIAGNOSE_EVERY = 10.0
"""Seconds before the first diagnosis, and between diagnoses."""
FAILURE_TOLERANCE = 60.0
"""Seconds for which an object may report a failure before waiting ends."""

StateFunction = Callable[[Object], State]


@dataclass
class _FindingLog:
    """Prints each finding once.

    While the shop starts, much is missing for a moment, and is printed as progress. A permanent
    finding that is still there at the next diagnosis is a warning.
    """

    console: Console
    printed: set[Finding] = field(default_factory=set)
    previous: set[tuple[str, str]] = field(default_factory=set)
    warned: set[tuple[str, str]] = field(default_factory=set)

    def report(self, findings: Sequence[Finding], *, last: bool) -> None:
        """`last`: no other diagnosis follows."""
        for finding in findings:
            key = (finding.about, finding.reason)
            if finding.permanent and (last or key in self.previous) and key not in self.warned:
                self.warned.add(key)
                known = finding in self.printed
                self.console.warn(str(finding) if known else finding.with_log())
            elif finding not in self.printed and key not in self.warned:
                self.console.print(f"  so far: {finding.with_log()}")
            self.printed.add(finding)
        self.previous = {(finding.about, finding.reason) for finding in findings}


@dataclass
class _FailureTimer:
    """How long a failure has lasted without a break."""

    since: float | None = None

    def exceeded(self, failing: bool, now: float) -> bool:
        if not failing:
            self.since = None
            return False
        self.since = now if self.since is None else self.since
        return now - self.since >= FAILURE_TOLERANCE


def until_ready(
    cluster: Cluster,
    title: str,
    items: Sequence[Object],
    *,
    timeout: float,
    state: StateFunction = state_of,
) -> list[Object]:
    """The objects as they then are. Raises `OpsError` with the reasons."""
    awaited = [item for item in items if has_readiness(item)]
    if not awaited:
        return []
    clock, console = cluster.runner.clock, cluster.runner.console
    start = clock.now()
    next_diagnosis = start + DIAGNOSE_EVERY
    timer, findings, log = _FailureTimer(), list[Finding](), _FindingLog(console)
    with console.step(title) as step:
        while True:
            now = clock.now()
            found = {key_of(each): each for each in cluster.get([reference(i) for i in awaited])}
            states = {
                item["metadata"]["name"]: _state(found.get(key_of(item)), state) for item in awaited
            }
            lacking = [item for item in awaited if not states[item["metadata"]["name"]].ready]
            if not lacking:
                step.done(_summary(states))
                return list(found.values())
            step.update(_summary(states))
            over = now - start > timeout or any(each.ended for each in states.values())
            if over or now >= next_diagnosis:
                next_diagnosis = now + DIAGNOSE_EVERY
                findings = findings_of(cluster, [found.get(key_of(i), i) for i in lacking])
                log.report(findings, last=over)
            failing = any(s.failed for s in states.values()) or any(f.permanent for f in findings)
            if over or timer.exceeded(failing, now):
                raise OpsError(_failure(states, findings, now - start))
            clock.sleep(POLL)


def _state(item: Object | None, state: StateFunction) -> State:
    return State(ready=False, detail="does not exist") if item is None else state(item)


def _summary(states: Mapping[str, State]) -> str:
    ready = sum(state.ready for state in states.values())
    if ready == len(states):
        return f"{ready}/{len(states)}"
    lacking = (
        f"{name} ({state.detail[:80]})" if state.detail else name
        for name, state in states.items()
        if not state.ready
    )
    return f"{ready}/{len(states)}, waiting for {', '.join(lacking)}"


def _failure(states: Mapping[str, State], findings: Sequence[Finding], seconds: float) -> str:
    lines = [f"Not ready after {seconds:.0f} s:"]
    lines += [
        f"  - {name}: {state.detail or 'no reason given'}"
        for name, state in states.items()
        if not state.ready
    ]
    if findings:
        lines += ["Why (logs are above):", *(f"  - {finding}" for finding in findings)]
    lines.append("When that is resolved, run the same command again to continue.")
    return "\n".join(lines)
