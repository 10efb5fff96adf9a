"""Broker, Triggers, PingSources and the addresses that lead to them and back."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from urllib.parse import urlsplit

import isodate
from litestar import Litestar

from functions.auth.app import create_app as create_auth
from functions.catalog.app import create_app as create_catalog
from functions.notifications.app import create_app as create_notifications
from functions.purchase.app import create_app as create_purchase
from tests.cluster.manifests import VISIBILITY, Object, knative_services, name_of, of_kind
from tests.cluster.rules.pods import SETTINGS
from tests.support.routes import routes_of

CREATE: dict[str, Callable[..., Litestar]] = {
    "auth": create_auth,
    "catalog": create_catalog,
    "notifications": create_notifications,
    "purchase": create_purchase,
}
DELIVERY = {"backoffDelay", "backoffPolicy", "deadLetterSink", "retry", "timeout"}
DEFAULT_LOG = 512 * 1024 * 1024
"""Bytes of the quorum queues' log without `raft.wal_max_size_bytes`."""
COLD_START = 30
"""Seconds that a delivery must be able to wait for a new pod."""


@cache
def post_routes(service: str, api: str) -> frozenset[str]:
    """Paths of the app's POST routes in its public or internal API."""
    settings = SETTINGS[service].from_mapping(
        {"DATABASE_URL": "sqlite:///unused.db", "EXPOSED_API": api}
    )
    routes = routes_of(CREATE[service](settings))
    return frozenset(route.path for route in routes if route.method == "POST")


def triggers(objects: list[Object]) -> Iterator[str]:
    brokers = {each["metadata"]["name"] for each in of_kind(objects, "Broker")}
    for trigger in of_kind(objects, "Trigger"):
        name, spec = name_of(trigger), trigger["spec"]
        if "filters" in spec:
            yield f"{name}: the RabbitMQ broker ignores `filters` and sends everything"
        if set(spec.get("filter", {})) != {"attributes"} or not spec["filter"]["attributes"]:
            yield f"{name}: no filter.attributes"
        if spec["broker"] not in brokers:
            yield f"{name}: there is no Broker {spec['broker']}"
        delivery = spec.get("delivery", {})
        if missing := DELIVERY - set(delivery):
            yield f"{name}: an incomplete delivery disables retries: {', '.join(sorted(missing))}"
            continue
        if not delivery["retry"] >= 1:
            yield f"{name}: no retries"
        if not _seconds(delivery["timeout"]) > COLD_START:
            yield f"{name}: gives up before a pod has started"
        yield from _reaches(objects, trigger, "subscriber", spec["subscriber"])
        yield from _reaches(objects, trigger, "deadLetterSink", delivery["deadLetterSink"])


def sources(objects: list[Object]) -> Iterator[str]:
    """Each service has one, or its outbox would wait while it is at zero."""
    targets = set()
    for source in of_kind(objects, "PingSource"):
        sink = source["spec"]["sink"]
        targets.add(sink.get("ref", {}).get("name"))
        yield from _reaches(objects, source, "sink", sink)
    for service in knative_services(objects):
        name = service["metadata"]["name"]
        if name.endswith("-internal") and name not in targets:
            yield f"{name_of(service)}: no PingSource calls it"


def _reaches(objects: list[Object], from_: Object, field: str, where: Object) -> Iterator[str]:
    """A cluster-local service, whose internal API has that POST route and enough time."""
    name, target = f"{name_of(from_)}, {field}", where.get("ref", {}).get("name", "")
    found = [each for each in knative_services(objects) if each["metadata"]["name"] == target]
    if not found:
        yield f"{name}: there is no Knative Service {target!r}"
        return
    (service,) = found
    if service["metadata"]["labels"].get(VISIBILITY) != "cluster-local":
        yield f"{name}: {target} is public"
    (container,) = service["spec"]["template"]["spec"]["containers"]
    (api,) = [each["value"] for each in container["env"] if each["name"] == "EXPOSED_API"]
    if where.get("uri") not in post_routes(container["name"], api):
        yield f"{name}: {target} has no POST route {where.get('uri')}"
    timeout = from_["spec"].get("delivery", {}).get("timeout")
    if timeout and _seconds(timeout) > service["spec"]["template"]["spec"]["timeoutSeconds"]:
        yield f"{name}: {target} ends a request before the dispatcher does"


