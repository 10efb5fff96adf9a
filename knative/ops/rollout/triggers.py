"""The order of Triggers and the services that they call, which depend on each other.

RabbitMQ's broker creates a Trigger's queue only when the Trigger's dead-letter sink has an address,
and a Knative Service has an address only when a revision of it has been ready. So in a first deploy
the Triggers are applied and wait; the services that they call are the first services; and the other
publishers follow when every Trigger is ready.
"""

from collections.abc import Iterable

from knative.ops.cluster.readiness import State, conditions, state_of
from knative.ops.objects import Object, knative_services, of_kind

_RESOLVING = ("DeadLetterSinkResolved", "SubscriberResolved")


def triggers(items: Iterable[Object]) -> list[Object]:
    return of_kind(items, "Trigger", "eventing.knative.dev")


def called(items: Iterable[Object]) -> set[str]:
    """Names of the Knative Services that Triggers deliver events to."""
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
    """The phase `services` in two: the services that Triggers call, then the rest."""
    services = list(services)
    names = called(every)
    first = [each for each in knative_services(services) if each["metadata"]["name"] in names]
    return first, [each for each in services if each not in first]


def state_without_services(trigger: Object) -> State:
    """Ready also counts a Trigger that only waits for the services that it calls."""
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
