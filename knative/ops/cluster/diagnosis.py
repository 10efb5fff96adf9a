"""Why something does not come up: what its pods wait for, events, claims, and the last log lines.

A time-out alone helps nobody. Each finding names the pod, the cause in the cluster's words, and
what to do about it; `final` marks those that time does not heal.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from knative.ops.cli.errors import OpsError
from knative.ops.cluster.cluster import Cluster
from knative.ops.objects import Object, group_of

_ADVICE = {
    "ImagePullBackOff": "is it pushed (nox -s build -- --push), and may the nodes pull from there?",
    "ErrImagePull": "is it pushed (nox -s build -- --push), and may the nodes pull from there?",
    "InvalidImageName": "look at --registry, --tag and --image",
    "CreateContainerConfigError": "a Secret or ConfigMap, or a key in it, is missing",
    "CrashLoopBackOff": "its last lines say why",
    "OOMKilled": "it needs a higher memory limit",
    "Unschedulable": "no node has room for it, or may run it",
    "ClaimPending": "is there a StorageClass of that name, and does its driver run?",
    "FailedCreate": "the namespace's quota or Pod Security forbids it",
}
FINAL = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError"}
_TRIES = 3
_LOG_LINES = 12


@dataclass(frozen=True)
class Finding:
    about: str
    reason: str
    message: str = ""
    log: str = ""
    restarts: int = 0

    @property
    def final(self) -> bool:
        """Time does not heal it. Whoever crashes gets a few tries: what it needs may come up."""
        if self.reason == "CrashLoopBackOff":
            return self.restarts >= _TRIES
        return self.reason in FINAL

    def __str__(self) -> str:
        advice = _ADVICE.get(self.reason)
        text = f"{self.about}: {self.reason}"
        text += f": {self.message}" if self.message else ""
        return text + (f" ({advice})" if advice else "")

    def whole(self) -> str:
        """With the log."""
        if not self.log:
            return str(self)
        lines = "\n".join(f"      | {line}" for line in self.log.splitlines())
        return f"{self}\n{lines}"


def why(cluster: Cluster, items: Sequence[Object]) -> list[Finding]:
    """Never raises: an account that may not look just learns less."""
    found: list[Finding] = []
    try:
        warnings = _warnings(cluster)
        for item in items:
            pods = cluster.every("pods", selector=selector) if (selector := _selector(item)) else []
            for pod in pods:
                found += _of_pod(cluster, pod, warnings)
            if not pods:
                found += _of_owner(item, warnings)
            found += _conditions(item)
    except OpsError as error:
        found.append(Finding("cannot look further", "Refused", str(error).splitlines()[-1].strip()))
    return list(dict.fromkeys(found))


def _selector(item: Object) -> str:
    """Which pods belong to an object."""
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
            yield from _claims(cluster, pod, warnings)
    for container in (
        *(status.get("initContainerStatuses") or ()),
        *(status.get("containerStatuses") or ()),
    ):
        yield from _of_container(cluster, name, container)
    for event in _about(warnings, name, exactly=True):
        if event.get("reason") in {"FailedMount", "FailedAttachVolume", "Unhealthy"}:
            yield Finding(f"pod {name}", event["reason"], _short(event.get("message", "")))


def _of_container(cluster: Cluster, pod: str, status: dict[str, Any]) -> Iterator[Finding]:
    about = f"pod {pod}, {status['name']}"
    state = status.get("state", {})
    ended = state.get("terminated") or status.get("lastState", {}).get("terminated") or {}
    if waiting := state.get("waiting"):
        reason = waiting.get("reason", "")
        if reason in {"", "ContainerCreating", "PodInitializing"}:
            return
        message = _short(waiting.get("message", ""))
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
    """Of the run that failed: the present one has hardly begun."""
    previous = ["--previous"] if status.get("restartCount") else []
    result = cluster.kubectl(
        "logs", pod, "-c", status["name"], f"--tail={_LOG_LINES}", *previous, check=False
    )
    return result.stdout.strip() if result.code == 0 else ""


def _claims(cluster: Cluster, pod: Object, warnings: Sequence[Object]) -> Iterator[Finding]:
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
        said = [_short(event.get("message", "")) for event in _about(warnings, name, exactly=True)]
        message = f"StorageClass {wanted}" + (f": {said[-1]}" if said else "")
        yield Finding(f"claim {name}", "ClaimPending", message)


def _of_owner(item: Object, warnings: Sequence[Object]) -> Iterator[Finding]:
    """There is no pod: whoever should make it has said why not."""
    for event in _about(warnings, item["metadata"]["name"], exactly=False):
        about = event.get("involvedObject", {})
        yield Finding(
            f"{about.get('kind', '')} {about.get('name', '')}".strip(),
            event.get("reason", ""),
            _short(event.get("message", "")),
        )


def _conditions(item: Object) -> Iterator[Finding]:
    told: set[str] = set()
    for condition in item.get("status", {}).get("conditions") or ():
        # The same words in several conditions are one reason.
        if condition["status"] == "False" and condition.get("message") not in {None, "", *told}:
            told.add(condition["message"])
            name = f"{item['kind']} {item['metadata']['name']}"
            reason = condition.get("reason") or condition["type"]
            yield Finding(name, reason, _short(condition["message"]))


def _warnings(cluster: Cluster) -> list[Object]:
    return cluster.every("events", fields="type=Warning")


def _about(events: Iterable[Object], name: str, *, exactly: bool) -> list[Object]:
    def fits(other: str) -> bool:
        return other == name or (not exactly and other.startswith(f"{name}-"))

    return [e for e in events if fits(e.get("involvedObject", {}).get("name", ""))]


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 300 else f"{text[:297]}..."
