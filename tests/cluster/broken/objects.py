"""Objects without labels or phase, policies and budgets that allow too much or nothing."""

from tests.cluster.broken.parts import Case, annotations, policy, service
from tests.cluster.manifests import of_kind, one
from tests.cluster.rules import objects

CASES: list[Case] = [
    (
        objects.labels,
        lambda m: service(m)["metadata"]["labels"].pop("app.kubernetes.io/component"),
        "Service catalog: no label app.kubernetes.io/component",
    ),
    (
        objects.phases,
        lambda m: service(m)["metadata"]["annotations"].clear(),
        "Service catalog: its phase is None",
    ),
    (
        objects.quoting,
        lambda m: annotations(m).update({"autoscaling.knative.dev/target": 10}),
        "target must be in quotes",
    ),
    (
        objects.namespaces,
        lambda m: service(m)["metadata"].update(namespace="default"),
        "is in default, which is not bookstore",
    ),
    (
        objects.namespaces,
        lambda m: of_kind(m, "Namespace")[0]["metadata"]["labels"].clear(),
        "enforces None",
    ),
    (
        objects.disruption_budgets,
        lambda m: one(m, "PodDisruptionBudget", "catalog")["spec"].update(minAvailable=1),
        "blocks the drain",
    ),
    (
        objects.disruption_budgets,
        lambda m: one(m, "PodDisruptionBudget", "catalog")["spec"].update(maxUnavailable=0),
        "allows no eviction",
    ),
    (
        objects.disruption_budgets,
        lambda m: one(m, "PodDisruptionBudget", "catalog")["spec"]["selector"].update(
            matchLabels={"app": "catalog"}
        ),
        "selects no pod",
    ),
    (
        objects.closed_by_default,
        lambda m: m.remove(one(m, "NetworkPolicy", "default-deny")),
        "no NetworkPolicy denies",
    ),
    (
        objects.services_through_knative,
        lambda m: policy(m, "services-through-knative")["ingress"][0]["ports"].append(
            {"protocol": "TCP", "port": 8080}
        ),
        "8080",
    ),
    (
        objects.services_through_knative,
        lambda m: policy(m, "services-through-knative")["ingress"].pop(),
        "Service catalog: open to",
    ),
    (
        objects.databases_to_their_own,
        lambda m: policy(m, "db-main")["ingress"][0]["from"].pop(0),
        "Service purchase cannot reach db-main",
    ),
    (
        objects.databases_to_their_own,
        lambda m: policy(m, "db-main")["ingress"][0]["from"].append({"podSelector": {}}),
        "Service auth may connect to db-main without its Secret",
    ),
    (
        objects.broker_to_publishers,
        lambda m: policy(m, "broker-ingress")["ingress"][0]["from"].append({"podSelector": {}}),
        "StatefulSet db-main: access to the broker is wrong",
    ),
    (
        objects.broker_to_publishers,
        lambda m: policy(m, "broker-ingress")["ingress"][0]["from"][0]["podSelector"][
            "matchExpressions"
        ].pop(),
        "Service storefront: access to the broker is wrong",
    ),
    (
        objects.calls,
        lambda m: policy(m, "storefront")["egress"].append(
            {"ports": [{"protocol": "TCP", "port": 443}]}
        ),
        "('any', 'TCP', 443)",
    ),
    (
        objects.calls,
        lambda m: m.remove(one(m, "NetworkPolicy", "storefront")),
        "Service storefront: may call []",
    ),
    (
        objects.calls,
        lambda m: policy(m, "storefront").update(podSelector={}),
        "Service auth: may call [",
    ),
]
