"""Figures that no object of the cluster has: queue depths, outbox, dead letters.

They are read from inside the pods (`kubectl exec`), so no password is needed, no port is opened, no
NetworkPolicy is in the way, and a service is not kept awake by being looked at: that goes past
Knative's queue-proxy, which counts requests.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from knative.ops.cli.errors import OpsError
from knative.ops.cluster.cluster import Cluster
from knative.ops.cluster.ingress import INTERNAL, Way, forwarded
from knative.ops.objects import Object

# The image has Python and no curl; the port is the one that Knative gives the container.
_READ_METRICS = (
    "import os, urllib.request as r;"
    "print(r.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/metrics', timeout=20)"
    ".read().decode())"
)
_SAMPLE = re.compile(r"^(\w+)(?:\{[^}]*\})? ([-+.\deE]+|NaN|[-+]Inf)$", re.MULTILINE)

_LONGEST, _DIGEST = 63, 32
"""Characters of a name in Kubernetes, and of an MD5 digest."""


@dataclass(frozen=True)
class Queue:
    name: str
    waiting: int
    consumers: int

    def said(self) -> str:
        nobody = "" if self.consumers else ", and nobody reads it"
        return f"{self.waiting} waiting{nobody}"


@dataclass(frozen=True)
class Backlog:
    unsent: int
    oldest_seconds: float
    dead_letters: int


def queues(cluster: Cluster, rabbitmq: Object) -> list[Queue]:
    """All that the server has. Raises `OpsError`."""
    name, namespace = rabbitmq["metadata"]["name"], rabbitmq["metadata"]["namespace"]
    result = cluster.kubectl(
        *("exec", f"{name}-server-0", "-n", namespace, "-c", "rabbitmq", "--"),
        *("rabbitmqctl", "list_queues", "--quiet", "--formatter", "json"),
        *("name", "messages", "consumers"),
        namespaced=False,
    )
    return [
        Queue(each["name"], each["messages"], each["consumers"])
        for each in sorted(result.json(), key=lambda each: str(each["name"]))
    ]


def names(triggers: Iterable[Object]) -> dict[str, str]:
    """What each queue of these Triggers is, by the beginning of its name.

    Source: eventing-rabbitmq's naming.go. A Trigger's queue is NAMESPACE.TRIGGER.BROKER-UID; that
    of its dead letters is named as Knative names children, by a hash where it would be too long.
    """
    found = {}
    for trigger in triggers:
        metadata = trigger["metadata"]
        space, name, uid = metadata["namespace"], metadata["name"], metadata["uid"]
        found[f"{space}.{name}."] = name
        found[child_name(f"t.{space}.{name}.dlq.", uid)] = f"{name}, dead letters"
    return found


def trigger_of(queue: Queue, known: Mapping[str, str]) -> str:
    """Whose queue it is, by `names`; a queue of nobody's that is known keeps its own name."""
    return next((said for start, said in known.items() if queue.name.startswith(start)), queue.name)


def child_name(parent: str, suffix: str) -> str:
    """The name of an object's child. Source: kmeta.ChildName in knative.dev/pkg."""
    if len(parent) + len(suffix) <= _LONGEST:
        return parent + suffix
    head = _LONGEST - _DIGEST
    if len(suffix) < head:
        return parent[: head - len(suffix)] + _digest(parent) + suffix
    short = parent[:head] + _digest(parent + suffix)
    whole = short + suffix[: max(0, _LONGEST - len(short))]
    return whole.rstrip("-._")


def _digest(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def backlog(cluster: Cluster, pod: Object) -> Backlog:
    """From a pod that is awake. Raises `OpsError`."""
    result = cluster.kubectl(
        *("exec", pod["metadata"]["name"], "-c", _container(pod), "--"),
        *("python", "-c", _READ_METRICS),
        timeout=60.0,
    )
    return parse(result.stdout)


def backlog_of_sleeper(cluster: Cluster, service: str) -> Backlog:
    """Through the cluster's own gateway, which wakes the service. Raises `OpsError`."""
    host = f"{service}.{cluster.namespace}.svc.cluster.local"
    with forwarded(cluster, INTERNAL) as port:
        try:
            answer = Way("127.0.0.1", port).ask("GET", f"http://{host}/metrics")
        except OSError as error:
            raise OpsError(f"{service} did not wake: {error}") from error
    if answer.status != 200:
        raise OpsError(f"{service} answered {answer.status}")
    return parse(answer.text)


def parse(text: str) -> Backlog:
    """Prometheus' text format. Raises `OpsError`."""
    found: Mapping[str, str] = dict(_SAMPLE.findall(text))
    try:
        return Backlog(
            unsent=int(float(found["outbox_unsent_events"])),
            oldest_seconds=float(found["outbox_oldest_unsent_seconds"]),
            dead_letters=int(float(found["dead_letters"])),
        )
    except (KeyError, ValueError) as error:
        raise OpsError(f"its metrics lack {error}") from error


def _container(pod: Object) -> str:
    """The service's own; the other one is Knative's."""
    names: list[str] = [each["name"] for each in pod["spec"]["containers"]]
    return next((name for name in names if name != "queue-proxy"), names[0])