def _seconds(duration: str) -> float:
    """Of an ISO 8601 duration. Raises ISO8601Error."""
    seconds: float = isodate.parse_duration(duration).total_seconds()
    return seconds


def brokers(objects: list[Object]) -> Iterator[str]:
    configs = {each["metadata"]["name"]: each for each in of_kind(objects, "RabbitmqBrokerConfig")}
    clusters = {each["metadata"]["name"] for each in of_kind(objects, "RabbitmqCluster")}
    for broker in of_kind(objects, "Broker"):
        annotations = broker["metadata"].get("annotations", {})
        if annotations.get("eventing.knative.dev/broker.class") != "RabbitMQBroker":
            yield f"{name_of(broker)}: its class is not RabbitMQBroker"
        config = configs.get(broker["spec"]["config"]["name"])
        if config is None or broker["spec"]["config"]["kind"] != "RabbitmqBrokerConfig":
            yield f"{name_of(broker)}: its RabbitmqBrokerConfig does not exist"
            continue
        if config["spec"].get("queueType") != "quorum":
            yield f"{name_of(config)}: classic queues are lost with their node"
        if config["spec"]["rabbitmqClusterReference"]["name"] not in clusters:
            yield f"{name_of(config)}: its RabbitmqCluster does not exist"


def rabbitmq(objects: list[Object]) -> Iterator[str]:
    """Requests and limits of memory are equal, and three times the log fits into them.

    Sources: the cluster operator, which warns otherwise; RabbitMQ's guide to quorum queues.
    """
    for cluster in of_kind(objects, "RabbitmqCluster"):
        resources = cluster["spec"]["resources"]
        request, limit = (bytes_of(resources[kind]["memory"]) for kind in ("requests", "limits"))
        if request != limit:
            yield f"{name_of(cluster)}: requests {request} bytes of memory, limited to {limit}"
        text = cluster["spec"].get("rabbitmq", {}).get("additionalConfig", "")
        found = re.search(r"^raft\.wal_max_size_bytes = (\d+)$", text, re.MULTILINE)
        log = int(found[1]) if found else DEFAULT_LOG
        if 3 * log > limit:
            yield f"{name_of(cluster)}: a log of {log} bytes needs three times as much memory"


def bytes_of(quantity: str) -> int:
    """Bytes of a Kubernetes quantity."""
    match = re.fullmatch(r"(\d+)(Ki|Mi|Gi)", quantity)
    assert match, f"{quantity} is not in Ki, Mi or Gi"
    return int(match[1]) * {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3}[match[2]]


def addresses(objects: list[Object]) -> Iterator[str]:
    """Every URL of a setting names an existing service of this namespace, and the right API."""
    services = {each["metadata"]["name"]: each for each in knative_services(objects)}
    (space,) = {each["metadata"]["namespace"] for each in services.values()}
    ingresses = {
        f"{each['metadata']['name']}-broker-ingress" for each in of_kind(objects, "Broker")
    }
    for config in of_kind(objects, "ConfigMap"):
        for key, value in config.get("data", {}).items():
            host, _, rest = (urlsplit(value).hostname or "").partition(".")
            if key == "K_SINK":
                known = ingresses
                if urlsplit(value).path:
                    yield f"{key}: the broker's ingress accepts events at / only"
            elif key.endswith("_INTERNAL_URL"):
                known = {name for name in services if name.endswith("-internal")}
            elif key == "AUTH_URL" or config["metadata"]["name"].startswith("storefront-config"):
                if not key.endswith("_URL"):
                    continue
                known = {key.removesuffix("_URL").lower()} & set(services)
            else:
                continue
            if host not in known:
                yield f"{key}: {host} is none of {', '.join(sorted(known))}"
            if rest != f"{space}.svc":
                yield f"{key}: {value} is not in the namespace {space}"


RULES = (triggers, sources, brokers, rabbitmq, addresses)
