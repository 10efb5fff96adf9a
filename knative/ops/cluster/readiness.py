"""Whether an object is as it should be, read from its status: pure functions on what kubectl says.

`waiting.py` asks them again and again; `diagnosis.py` says why one is not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from knative.ops.objects import Object, group_of

_TRIES = 2
"""Of a Job, before it counts as failing: the first may have met a database that was starting."""


@dataclass(frozen=True)
class State:
    ready: bool
    detail: str = ""
    failed: bool = False
    """It says itself that it cannot go on; that may pass."""
    ended: bool = False
    """It will not be tried again."""


def state_of(item: Object) -> State:
    """Kinds that have nothing to wait for are ready when they are there."""
    known = _KNOWN.get((group_of(item["apiVersion"]), item["kind"]))
    return known(item) if known else State(ready=True)


def waits(item: Object) -> bool:
    """Whether there is anything to wait for."""
    return (group_of(item["apiVersion"]), item["kind"]) in _KNOWN


def conditions(item: Object) -> dict[str, dict[str, Any]]:
    return {each["type"]: each for each in item.get("status", {}).get("conditions") or ()}


def _observed(item: Object) -> bool:
    generation: int = item["metadata"].get("generation", 0)
    seen: int = item.get("status", {}).get("observedGeneration", 0)
    return seen >= generation


def _statefulset(item: Object) -> State:
    wanted = item["spec"].get("replicas", 1)
    status = item.get("status", {})
    ready = min(status.get("readyReplicas", 0), status.get("updatedReplicas", 0))
    return State(_observed(item) and ready >= wanted, f"{ready}/{wanted}")


def _rabbitmq(item: Object) -> State:
    """A RabbitmqCluster has no Ready of its own."""
    found = conditions(item)
    parts = {
        name: found.get(name, {}).get("status") for name in ("AllReplicasReady", "ReconcileSuccess")
    }
    lacking = [name for name, status in parts.items() if status != "True"]
    said = next((found[name].get("message", "") for name in lacking if name in found), "")
    ready = not lacking and _observed(item)
    return State(ready, said or ", ".join(f"no {name} yet" for name in lacking))


def _job(item: Object) -> State:
    found = conditions(item)
    if found.get("Complete", {}).get("status") == "True":
        return State(ready=True, detail="complete")
    if (failed := found.get("Failed", {})).get("status") == "True":
        return State(
            False, f"{failed.get('reason', 'failed')}: {failed.get('message', '')}", True, True
        )
    status = item.get("status", {})
    if tries := status.get("failed", 0):
        return State(ready=False, detail=f"failed {tries} times", failed=tries >= _TRIES)
    return State(ready=False, detail="running" if status.get("active", 0) else "not started yet")


def _ready_condition(item: Object) -> State:
    if not _observed(item):
        return State(ready=False, detail="not looked at yet")
    found = conditions(item).get("Ready", {})
    if found.get("status") == "True":
        return State(ready=True)
    # False is no failure: a Broker says it for as long as RabbitMQ is not there.
    detail = ": ".join(part for part in (found.get("reason"), found.get("message")) if part)
    return State(ready=False, detail=detail or "not ready yet")


def _knative_service(item: Object) -> State:
    state = _ready_condition(item)
    found = conditions(item)
    failed = any(
        found.get(name, {}).get("status") == "False" for name in ("Ready", "ConfigurationsReady")
    )
    if not state.ready:
        return State(ready=False, detail=state.detail, failed=failed)
    # Ready speaks of the traffic: with a pinned split, or a moment after a change, it says nothing
    # of the newest revision.
    status = item["status"]
    created = status.get("latestCreatedRevisionName")
    wanted = item["spec"]["template"].get("metadata", {}).get("name") or created
    if status.get("latestReadyRevisionName") != wanted:
        return State(ready=False, detail=f"{wanted} is not ready yet", failed=failed)
    return state


_KNOWN: dict[tuple[str, str], Callable[[Object], State]] = {
    ("apps", "StatefulSet"): _statefulset,
    ("apps", "Deployment"): _statefulset,
    ("batch", "Job"): _job,
    ("rabbitmq.com", "RabbitmqCluster"): _rabbitmq,
    ("eventing.knative.dev", "Broker"): _ready_condition,
    ("eventing.knative.dev", "Trigger"): _ready_condition,
    ("sources.knative.dev", "PingSource"): _ready_condition,
    ("serving.knative.dev", "Service"): _knative_service,
    ("serving.knative.dev", "DomainMapping"): _ready_condition,
}
