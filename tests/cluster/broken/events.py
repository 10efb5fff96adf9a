"""Triggers that lose events, sources without a target, wrong addresses."""

from tests.cluster.broken.parts import Case, config, trigger
from tests.cluster.manifests import of_kind, one
from tests.cluster.rules import events

CASES: list[Case] = [
    (events.triggers, lambda m: trigger(m).update(filters=[]), "ignores `filters`"),
    (events.triggers, lambda m: trigger(m).pop("filter"), "no filter.attributes"),
    (events.triggers, lambda m: trigger(m).update(broker="default"), "no Broker default"),
    (events.triggers, lambda m: trigger(m).pop("delivery"), "an incomplete delivery"),
    (
        events.triggers,
        lambda m: trigger(m)["delivery"].pop("deadLetterSink"),
        "an incomplete delivery disables retries: deadLetterSink",
    ),
    (events.triggers, lambda m: trigger(m)["delivery"].update(retry=0), "no retries"),
    (
        events.triggers,
        lambda m: trigger(m)["delivery"].update(timeout="PT5S"),
        "gives up before a pod has started",
    ),
    (
        events.triggers,
        lambda m: trigger(m)["delivery"].update(timeout="PT120S"),
        "ends a request before the dispatcher does",
    ),
    (
        events.triggers,
        lambda m: trigger(m)["subscriber"].update(uri="/event"),
        "has no POST route /event",
    ),
    (
        events.triggers,
        lambda m: trigger(m)["subscriber"]["ref"].update(name="catalog"),
        "catalog is public",
    ),
    (
        events.triggers,
        lambda m: trigger(m)["delivery"]["deadLetterSink"]["ref"].update(name="dead-letters"),
        "no Knative Service 'dead-letters'",
    ),
    (
        events.sources,
        lambda m: m.remove(one(m, "PingSource", "ping-catalog")),
        "Service catalog-internal: no PingSource calls it",
    ),
    (
        events.sources,
        lambda m: one(m, "PingSource", "ping-auth")["spec"]["sink"].update(uri="/wake"),
        "auth-internal has no POST route /wake",
    ),
    (
        events.brokers,
        lambda m: of_kind(m, "Broker")[0]["metadata"].pop("annotations"),
        "not RabbitMQBroker",
    ),
    (
        events.brokers,
        lambda m: of_kind(m, "RabbitmqBrokerConfig")[0]["spec"].update(queueType="classic"),
        "lost with their node",
    ),
    (
        events.brokers,
        lambda m: m.remove(of_kind(m, "RabbitmqBrokerConfig")[0]),
        "RabbitmqBrokerConfig does not exist",
    ),
    (
        events.brokers,
        lambda m: m.remove(of_kind(m, "RabbitmqCluster")[0]),
        "RabbitmqCluster does not exist",
    ),
    (
        events.rabbitmq,
        lambda m: of_kind(m, "RabbitmqCluster")[0]["spec"]["resources"]["requests"].update(
            memory="512Mi"
        ),
        "bytes of memory, limited to",
    ),
    (
        events.rabbitmq,
        lambda m: of_kind(m, "RabbitmqCluster")[0]["spec"].update(
            rabbitmq={"additionalConfig": "raft.wal_max_size_bytes = 1000000000\n"}
        ),
        "needs three times as much memory",
    ),
    (
        events.addresses,
        lambda m: config(m).update(AUTH_INTERNAL_URL="http://auth.bookstore.svc"),
        "AUTH_INTERNAL_URL: auth is none of",
    ),
    (
        events.addresses,
        lambda m: config(m, "storefront-config").update(
            PURCHASE_URL="https://purchase.books.example.com"
        ),
        "PURCHASE_URL: https://purchase.books.example.com is not in the namespace bookstore",
    ),
    (
        events.addresses,
        lambda m: config(m, "storefront-config").update(
            CATALOG_URL="http://catalog-internal.bookstore.svc"
        ),
        "CATALOG_URL: catalog-internal is none of catalog",
    ),
    (
        events.addresses,
        lambda m: config(m).update(K_SINK="http://bookstore-broker-ingress.other.svc"),
        "not in the namespace bookstore",
    ),
    (
        events.addresses,
        lambda m: config(m).update(K_SINK="http://bookstore-broker-ingress.bookstore.svc/events"),
        "at / only",
    ),
]
