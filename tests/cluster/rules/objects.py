"""All objects: labels, phases, quoting, NetworkPolicies, disruption budgets."""

from collections.abc import Iterator

from tests.cluster.manifests import (
    PHASE,
    PHASES,
    SERVING,
    Object,
    Pod,
    knative_services,
    name_of,
    of_kind,
    pods,
    selects,
    settings_of,
)
from tests.cluster.rules.databases import databases

CLUSTER_SCOPED = {"Namespace", "StorageClass"}
LABELS = {f"app.kubernetes.io/{name}" for name in ("part-of", "name", "component")}
QUEUE_PROXY = {8012, 8013, 8112}
AUTOSCALER = {9090}
STOREFRONT_CALLS = {
    ("any", "UDP", 53),
    ("any", "TCP", 53),
    ("kourier-system", "TCP", 80),
    ("kourier-system", "TCP", 8081),
}
"""By namespace. Port 80 is that of the gateway's Service, 8081 that of its pods."""
CALLS = {
    "storefront": STOREFRONT_CALLS,
    # Its database, which may be outside of the cluster, and SMTP servers wherever they are.
    "notifications": STOREFRONT_CALLS
    | {("any", "TCP", port) for port in (3306, 25, 465, 587, 2525)},
}
"""The services whose calls are limited; the others call what their settings name."""
EXPORT = ("collector", "TCP", 4318)
"""Where there is a collector, the pods and their queue-proxies send their telemetry to it."""
COMPONENT = "app.kubernetes.io/component"


def labels(objects: list[Object]) -> Iterator[str]:
    for each in objects:
        found = each["metadata"].get("labels", {})
        for label in sorted(LABELS - set(found)):
            yield f"{name_of(each)}: no label {label}"
        if found.get("app.kubernetes.io/part-of") != "bookstore":
            yield f"{name_of(each)}: not part of the bookstore"


def phases(objects: list[Object]) -> Iterator[str]:
    for each in objects:
        phase = each["metadata"].get("annotations", {}).get(PHASE)
        if phase not in PHASES:
            yield f"{name_of(each)}: its phase is {phase}"


def quoting(objects: list[Object]) -> Iterator[str]:
    """The API server refuses numbers and booleans in labels and annotations."""
    for each in objects:
        places = [each["metadata"], each.get("spec", {}).get("template", {}).get("metadata", {})]
        for place in places:
            for kind in ("labels", "annotations"):
                for key, value in place.get(kind, {}).items():
                    if not isinstance(value, str):
                        yield f"{name_of(each)}: {key} must be in quotes"


def namespaces(objects: list[Object]) -> Iterator[str]:
    spaces = {each["metadata"]["name"] for each in of_kind(objects, "Namespace")}
    for each in objects:
        space = each["metadata"].get("namespace")
        if each["kind"] in CLUSTER_SCOPED:
            if space is not None:
                yield f"{name_of(each)}: must have no namespace"
        elif space not in spaces:
            yield f"{name_of(each)}: is in {space}, which is not {', '.join(sorted(spaces))}"
    for each in of_kind(objects, "Namespace"):
        level = each["metadata"]["labels"].get("pod-security.kubernetes.io/enforce")
        if level not in ("baseline", "restricted"):
            yield f"{name_of(each)}: enforces {level}"


def disruption_budgets(objects: list[Object]) -> Iterator[str]:
    """Each allows evictions, and selects existing pods."""
    for budget in of_kind(objects, "PodDisruptionBudget"):
        if set(budget["spec"]) != {"maxUnavailable", "selector"}:
            yield f"{name_of(budget)}: minAvailable blocks the drain of a single pod"
            continue
        if budget["spec"]["maxUnavailable"] in (0, "0%"):
            yield f"{name_of(budget)}: allows no eviction, which blocks every drain"
        if not any(selects(budget["spec"]["selector"], pod) for pod in _labels(objects)):
            yield f"{name_of(budget)}: selects no pod"


def _labels(objects: list[Object]) -> Iterator[dict[str, str]]:
    yield from (dict(pod.labels) for pod in pods(objects))
    for cluster in of_kind(objects, "RabbitmqCluster"):
        # As its operator labels them.
        yield {
            "app.kubernetes.io/name": cluster["metadata"]["name"],
            "app.kubernetes.io/component": "rabbitmq",
            "app.kubernetes.io/part-of": "rabbitmq",
        }


def closed_by_default(objects: list[Object]) -> Iterator[str]:
    for policy in of_kind(objects, "NetworkPolicy"):
        spec = policy["spec"]
        if (
            spec["podSelector"] == {}
            and "Ingress" in spec["policyTypes"]
            and not spec.get("ingress")
        ):
            return
    yield "no NetworkPolicy denies ingress by default"


