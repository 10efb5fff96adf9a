"""The installed version of each part of the platform, and the settings in its ConfigMaps."""

from collections.abc import Mapping
from dataclasses import dataclass

from knative.ops.cli.errors import CommandFailed
from knative.ops.cli.runner import Result
from knative.ops.cli.versions import Part, Setting, parsed
from knative.ops.cluster.cluster import Cluster
from knative.ops.image import Image

_LABELS = (
    "app.kubernetes.io/version",
    "serving.knative.dev/release",
    "eventing.knative.dev/release",
    "rabbitmq.eventing.knative.dev/release",
)


@dataclass(frozen=True)
class Installed:
    version: str = ""
    """"" where the part is missing or names no version."""
    ready: bool = False
    exists: bool = False
    forbidden: bool = False
    """This account may not read it."""


def version_of(cluster: Cluster, part: Part) -> Installed:
    """The version in the labels of the part's first workload, else in its image's tag."""
    kind, _, name = workload(part.deployments[0]).partition("/")
    result = _get(cluster, f"{kind}s.apps/{name}", part.namespace)
    if result is None:
        return Installed(forbidden=True)
    if not result.stdout.strip():
        return Installed()
    found = result.json()
    labels = found["metadata"].get("labels") or {}
    image = Image.parse(found["spec"]["template"]["spec"]["containers"][0]["image"])
    texts = [*(labels[name] for name in _LABELS if name in labels), image.tag]
    numbers = next((parsed(each) for each in texts if parsed(each)), ())
    wanted = found["spec"].get("replicas", 1)
    ready = found.get("status", {}).get("readyReplicas", 0) >= wanted
    return Installed(".".join(map(str, numbers)), ready=ready, exists=True)


def workload(name: str) -> str:
    """`KIND/NAME` of an entry of `Part.deployments`: a Deployment where it names no kind."""
    return name if "/" in name else f"deployment/{name}"


@dataclass(frozen=True)
class Configured:
    """The data of a ConfigMap of the platform."""

    data: Mapping[str, str]
    exists: bool = True
    forbidden: bool = False
    """This account may not read it."""


def settings_in(cluster: Cluster, setting: Setting) -> Configured:
    """The ConfigMap that the setting is in."""
    result = _get(cluster, f"configmap/{setting.configmap}", setting.namespace)
    if result is None:
        return Configured({}, exists=False, forbidden=True)
    if not result.stdout.strip():
        return Configured({}, exists=False)
    return Configured(result.json().get("data") or {})


def _get(cluster: Cluster, reference: str, namespace: str) -> Result | None:
    """Without output where the object is missing; None where this account may not read it."""
    result = cluster.kubectl(
        *("get", reference, "--ignore-not-found", "-o", "json", "-n", namespace),
        check=False,
        namespaced=False,
    )
    if result.code == 0:
        return result
    if "forbidden" in result.stderr.lower():
        return None
    raise CommandFailed(f"kubectl get {reference} -n {namespace}", result.code, result.stderr)
