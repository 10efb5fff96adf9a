"""`nox -s status`: how the shop does: revisions, traffic, readiness, queues, outbox, dead letters.

It only reads, and shows what it reads with. What it cannot see, it says, and goes on.
"""

import sys
from collections.abc import Iterable, Sequence

from knative.ops.cli.errors import OpsError
from knative.ops.cli.option_list import SERVICES
from knative.ops.cli.session import Session, run
from knative.ops.cluster import metrics, traffic
from knative.ops.cluster.cluster import Cluster, connect
from knative.ops.cluster.readiness import state_of
from knative.ops.commands.traffic_commands import options_of
from knative.ops.objects import SELECTOR, Object, of_kind

_SERVICE = "serving.knative.dev/service"
_EVENTING = (
    "rabbitmqclusters.rabbitmq.com",
    "brokers.eventing.knative.dev",
    "triggers.eventing.knative.dev",
    "pingsources.sources.knative.dev",
)


def status(session: Session) -> int:
    options = options_of(session, "status", "Shows how the shop does.", "wake", positionals=())
    cluster = connect(session, options, show=True)
    console = session.console
    services = cluster.every("services.serving.knative.dev", selector=SELECTOR)
    if not services:
        raise OpsError(f"No shop in {cluster.namespace}: nox -s deploy brings it.")
    pods = cluster.every("pods", selector=_SERVICE)
    console.heading("services")
    for service in sorted(services, key=_name):
        _service(cluster, service, _awake(pods, _name(service)))
    others = [cluster.every("statefulsets.apps", selector=SELECTOR)]
    others += [cluster.every(kind, selector=SELECTOR) for kind in _EVENTING]
    console.heading("databases, broker, triggers, sources")
    for item in (item for group in others for item in group):
        _line(cluster, f"{item['kind']} {_name(item)}", _state(item))
    _queues(cluster, others[1], [item for group in others for item in group])
    _backlogs(cluster, pods, wake=options.flag("wake"))
    return 0


def _service(cluster: Cluster, service: Object, pods: Sequence[Object]) -> None:
    console = cluster.runner.console
    awake = f"{len(pods)} awake" if pods else "asleep at zero"
    _line(cluster, _name(service), f"{_state(service)}, {awake}")
    console.say(f"      traffic  {traffic.shown(service)}")
    newest = traffic.newest(service)
    if newest and not traffic.percent_of(service, newest):
        console.say(f"      pinned   {newest} is newer and gets nothing: promote or canary")
    if url := service.get("status", {}).get("url"):
        console.say(f"      address  {url}")


def _queues(cluster: Cluster, rabbitmq: Iterable[Object], items: Iterable[Object]) -> None:
    console = cluster.runner.console
    console.heading("queues")
    known = metrics.names(of_kind(items, "Trigger", "eventing.knative.dev"))
    for broker in rabbitmq:
        try:
            for queue in metrics.queues(cluster, broker):
                _line(cluster, metrics.trigger_of(queue, known), queue.said())
        except OpsError as error:
            console.warn(f"not to be read: {_last(error)}")


def _backlogs(cluster: Cluster, pods: Sequence[Object], *, wake: bool) -> None:
    """Outbox and dead letters are in the database: each pod of a service tells the same."""
    console = cluster.runner.console
    console.heading("outbox and dead letters")
    for name in SERVICES:
        awake = _awake(pods, f"{name}-internal")
        try:
            if awake:
                found = metrics.backlog(cluster, awake[0])
            elif wake:
                found = metrics.backlog_of_sleeper(cluster, f"{name}-internal")
            else:
                _line(cluster, name, "asleep: --wake reads it; its PingSource wakes it by itself")
                continue
        except OpsError as error:
            _line(cluster, name, f"not to be read: {_last(error)}")
            continue
        age = f", the oldest {found.oldest_seconds:.0f} s old" if found.unsent else ""
        _line(cluster, name, f"{found.unsent} unsent{age}; {found.dead_letters} dead letters")


def _awake(pods: Iterable[Object], service: str) -> list[Object]:
    return [
        pod
        for pod in pods
        if pod["metadata"].get("labels", {}).get(_SERVICE) == service
        and pod.get("status", {}).get("phase") == "Running"
        and not pod["metadata"].get("deletionTimestamp")
    ]


def _state(item: Object) -> str:
    state = state_of(item)
    if state.ready:
        return f"ready {state.detail}".strip()
    return f"NOT READY: {state.detail}"


def _line(cluster: Cluster, name: str, text: str) -> None:
    cluster.runner.console.say(f"  {name:<34} {text}")


def _name(item: Object) -> str:
    name: str = item["metadata"]["name"]
    return name


def _last(error: OpsError) -> str:
    return str(error).strip().splitlines()[-1].strip()


if __name__ == "__main__":
    sys.exit(run(status))
