"""`nox -s status`: revisions, traffic, readiness, queues, outbox, dead letters, observability.

It only reads, and prints the commands that it reads with. What cannot be read is reported, and the
rest is shown.
"""

import sys
from collections.abc import Iterable, Sequence

from knative.ops.cli import invocation
from knative.ops.cli.errors import OpsError
from knative.ops.cli.options import StatusOptions
from knative.ops.cli.session import Session, run
from knative.ops.cli.values import OBSERVABILITY, SERVICES_WITH_API
from knative.ops.cli.versions import pins
from knative.ops.cluster import installed, metrics, traffic
from knative.ops.cluster.cluster import Cluster, connect
from knative.ops.cluster.readiness import state_of
from knative.ops.objects import SELECTOR, Object, of_kind

_SERVICE_LABEL = "serving.knative.dev/service"
_EVENTING = (
    "rabbitmqclusters.rabbitmq.com",
    "brokers.eventing.knative.dev",
    "triggers.eventing.knative.dev",
    "pingsources.sources.knative.dev",
)
_COLLECTOR = "app.kubernetes.io/component=collector"
_Row = tuple[str, str]


def status(session: Session) -> int:
    options = session.options(StatusOptions)
    cluster = connect(session, options, show=True)
    console = session.console
    services = cluster.every("services.serving.knative.dev", selector=SELECTOR)
    if not services:
        raise OpsError(
            f"No shop in {cluster.namespace}. To deploy one: {invocation.command('deploy')}"
        )
    pods = cluster.every("pods", selector=_SERVICE_LABEL)
    databases = cluster.every("statefulsets.apps", selector=SELECTOR)
    eventing = [cluster.every(kind, selector=SELECTOR) for kind in _EVENTING]
    triggers = [item for group in eventing for item in group]
    queues = _queues(cluster, eventing[0], triggers)
    backlogs = _backlogs(cluster, pods, wake=options.wake)
    for heading, rows in (
        ("services", [row for each in sorted(services, key=_name) for row in _service(each, pods)]),
        (
            "databases, broker, triggers, sources",
            [(f"{item['kind']} {_name(item)}", _state(item)) for item in (*databases, *triggers)],
        ),
        ("queues", queues),
        ("outbox and dead letters", backlogs),
        ("observability", _observability(cluster)),
    ):
        console.heading(heading)
        console.table(rows)
    return 0


def _service(service: Object, pods: Sequence[Object]) -> Iterable[_Row]:
    running = len(_running(pods, _name(service)))
    yield (
        _name(service),
        f"{_state(service)}, {running} pods" if running else (f"{_state(service)}, scaled to zero"),
    )
    yield "  traffic", traffic.describe(service)
    newest = traffic.newest(service)
    if newest and not traffic.percent_of(service, newest):
        yield "  pinned", f"{newest} is newer and gets nothing: promote or canary"
    if url := service.get("status", {}).get("url"):
        yield "  address", url


def _queues(cluster: Cluster, rabbitmq: Iterable[Object], items: Iterable[Object]) -> list[_Row]:
    known = metrics.queue_owners(of_kind(items, "Trigger", "eventing.knative.dev"))
    rows = []
    for broker in rabbitmq:
        try:
            rows += [
                (metrics.owner_of(queue, known), queue.describe())
                for queue in metrics.queues(cluster, broker)
            ]
        except OpsError as error:
            rows.append((_name(broker), f"cannot be read: {_last_line(error)}"))
    return rows


def _backlogs(cluster: Cluster, pods: Sequence[Object], *, wake: bool) -> list[_Row]:
    """Outbox and dead letters are in the database, so one pod of each service is enough."""
    rows = []
    for name in SERVICES_WITH_API:
        running = _running(pods, f"{name}-internal")
        try:
            if running:
                found = metrics.backlog(cluster, running[0])
            elif wake:
                found = metrics.wake_and_read_backlog(cluster, f"{name}-internal")
            else:
                rows.append((name, "scaled to zero: --wake starts it; so does its PingSource"))
                continue
        except OpsError as error:
            rows.append((name, f"cannot be read: {_last_line(error)}"))
            continue
        rows.append((name, found.describe()))
    return rows


def _observability(cluster: Cluster) -> list[_Row]:
    """The shop's collector, and what `platform --with observability` installs. A shop can do
    without both, and one with a backend elsewhere has the collector only."""
    collectors = cluster.every("deployments.apps", selector=f"{SELECTOR},{_COLLECTOR}")
    rows = [(f"collector {_name(each)}", _state(each)) for each in collectors]
    if not rows:
        rows.append(("collector", "not deployed: --components observability"))
    parts = [each for each in pins().parts if each.group == OBSERVABILITY]
    try:
        found = [(part.name, installed.version_of(cluster, part)) for part in parts]
    except OpsError as error:
        return [*rows, ("platform", f"cannot be read: {_last_line(error)}")]
    if not any(each.exists or each.forbidden for _, each in found):
        command = invocation.command(f"platform -- --with {OBSERVABILITY}")
        return [*rows, ("platform", f"not installed: {command}")]
    return [*rows, *((name, _installed(each)) for name, each in found)]


def _installed(part: installed.Installed) -> str:
    if part.forbidden:
        return "this account may not read it"
    if not part.exists:
        return "missing"
    return f"{'ready' if part.ready else 'NOT READY'}, {part.version or 'of an unknown version'}"


def _running(pods: Iterable[Object], service: str) -> list[Object]:
    return [
        pod
        for pod in pods
        if pod["metadata"].get("labels", {}).get(_SERVICE_LABEL) == service
        and pod.get("status", {}).get("phase") == "Running"
        and not pod["metadata"].get("deletionTimestamp")
    ]


def _state(item: Object) -> str:
    state = state_of(item)
    if state.ready:
        return f"ready {state.detail}".strip()
    return f"NOT READY: {state.detail}"


def _name(item: Object) -> str:
    name: str = item["metadata"]["name"]
    return name


def _last_line(error: OpsError) -> str:
    return str(error).strip().splitlines()[-1].strip()


if __name__ == "__main__":
    sys.exit(run(status))
