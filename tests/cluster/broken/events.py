"""Triggers that lose events, sources that poke nobody, addresses that lead astray."""

from tests.cluster.broken.parts import Case, config, trigger
from tests.cluster.manifests import of_kind, one
from tests.cluster.rules import events

CASES: list[Case] = [
    (events.triggers, lambda m: trigger(m).update(filters=[]), "ignores `filters`"),
    (events.triggers, lambda m: trigger(m).pop("filter"), "no filter.attributes"),
    (events.triggers, lambda m: trigger(m).update(broker="default"), "no Broker default"),
    (events.triggers, lambda m: trigger(m).pop("delivery"), "half a delivery"),
    (
        events.triggers,
        lambda m: trigger(m)["delivery"].pop("deadLetterSink"),
        "half a delivery switches off retries: deadLetterSink",
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
        "takes no POST at /event",
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
        lambda m: m.remove(one(m, "PingSource", "poke-catalog")),
        "Service catalog-internal: no PingSource pokes it",
    ),
    (
        events.sources,
        lambda m: one(m, "PingSource", "poke-auth")["spec"]["sink"].update(uri="/poke"),
        "auth-internal takes no POST at /poke",
    ),
    (
        events.brokers,
        lambda m: of_kind(m, "Broker")[0]["metadata"].pop("annotations"),
        "not RabbitMQBroker",
    ),
    (
        events.brokers,
        lambda m: of_kind(m, "RabbitmqBrokerConfig")[0]["spec"].update(queueType="classic"),
        "lost with it",
    ),
    (
        events.brokers,
        lambda m: m.remove(of_kind(m, "RabbitmqBrokerConfig")[0]),
        "RabbitmqBrokerConfig is not there",
    ),
    (
        events.brokers,
        lambda m: m.remove(of_kind(m, "RabbitmqCluster")[0]),
        "RabbitmqCluster is not",
    ),
    (
        events.rabbitmq,
        lambda m: of_kind(m, "RabbitmqCluster")[0]["spec"]["resources"]["requests"].update(
            memory="512Mi"
        ),
        "asks for",
    ),
    (
        events.rabbitmq,
        lambda m: of_kind(m, "RabbitmqCluster")[0]["spec"].update(
            rabbitmq={"additionalConfig": "raft.wal_max_size_bytes = 1000000000\n"}
        ),
        "wants three times as much memory",
    ),
    (
        events.addresses,
        lambda m: config(m).update(AUTH_INTERNAL_URL="http://auth.bookstore.svc"),
        "AUTH_INTERNAL_URL: auth is none of",
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
