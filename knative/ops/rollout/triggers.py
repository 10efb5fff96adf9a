"""Triggers and the services that they call need each other: which comes first, and why.

The RabbitMQ broker makes a Trigger's queue only when the Trigger's dead-letter sink has an address,
and a Knative Service has one only when a revision of it has been ready. So on a first deploy the
Triggers go in and wait; the services that they call go first of all services; and whoever else
publishes follows when every Trigger is ready.
"""

from collections.abc import Iterable

from knative.ops.cluster.readiness import State, conditions, state_of
from knative.ops.objects import Object, knative_services, of_kind

_RESOLVING = ("DeadLetterSinkResolved", "SubscriberResolved")


def triggers(items: Iterable[Object]) -> list[Object]:
    return of_kind(items, "Trigger", "eventing.knative.dev")


def called(items: Iterable[Object]) -> set[str]:
    """Names of the Knative Services that Triggers hand events to."""
    found = set()
    for trigger in triggers(items):
        spec = trigger["spec"]
        sink = spec.get("delivery", {}).get("deadLetterSink", {})
        for destination in (spec.get("subscriber", {}), sink):
            if destination.get("ref", {}).get("kind") == "Service":
                found.add(destination["ref"]["name"])
    return found


def consumers_first(
    services: Iterable[Object], every: Iterable[Object]
) -> tuple[list[Object], list[Object]]:
    """The services phase in two: the doors that Triggers call, then all the rest."""
    services = list(services)
    names = called(every)
    first = [each for each in knative_services(services) if each["metadata"]["name"] in names]
    return first, [each for each in services if each not in first]


def state_without_services(trigger: Object) -> State:
    """As far as a Trigger can be while the services that it calls do not exist."""
    state = state_of(trigger)
    if state.ready:
        return state
    found = conditions(trigger)
    if found.get("BrokerReady", {}).get("status") != "True":
        return state
    for name in _RESOLVING:
        if found.get(name, {}).get("status") == "False":
            return State(ready=True, detail="waits for the service that it calls")
    return state
