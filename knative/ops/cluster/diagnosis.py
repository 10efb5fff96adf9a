"""Why an object is not ready: states of its pods, events, claims, and the last lines of logs.

Each finding names the pod, the reason in the cluster's words, and what to do about it. `permanent`
marks those that waiting does not resolve.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from knative.ops.cli import invocation
from knative.ops.cli.errors import OpsError
from knative.ops.cluster.cluster import Cluster
from knative.ops.objects import Object, group_of

_PULL = "is it pushed ({build}), and may the nodes pull from there?"
_ADVICE = {
    "ImagePullBackOff": _PULL,
    "ErrImagePull": _PULL,
    "InvalidImageName": "check --registry, --tag and --image",
    "CreateContainerConfigError": "a Secret or ConfigMap, or a key in it, is missing",
    "CrashLoopBackOff": "see its last lines",
    "OOMKilled": "it needs a higher memory limit",
    "Unschedulable": "no node has room for it, or may run it",
    "ClaimPending": "does a StorageClass of that name exist, and does its driver run?",
    "FailedCreate": "the namespace's quota or Pod Security forbids it",
}
PERMANENT = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError"}
_CRASHES = 3
"""Restarts after which a crash counts as permanent: earlier, a dependency may be starting."""
_LOG_LINES = 12


@dataclass(frozen=True)
class Finding:
    about: str
    reason: str
    message: str = ""
    log: str = ""
    restarts: int = 0

    @property
    def permanent(self) -> bool:
        if self.reason == "CrashLoopBackOff":
            return self.restarts >= _CRASHES
        return self.reason in PERMANENT

    def __str__(self) -> str:
        text = f"{self.about}: {self.reason}"
        text += f": {self.message}" if self.message else ""
        if advice := _ADVICE.get(self.reason):
            text += f" ({advice.format(build=invocation.command('build -- --push'))})"
        return text

    def with_log(self) -> str:
        if not self.log:
            return str(self)
        lines = "\n".join(f"      | {line}" for line in self.log.splitlines())
        return f"{self}\n{lines}"


def findings_of(cluster: Cluster, items: Sequence[Object]) -> list[Finding]:
    """Never raises: an account without the permission gets fewer findings."""
    found: list[Finding] = []
    try:
        warnings = cluster.every("events", fields="type=Warning")
        for item in items:
            pods = cluster.every("pods", selector=selector) if (selector := _selector(item)) else []
            for pod in pods:
                found += _of_pod(cluster, pod, warnings)
            if not pods:
                found += _of_owner(item, warnings)
            found += _of_conditions(item)
    except OpsError as error:
        reason = str(error).splitlines()[-1].strip()
        found.append(Finding("diagnosis is incomplete", "Refused", reason))
    return list(dict.fromkeys(found))


def _selector(item: Object) -> str:
    """The label selector of an object's pods; "" where it has none."""
    name = item["metadata"]["name"]
    match group_of(item["apiVersion"]), item["kind"]:
        case "apps", _:
            labels = item["spec"]["selector"]["matchLabels"]
            return ",".join(f"{key}={value}" for key, value in labels.items())
        case "batch", "Job":
            return f"batch.kubernetes.io/job-name={name}"
        case "serving.knative.dev", "Service":
            newest = item.get("status", {}).get("latestCreatedRevisionName")
            return f"serving.knative.dev/revision={newest}" if newest else ""
        case "rabbitmq.com", "RabbitmqCluster":
            return f"app.kubernetes.io/name={name},app.kubernetes.io/component=rabbitmq"
        case "eventing.knative.dev", "Broker":
            return f"eventing.knative.dev/broker={name}"
        case "eventing.knative.dev", "Trigger":
            return f"eventing.knative.dev/trigger={name}"
    return ""


