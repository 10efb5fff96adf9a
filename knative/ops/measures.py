"""Figures that no object of the cluster has: queue depths, outbox, dead letters.

They are read from inside the pods (`kubectl exec`), so no password is needed, no port is opened, no
NetworkPolicy is in the way, and a service is not kept awake by being looked at: that goes past
Knative's queue-proxy, which counts requests.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from knative.ops.cluster import Cluster, Object
from knative.ops.errors import OpsError
from knative.ops.ingress import INTERNAL, Way, forwarded

# The image has Python and no curl; the port is the one that Knative gives the container.
_READ_METRICS = (
    "import os, urllib.request as r;"
    "print(r.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/metrics', timeout=20)"
    ".read().decode())"
)
_SAMPLE = re.compile(r"^(\w+)(?:\{[^}]*\})? ([-+.\deE]+|NaN|[-+]Inf)$", re.MULTILINE)


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
    """Of the namespace's Triggers. Raises `OpsError`."""
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


def trigger_of(queue: Queue, namespace: str) -> str:
    """`NAMESPACE.TRIGGER.BROKER-UID`, or `t.NAMESPACE.TRIGGER.dlq.TRIGGER-UID`."""
    if match := re.match(rf"t\.{re.escape(namespace)}\.(.+)\.dlq\.", queue.name):
        return f"{match[1]}, dead letters"
    match = re.match(rf"{re.escape(namespace)}\.(.+)\.[0-9a-f-]{{36}}$", queue.name)
    return match[1] if match else queue.name


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
