"""Whether an object is ready, by its status: pure functions on kubectl's answers.

`waiting.py` polls them; `diagnosis.py` finds out why an object is not ready.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from knative.ops.objects import Object, group_of

_JOB_TRIES = 2
"""Before a Job counts as failing: its first try may have met a database that was starting."""


@dataclass(frozen=True)
class State:
    ready: bool
    detail: str = ""
    failed: bool = False
    """Its controller reports a failure, which may be transient."""
    ended: bool = False
    """It will not be tried again."""


def state_of(item: Object) -> State:
    """An object of a kind without a readiness of its own is ready when it exists."""
    known = _KNOWN.get((group_of(item["apiVersion"]), item["kind"]))
    return known(item) if known else State(ready=True)


def has_readiness(item: Object) -> bool:
    return (group_of(item["apiVersion"]), item["kind"]) in _KNOWN


def conditions(item: Object) -> dict[str, dict[str, Any]]:
    """The conditions of a status, by type."""
    return {each["type"]: each for each in item.get("status", {}).get("conditions") or ()}


def _observed(item: Object) -> bool:
    """Whether the status is that of the current generation."""
    generation: int = item["metadata"].get("generation", 0)
    seen: int = item.get("status", {}).get("observedGeneration", 0)
    return seen >= generation


def _statefulset(item: Object) -> State:
    wanted = item["spec"].get("replicas", 1)
    status = item.get("status", {})
    ready = min(status.get("readyReplicas", 0), status.get("updatedReplicas", 0))
    return State(_observed(item) and ready >= wanted, f"{ready}/{wanted}")


def _rabbitmq(item: Object) -> State:
    """A RabbitmqCluster has no condition Ready."""
    found = conditions(item)
    parts = {
        name: found.get(name, {}).get("status") for name in ("AllReplicasReady", "ReconcileSuccess")
    }
    lacking = [name for name, status in parts.items() if status != "True"]
    message = next((found[name].get("message", "") for name in lacking if name in found), "")
    ready = not lacking and _observed(item)
    return State(ready, message or ", ".join(f"no {name} yet" for name in lacking))


def _job(item: Object) -> State:
    found = conditions(item)
    if found.get("Complete", {}).get("status") == "True":
        return State(ready=True, detail="complete")
    if (failed := found.get("Failed", {})).get("status") == "True":
        detail = f"{failed.get('reason', 'failed')}: {failed.get('message', '')}"
        return State(ready=False, detail=detail, failed=True, ended=True)
    status = item.get("status", {})
    if tries := status.get("failed", 0):
        return State(ready=False, detail=f"failed {tries} times", failed=tries >= _JOB_TRIES)
    return State(ready=False, detail="running" if status.get("active", 0) else "not started yet")


def _ready_condition(item: Object) -> State:
    if not _observed(item):
        return State(ready=False, detail="not reconciled yet")
    found = conditions(item).get("Ready", {})
    if found.get("status") == "True":
        return State(ready=True)
    # False is not a failure: a Broker has it for as long as RabbitMQ is starting.
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
    # Ready is about the traffic. With a pinned split, or just after a change, it does not cover the
    # newest revision.
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