def services_through_knative(objects: list[Object]) -> Iterator[str]:
    """Requests arrive at queue-proxy's ports; the service's own is open to monitoring only."""
    for pod in pods(objects):
        if pod.owner["apiVersion"] != SERVING:
            continue
        opened: dict[str, set[int]] = {}
        for policy in of_kind(objects, "NetworkPolicy"):
            if selects(policy["spec"]["podSelector"], pod.labels):
                for rule in policy["spec"].get("ingress", ()):
                    for peer in rule["from"]:
                        space = peer.get("namespaceSelector", {}).get("matchLabels", {})
                        peers = space.get("kubernetes.io/metadata.name", "pods of ours")
                        opened.setdefault(peers, set()).update(p["port"] for p in rule["ports"])
        opened.pop("monitoring", None)
        expected = {"knative-serving": QUEUE_PROXY | AUTOSCALER, "kourier-system": QUEUE_PROXY}
        if opened != expected:
            yield f"{pod.name}: open to {opened}"


def databases_to_their_own(objects: list[Object]) -> Iterator[str]:
    """Exactly those pods that read a database's Secret may connect to it."""
    for database in databases(objects):
        name = database["metadata"]["name"]
        (server,) = pods([database])
        for pod in pods(objects):
            if pod.owner is database:
                continue
            needs, may = _reads(pod, name), _may_call(objects, pod, server, 3306)
            if needs and not may:
                yield f"{pod.name} cannot reach {name}"
            if may and not needs:
                yield f"{pod.name} may connect to {name} without its Secret"


def _reads(pod: Pod, secret: str) -> bool:
    return any(
        variable.get("valueFrom", {}).get("secretKeyRef", {}).get("name") == secret
        for container in pod.containers
        for variable in container.get("env", ())
    )


def _may_call(objects: list[Object], caller: Pod, called: Pod, port: int) -> bool:
    """By the ingress policies, between two pods of this namespace."""
    return any(
        selects(peer["podSelector"], caller.labels)
        for policy in of_kind(objects, "NetworkPolicy")
        if selects(policy["spec"]["podSelector"], called.labels)
        for rule in policy["spec"].get("ingress", ())
        if port in [each["port"] for each in rule["ports"]]
        for peer in rule["from"]
        if "podSelector" in peer and "namespaceSelector" not in peer
    )


def broker_to_publishers(objects: list[Object]) -> Iterator[str]:
    """Services that publish may send events to the broker. Databases, backups, migrations and the
    storefront may not."""
    for broker in of_kind(objects, "Broker"):
        labels = {
            "eventing.knative.dev/broker": broker["metadata"]["name"],
            "eventing.knative.dev/brokerRole": "ingress",
        }
        ingress = Pod(broker, labels, {"containers": []})
        publishers = {
            name_of(service)
            for service in knative_services(objects)
            for container in service["spec"]["template"]["spec"]["containers"]
            if "K_SINK" in settings_of(objects, container)
        }
        for pod in pods(objects):
            if _may_call(objects, pod, ingress, 8080) != (pod.name in publishers):
                yield f"{pod.name}: access to the broker is wrong"


def calls(objects: list[Object]) -> Iterator[str]:
    """The storefront faces the internet, and notifications calls servers there."""
    policies = [
        each
        for each in of_kind(objects, "NetworkPolicy")
        if "Egress" in each["spec"]["policyTypes"]
    ]
    for pod in pods(objects):
        if pod.owner["apiVersion"] != SERVING:
            continue
        rules = [
            rule
            for policy in policies
            if selects(policy["spec"]["podSelector"], pod.labels)
            for rule in policy["spec"].get("egress", ())
        ]
        opened = {
            (_peer(peer), port["protocol"], port["port"])
            for rule in rules
            for peer in rule.get("to", [{}])
            for port in rule["ports"]
        }
        expected = CALLS.get(pod.labels["app.kubernetes.io/name"], set())
        if expected and any(each.labels.get(COMPONENT) == "collector" for each in pods(objects)):
            expected = expected | {EXPORT}
        if opened != expected:
            yield f"{pod.name}: may call {sorted(opened)}"


def _peer(peer: Object) -> str:
    """A namespace, or the component of pods in our own."""
    if "podSelector" in peer:
        return str(peer["podSelector"]["matchLabels"][COMPONENT])
    labels = peer.get("namespaceSelector", {}).get("matchLabels", {})
    return str(labels.get("kubernetes.io/metadata.name", "any"))


RULES = (
    labels,
    phases,
    quoting,
    namespaces,
    disruption_budgets,
    closed_by_default,
    services_through_knative,
    databases_to_their_own,
    broker_to_publishers,
    calls,
)
