"""The fake cluster's controllers: they write the status of each object, ready or with its fault.

They imitate what deploy depends on: a Trigger has no queue before its dead-letter sink has an
address, a DomainMapping is not ready before its service is, a revision of a name is created once,
and a pinned split stays.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.cluster.ops.fake_kubectl import State

Object = dict[str, Any]

CREATION = "2026-01-01T00:00:00Z"
ROUTING_STATE = "serving.knative.dev/routingState"
ROUTING_STATE_MODIFIED = "serving.knative.dev/routingStateModified"


def settle(state: "State") -> None:
    for item in list(state.objects.values()):
        group = item["apiVersion"].rpartition("/")[0]
        if controller := _CONTROLLERS.get((group, item["kind"])):
            controller(state, item)
    for item in state.of_kind("Trigger"):
        _trigger(state, item)


def _fault(state: "State", item: Object) -> str:
    name = f"{item['kind']}/{item['metadata']['name']}"
    if state.starting.get(name, 0) > 0:
        state.starting[name] -= 1
        return state.faults.get(name, "starting")
    if name in state.starting:
        return ""
    return state.faults.get(f"{item['kind']}/{item['metadata']['name']}", "")


def _conditions(item: Object, message: str = "", **holds: bool) -> None:
    status = item.setdefault("status", {})
    status["observedGeneration"] = item["metadata"]["generation"]
    status["conditions"] = [
        {"type": name, "status": "True" if good else "False", "message": "" if good else message}
        for name, good in holds.items()
    ]


def _rabbitmq(state: "State", item: Object) -> None:
    _conditions(item, AllReplicasReady=True, ReconcileSuccess=True)


def _eventing(state: "State", item: Object) -> None:
    _conditions(item, Ready=not _fault(state, item))


def _statefulset(state: "State", item: Object) -> None:
    name, fault = item["metadata"]["name"], _fault(state, item)
    replicas = item["spec"].get("replicas", 1)
    ready = 0 if fault else replicas
    item["status"] = {
        "observedGeneration": item["metadata"]["generation"],
        "readyReplicas": ready,
        "updatedReplicas": ready,
    }
    if name in state.revisions:
        current, wanted = state.revisions[name]
        item["status"] |= {"currentRevision": current, "updateRevision": wanted}
    for claim in item["spec"].get("volumeClaimTemplates", []):
        created = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {
                "name": f"{claim['metadata']['name']}-{name}-0",
                "namespace": item["metadata"]["namespace"],
            },
            "spec": claim["spec"],
        }
        state.put(created)["status"] = {"phase": "Pending" if fault == "claim" else "Bound"}
    labels = item["spec"]["selector"]["matchLabels"]
    _pod(state, item, f"{name}-0", labels, fault, f"data-{name}-0")


def _deployment(state: "State", item: Object) -> None:
    """Of a manifest of ours; those of release files have the status that a test gives them."""
    if item["metadata"].get("labels", {}).get("app.kubernetes.io/part-of") != "bookstore":
        return
    wanted = item["spec"].get("replicas", 1)
    ready = 0 if _fault(state, item) else wanted
    item["status"] = {
        "observedGeneration": item["metadata"]["generation"],
        "readyReplicas": ready,
        "updatedReplicas": ready,
    }


def _prometheus(state: "State", item: Object) -> None:
    """The operator makes a StatefulSet, which has the labels of the Prometheus."""
    name = f"prometheus-{item['metadata']['name']}"
    metadata = {**item["metadata"], "name": name, "labels": dict(item["metadata"]["labels"])}
    template = {"spec": {"containers": [{"name": "prometheus", "image": item["spec"]["image"]}]}}
    created = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata,
        "spec": {
            "replicas": item["spec"].get("replicas", 1),
            "selector": {"matchLabels": {"operator.prometheus.io/name": "bookstore"}},
            "template": template,
        },
    }
    _statefulset(state, state.put(created))


def _job(state: "State", item: Object) -> None:
    if "status" in item:  # a Job that ended keeps its status
        return
    fault = _fault(state, item)
    name = item["metadata"]["name"].rpartition("-")[0]
    fault = fault or state.faults.get(f"Job/{name}", "")
    if fault == "retrying":
        item["status"] = {"failed": 3, "active": 1, "conditions": []}
        return
    _conditions(item, "BackoffLimitExceeded", **{"Failed" if fault else "Complete": True})
    labels = {"batch.kubernetes.io/job-name": item["metadata"]["name"]}
    _pod(state, item, f"{item['metadata']['name']}-x", labels, fault)


def _knative_service(state: "State", item: Object) -> None:
    metadata, fault = item["metadata"], _fault(state, item)
    name, space = metadata["name"], metadata["namespace"]
    template = item["spec"]["template"]
    revision = template["metadata"]["name"]
    labels = {
        "serving.knative.dev/service": name,
        "serving.knative.dev/revision": revision,
        "serving.knative.dev/configurationGeneration": str(metadata["generation"]),
    }
    key = f"serving.knative.dev/Revision/{space}/{revision}"
    if key not in state.objects:
        created = {"name": revision, "namespace": space, "labels": labels}
        state.put(
            {
                "apiVersion": "serving.knative.dev/v1",
                "kind": "Revision",
                "metadata": {**created, "creationTimestamp": CREATION},
                "spec": template["spec"],
            }
        )
    _conditions(state.objects[key], Ready=not fault)
    ready = item.get("status", {}).get("latestReadyRevisionName", "")
    if not fault:
        ready = revision
    _conditions(item, "it does not become ready", Ready=not fault, ConfigurationsReady=not fault)
    targets = item["spec"].get("traffic") or [{"latestRevision": True, "percent": 100}]
    host = f"{name}.{space}.{state.domain}"
    item["status"] |= {
        "latestCreatedRevisionName": revision,
        "latestReadyRevisionName": ready,
        "traffic": [
            {
                **each,
                "revisionName": each.get("revisionName") or ready,
                **({"url": f"http://{each['tag']}-{host}"} if each.get("tag") else {}),
            }
            for each in targets
            if each.get("revisionName") or ready
        ],
    }
    _label_revisions(state, item)
    if ready:
        item["status"] |= {
            "url": f"http://{host}",
            "address": {"url": f"http://{name}.{space}.svc.cluster.local"},
        }
    _pod(state, item, f"{revision}-pod", labels, fault)


def _label_revisions(state: "State", service: Object) -> None:
    """Which revisions a route has, and since when it has them or not (pkg/reconciler/labeler)."""
    routed = {each["revisionName"] for each in service["status"]["traffic"]}
    for revision in state.of_kind("Revision", "serving.knative.dev"):
        metadata = revision["metadata"]
        labels = metadata["labels"]
        if labels["serving.knative.dev/service"] != service["metadata"]["name"]:
            continue
        before = labels.get(ROUTING_STATE, "pending")
        now = "active" if metadata["name"] in routed else "reserve"
        if now == before or (before, now) == ("pending", "reserve"):
            continue
        labels[ROUTING_STATE] = now
        state.routings += 1
        moment = f"2026-01-01T{state.routings // 60:02}:{state.routings % 60:02}:00Z"
        metadata.setdefault("annotations", {})[ROUTING_STATE_MODIFIED] = moment


def _domain_mapping(state: "State", item: Object) -> None:
    """Ready when the service that it leads to has an address."""
    there = any(
        each["metadata"]["name"] == item["spec"]["ref"]["name"] and "address" in each["status"]
        for each in state.of_kind("Service", "serving.knative.dev")
    )
    _conditions(item, "the reference is not resolved", Ready=there)


_CONTROLLERS: dict[tuple[str, str], Callable[["State", Object], None]] = {
    ("apps", "StatefulSet"): _statefulset,
    ("apps", "Deployment"): _deployment,
    ("batch", "Job"): _job,
    ("rabbitmq.com", "RabbitmqCluster"): _rabbitmq,
    ("serving.knative.dev", "Service"): _knative_service,
    ("serving.knative.dev", "DomainMapping"): _domain_mapping,
    ("eventing.knative.dev", "Broker"): _eventing,
    ("sources.knative.dev", "PingSource"): _eventing,
    ("monitoring.coreos.com", "Prometheus"): _prometheus,
}
"""By group and kind; Triggers follow, because they depend on the others."""


def _trigger(state: "State", item: Object) -> None:
    services = {
        each["metadata"]["name"]: each for each in state.of_kind("Service", "serving.knative.dev")
    }
    sink = item["spec"]["delivery"]["deadLetterSink"]["ref"]["name"]
    there = "address" in services.get(sink, {}).get("status", {})
    broker = bool(state.of_kind("Broker"))
    _conditions(
        item,
        f'services.serving.knative.dev "{sink}" not found',
        Ready=broker and there,
        BrokerReady=broker,
        DeadLetterSinkResolved=there,
    )


_WAITING = {
    "image": ("ImagePullBackOff", 'Back-off pulling image "r.example/nothing": not found'),
    "secret": ("CreateContainerConfigError", 'secret "db-main" not found'),
    "crash": ("CrashLoopBackOff", "back-off 40s restarting failed container"),
}


def _pod(
    state: "State", owner: Object, name: str, labels: dict[str, str], fault: str, claim: str = ""
) -> None:
    """Exists only with a fault, because nothing reads the pods of a healthy object."""
    key = f"/Pod/{owner['metadata']['namespace']}/{name}"
    if owner["kind"] == "StatefulSet" and name[:-2] in state.revisions:
        labels = {**labels, "controller-revision-hash": state.revisions[name[:-2]][0]}
    if not fault:
        state.objects.pop(key, None)
        return
    pod: Object = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": owner["metadata"]["namespace"],
            "labels": labels,
        },
        "spec": {"containers": [{"name": "main"}], "volumes": []},
        "status": {"phase": "Pending"},
    }
    if fault == "claim":
        pod["spec"]["volumes"] = [{"name": "d", "persistentVolumeClaim": {"claimName": claim}}]
        pod["status"]["conditions"] = [
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": "pod has unbound immediate PersistentVolumeClaims",
            }
        ]
    elif fault in _WAITING:
        reason, message = _WAITING[fault]
        container: Object = {
            "name": "main",
            "restartCount": 3,
            "state": {"waiting": {"reason": reason, "message": message}},
        }
        if fault == "crash":
            container["lastState"] = {"terminated": {"exitCode": 1, "reason": "Error"}}
        pod["status"]["containerStatuses"] = [container]
    status = pod.pop("status")
    state.put(pod)["status"] = status