def _of_pod(cluster: Cluster, pod: Object, warnings: Sequence[Object]) -> Iterator[Finding]:
    name, status = pod["metadata"]["name"], pod.get("status", {})
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield Finding(f"pod {name}", condition.get("reason", ""), condition.get("message", ""))
            yield from _of_claims(cluster, pod, warnings)
    for container in (
        *(status.get("initContainerStatuses") or ()),
        *(status.get("containerStatuses") or ()),
    ):
        yield from _of_container(cluster, name, container)
    for event in _events_of(warnings, name, exactly=True):
        if event.get("reason") in {"FailedMount", "FailedAttachVolume", "Unhealthy"}:
            yield Finding(f"pod {name}", event["reason"], _shortened(event.get("message", "")))


def _of_container(cluster: Cluster, pod: str, status: dict[str, Any]) -> Iterator[Finding]:
    about = f"pod {pod}, {status['name']}"
    state = status.get("state", {})
    ended = state.get("terminated") or status.get("lastState", {}).get("terminated") or {}
    if waiting := state.get("waiting"):
        reason = waiting.get("reason", "")
        if reason in {"", "ContainerCreating", "PodInitializing"}:
            return
        message = _shortened(waiting.get("message", ""))
        if reason == "CrashLoopBackOff" and ended:
            message = f"ended with {ended.get('exitCode')} ({ended.get('reason', 'Error')})"
            if ended.get("reason") == "OOMKilled":
                yield Finding(about, "OOMKilled")
        log = _log(cluster, pod, status) if reason == "CrashLoopBackOff" else ""
        yield Finding(about, reason, message, log, status.get("restartCount", 0))
    elif state.get("terminated") and ended.get("exitCode"):
        message = f"exit code {ended['exitCode']}"
        yield Finding(about, ended.get("reason", "Error"), message, _log(cluster, pod, status))


def _log(cluster: Cluster, pod: str, status: dict[str, Any]) -> str:
    """The log of the run that failed; the current run has only started."""
    previous = ["--previous"] if status.get("restartCount") else []
    result = cluster.kubectl(
        "logs", pod, "-c", status["name"], f"--tail={_LOG_LINES}", *previous, check=False
    )
    return result.stdout.strip() if result.code == 0 else ""


def _of_claims(cluster: Cluster, pod: Object, warnings: Sequence[Object]) -> Iterator[Finding]:
    names = [
        volume["persistentVolumeClaim"]["claimName"]
        for volume in pod["spec"].get("volumes", [])
        if "persistentVolumeClaim" in volume
    ]
    for claim in cluster.get(f"persistentvolumeclaim/{name}" for name in names):
        if claim.get("status", {}).get("phase") != "Pending":
            continue
        name = claim["metadata"]["name"]
        wanted = claim["spec"].get("storageClassName") or "the default one"
        events = _events_of(warnings, name, exactly=True)
        reason = f": {_shortened(events[-1].get('message', ''))}" if events else ""
        yield Finding(f"claim {name}", "ClaimPending", f"StorageClass {wanted}{reason}")


def _of_owner(item: Object, warnings: Sequence[Object]) -> Iterator[Finding]:
    """For an object without pods: its controller's events say why it created none."""
    for event in _events_of(warnings, item["metadata"]["name"], exactly=False):
        about = event.get("involvedObject", {})
        yield Finding(
            f"{about.get('kind', '')} {about.get('name', '')}".strip(),
            event.get("reason", ""),
            _shortened(event.get("message", "")),
        )


def _of_conditions(item: Object) -> Iterator[Finding]:
    messages: set[str] = set()
    for condition in item.get("status", {}).get("conditions") or ():
        # Several conditions with the same message have one cause.
        if condition["status"] == "False" and condition.get("message") not in {None, "", *messages}:
            messages.add(condition["message"])
            name = f"{item['kind']} {item['metadata']['name']}"
            reason = condition.get("reason") or condition["type"]
            yield Finding(name, reason, _shortened(condition["message"]))


def _events_of(events: Iterable[Object], name: str, *, exactly: bool) -> list[Object]:
    """Events of an object; without `exactly` also those of objects named after it."""

    def fits(other: str) -> bool:
        return other == name or (not exactly and other.startswith(f"{name}-"))

    return [e for e in events if fits(e.get("involvedObject", {}).get("name", ""))]


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 300 else f"{text[:297]}..."
