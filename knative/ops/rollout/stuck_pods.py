"""Deletes a database's pod that never started and keeps its StatefulSet from replacing it.

A known limitation of StatefulSets: a pod with a broken image or Secret is waited for, also when the
next apply has corrected the template (kubernetes.io, "StatefulSets, forced rollback"). Such a pod
never ran, and its volume stays.
"""

from collections.abc import Sequence

from knative.ops.cluster.cluster import Cluster
from knative.ops.cluster.diagnosis import PERMANENT
from knative.ops.objects import Object, of_kind, reference

_REVISION = "controller-revision-hash"


def delete(cluster: Cluster, items: Sequence[Object]) -> None:
    for found in cluster.get(reference(each) for each in of_kind(items, "StatefulSet", "apps")):
        wanted = found.get("status", {}).get("updateRevision")
        if not wanted or wanted == found["status"].get("currentRevision"):
            continue
        labels = found["spec"]["selector"]["matchLabels"]
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        for pod in cluster.every("pods", selector=selector):
            old = pod["metadata"].get("labels", {}).get(_REVISION) != wanted
            if old and _never_started(pod):
                name = pod["metadata"]["name"]
                cluster.runner.console.warn(f"{name} cannot start, and blocks its replacement")
                cluster.kubectl("delete", f"pod/{name}", show=True)


def _never_started(pod: Object) -> bool:
    return any(
        each.get("state", {}).get("waiting", {}).get("reason") in PERMANENT
        for each in pod.get("status", {}).get("containerStatuses") or ()
    )
