"""A database's pod that never came up keeps its StatefulSet from replacing it.

Known of StatefulSets: with a broken image or Secret the pod waits for ever, also when the next
apply has put it right (kubernetes.io, "StatefulSets, forced rollback"). Such a pod is deleted; it
never ran, and its volume stays.
"""

from collections.abc import Sequence

from knative.ops.cluster.cluster import Cluster
from knative.ops.cluster.diagnosis import FINAL
from knative.ops.objects import Object, of_kind

_REVISION = "controller-revision-hash"


def free(cluster: Cluster, items: Sequence[Object]) -> None:
    names = [
        f"statefulset.apps/{i['metadata']['name']}" for i in of_kind(items, "StatefulSet", "apps")
    ]
    for found in cluster.get(names):
        wanted = found.get("status", {}).get("updateRevision")
        if not wanted or wanted == found["status"].get("currentRevision"):
            continue
        labels = found["spec"]["selector"]["matchLabels"]
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        for pod in cluster.every("pods", selector=selector):
            old = pod["metadata"].get("labels", {}).get(_REVISION) != wanted
            if old and _never_ran(pod):
                cluster.runner.console.warn("its old pod cannot start, and would be waited for")
                cluster.kubectl("delete", f"pod/{pod['metadata']['name']}", show=True)


def _never_ran(pod: Object) -> bool:
    """Whether a container waits for what an older template asked for."""
    return any(
        each.get("state", {}).get("waiting", {}).get("reason") in FINAL
        for each in pod.get("status", {}).get("containerStatuses") or ()
    )
