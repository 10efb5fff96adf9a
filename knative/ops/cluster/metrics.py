"""Figures that are in no object of the cluster: queue depths, outbox, dead letters.

They are read inside the pods (`kubectl exec`): that needs no password, no open port and no
exception in a NetworkPolicy. It also bypasses Knative's queue-proxy, which counts requests, so that
reading does not keep a service from scaling to zero.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from knative.ops.cli.errors import OpsError
from knative.ops.cluster.cluster import Cluster
from knative.ops.cluster.ingress import INTERNAL, IngressRoute, port_forward
from knative.ops.objects import Object

# The image has Python and no curl; PORT is the port that Knative gives the container.
_READ_METRICS = (
    "import os, urllib.request as r;"
    "print(r.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/metrics', timeout=20)"
    ".read().decode())"
)

_MAX_NAME, _DIGEST_LENGTH = 63, 32
"""Characters of a name in Kubernetes, and of an MD5 digest in hexadecimal."""


@dataclass(frozen=True)
class Queue:
    name: str
    waiting: int
    consumers: int

    def describe(self) -> str:
        return f"{self.waiting} waiting" + ("" if self.consumers else ", without a consumer")


@dataclass(frozen=True)
class Backlog:
    unsent: int
    oldest_seconds: float
    dead_letters: int

    def describe(self) -> str:
        age = f", the oldest {self.oldest_seconds:.0f} s old" if self.unsent else ""
        return f"{self.unsent} unsent{age}; {self.dead_letters} dead letters"


def queues(cluster: Cluster, rabbitmq: Object) -> list[Queue]:
    """All queues of the server. Raises `OpsError`."""
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


def queue_owners(triggers: Iterable[Object]) -> dict[str, str]:
    """Descriptions of these Triggers' queues, by the prefix of a queue's name.

    Source: eventing-rabbitmq's naming.go. A Trigger's queue is NAMESPACE.TRIGGER.BROKER-UID. Its
    dead-letter queue is named as a child object, with a hash where the name would be too long.
    """
    found = {}
    for trigger in triggers:
        metadata = trigger["metadata"]
        space, name, uid = metadata["namespace"], metadata["name"], metadata["uid"]
        found[f"{space}.{name}."] = name
        found[child_name(f"t.{space}.{name}.dlq.", uid)] = f"{name}, dead letters"
    return found


def owner_of(queue: Queue, owners: Mapping[str, str]) -> str:
    """The queue's description from `queue_owners`; its own name if there is none."""
    found = (owner for prefix, owner in owners.items() if queue.name.startswith(prefix))
    return next(found, queue.name)


def child_name(parent: str, suffix: str) -> str:
    """The name of an object's child. Source: kmeta.ChildName in knative.dev/pkg."""
    if len(parent) + len(suffix) <= _MAX_NAME:
        return parent + suffix
    head = _MAX_NAME - _DIGEST_LENGTH
    if len(suffix) < head:
        return parent[: head - len(suffix)] + _digest(parent) + suffix
    short = parent[:head] + _digest(parent + suffix)
    whole = short + suffix[: max(0, _MAX_NAME - len(short))]
    return whole.rstrip("-._")


def _digest(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def backlog(cluster: Cluster, pod: Object) -> Backlog:
    """The backlog as a running pod reports it. Raises `OpsError`."""
    result = cluster.kubectl(
        *("exec", pod["metadata"]["name"], "-c", _service_container(pod), "--"),
        *("python", "-c", _READ_METRICS),
        timeout=60.0,
    )
    return parse(result.stdout)


def wake_and_read_backlog(cluster: Cluster, service: str) -> Backlog:
    """The backlog of a service at zero, read through the internal gateway, which starts a pod.

    Raises `OpsError`.
    """
    host = f"{service}.{cluster.namespace}.svc.cluster.local"
    with port_forward(cluster, INTERNAL) as port:
        try:
            response = IngressRoute("127.0.0.1", port).request("GET", f"http://{host}/metrics")
        except OSError as error:
            raise OpsError(f"{service} did not start: {error}") from error
    if response.status != 200:
        raise OpsError(f"{service} answered {response.status}")
    return parse(response.text)


def parse(text: str) -> Backlog:
    """Prometheus' text format. Raises `OpsError` where a metric is missing or malformed."""
    try:
        found = {
            sample.name: sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
        return Backlog(
            unsent=int(found["outbox_unsent_events"]),
            oldest_seconds=found["outbox_oldest_unsent_seconds"],
            dead_letters=int(found["dead_letters"]),
        )
    except KeyError as error:
        raise OpsError(f"the metric {error} is missing") from error
    except ValueError as error:
        raise OpsError(f"malformed metrics: {error}") from error


def _service_container(pod: Object) -> str:
    """Beside it each pod has Knative's queue-proxy."""
    names: list[str] = [each["name"] for each in pod["spec"]["containers"]]
    return next((name for name in names if name != "queue-proxy"), names[0])
