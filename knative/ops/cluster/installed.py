"""Which version of a part of the platform a cluster has, and how the part is set."""

from collections.abc import Mapping
from dataclasses import dataclass

from knative.ops.cli.errors import CommandFailed
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
    """"" where it is not there, or does not say."""
    ready: bool = False
    there: bool = False
    unseen: bool = False
    """This account may not look."""


def version_of(cluster: Cluster, part: Part) -> Installed:
    """Told by the label of its first Deployment, else by its image's tag."""
    result = cluster.kubectl(
        *("get", "deployments.apps", part.deployments[0], "--ignore-not-found", "-o", "json"),
        *("-n", part.namespace),
        check=False,
        namespaced=False,
    )
    if result.code != 0:
        if "Forbidden" in result.stderr or "forbidden" in result.stderr:
            return Installed(unseen=True)
        raise CommandFailed(f"kubectl get deployment {part.name}", result.code, result.stderr)
    if not result.stdout.strip():
        return Installed()
    found = result.json()
    labels = found["metadata"].get("labels") or {}
    said = [labels[name] for name in _LABELS if name in labels]
    image = Image.parse(found["spec"]["template"]["spec"]["containers"][0]["image"])
    numbers = next((parsed(each) for each in [*said, image.tag] if parsed(each)), ())
    wanted = found["spec"].get("replicas", 1)
    ready = found.get("status", {}).get("readyReplicas", 0) >= wanted
    return Installed(".".join(map(str, numbers)), ready=ready, there=True)


@dataclass(frozen=True)
class Configured:
    """What a ConfigMap of the platform holds."""

    data: Mapping[str, str]
    there: bool = True
    unseen: bool = False
    """This account may not look."""


def settings_in(cluster: Cluster, setting: Setting) -> Configured:
    """Of the ConfigMap that the setting is in."""
    result = cluster.kubectl(
        *("get", f"configmap/{setting.configmap}", "--ignore-not-found", "-o", "json"),
        *("-n", setting.namespace),
        check=False,
        namespaced=False,
    )
    if result.code != 0:
        if "forbidden" in result.stderr.lower():
            return Configured({}, there=False, unseen=True)
        what = f"kubectl get configmap {setting.configmap}"
        raise CommandFailed(what, result.code, result.stderr)
    if not result.stdout.strip():
        return Configured({}, there=False)
    return Configured(result.json().get("data") or {})
