"""What `nox -s platform -- --with observability` installs, and the shop's collector that feeds it.

Neither has run here: the objects are checked by their schemas, by the rules for pods, and against
each other.
"""

import re
import tomllib
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from knative.monitoring.dashboards import DASHBOARDS
from knative.ops.cli.versions import pins
from knative.ops.commands.outdated import on_github
from tests.cluster.manifests import (
    KNATIVE,
    Object,
    Pod,
    kubectl,
    of_kind,
    one,
    pods,
    rendered,
    selects,
    settings_of,
)
from tests.cluster.rules import pods as pod_rules
from tests.cluster.test_guides import requested
from tests.cluster.test_schemas import SCHEMAS, violations

PINNED = tomllib.loads((KNATIVE / "versions.toml").read_text("utf-8"))
PARTS = {each["name"]: each for each in PINNED["parts"] if each.get("group") == "observability"}
SETTINGS = [each for each in PINNED["settings"] if each.get("group") == "observability"]
NAMESPACE = "monitoring"
PROMETHEUS = {"operator.prometheus.io/name": "bookstore"}
"""The label that the operator gives to the pods of the Prometheus `bookstore`."""


@cache
def folder(name: str) -> list[Object]:
    """The objects of a part."""
    return list(yaml.safe_load_all(kubectl("kustomize", KNATIVE.parent / PARTS[name]["folder"])))


def everything() -> list[Object]:
    return [each for name in PARTS for each in folder(name)]


# Versions


@pytest.mark.parametrize("name", PARTS)
def test_images_are_of_the_pinned_version(name: str) -> None:
    """And so is the label by which `--check` knows what is installed."""
    version = PARTS[name]["version"]
    tags = [c["image"].rpartition(":")[2] for p in pods(folder(name)) for c in p.containers]
    labelled = [
        each["metadata"]["labels"]["app.kubernetes.io/version"]
        for each in folder(name)
        if each["kind"] in ("Deployment", "Prometheus")
    ]
    for each in of_kind(folder(name), "Prometheus"):
        tags.append(each["spec"]["image"].rpartition(":")[2])
        labelled.append(each["spec"]["version"])

    assert {tag.removeprefix("v") for tag in tags} == {version}
    assert set(labelled) == {version}


def test_the_reloader_is_of_the_operators_version() -> None:
    """The operator starts it beside Prometheus, by an argument that no tool rewrites."""
    (pod,) = pods(folder("prometheus-operator"))
    (image,) = re.findall(
        r"--prometheus-config-reloader=(\S+)", " ".join(pod.containers[0]["args"])
    )

    assert image.rpartition(":v")[2] == PARTS["prometheus-operator"]["version"]


def test_the_collectors_image_is_the_pinned_one() -> None:
    """And another one is an option of deploy."""
    pod = collector(rendered("eks", "observability"))

    assert pod.containers[0]["image"] == PINNED["images"]["collector"]


def test_every_part_is_looked_up_for_newer_releases() -> None:
    """`nox -s outdated` knows the repository of each."""
    asked = {part.name: repository for part, repository in on_github(pins().parts)}

    assert asked["prometheus-operator"] == "prometheus-operator/prometheus-operator"
    assert set(PARTS) <= set(asked)


# Objects


def test_objects_are_valid() -> None:
    """By Kubernetes' schemas, without unknown fields."""
    if not SCHEMAS.is_dir():
        pytest.skip("the schemas are not beside the project")

    assert [wrong for each in everything() for wrong in violations(each)] == []


def test_all_objects_are_in_one_restricted_namespace() -> None:
    """Cluster-wide are rights only, under names that say whose they are."""
    for each in everything():
        if each["kind"] in ("ClusterRole", "ClusterRoleBinding"):
            assert each["metadata"]["name"].startswith("bookstore-")
        elif each["kind"] != "Namespace":
            assert each["metadata"]["namespace"] == NAMESPACE
    space = one(everything(), "Namespace", NAMESPACE)

    assert space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_pods_are_restricted_and_limited() -> None:
    """As the shop's own; a token is mounted only where the API server is asked."""
    wrong = [*pod_rules.restricted(everything()), *pod_rules.resources(everything())]
    with_token = {pod.name for pod in pods(everything()) if "serviceAccountName" in pod.spec}

    assert wrong == [f"{name}: the token of a service account is mounted" for name in (
        "Deployment prometheus-operator", "Deployment kube-state-metrics",
    )]  # fmt: skip
    assert len(with_token) == len(wrong)


def test_prometheus_is_restricted_and_limited() -> None:
    """The operator copies these into the pod that it makes."""
    spec = one(everything(), "Prometheus", "bookstore")["spec"]

    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert {"requests", "limits"} <= set(spec["resources"])
    assert "memory" in spec["resources"]["limits"]


def test_prometheus_keeps_the_period_of_the_objectives() -> None:
    """On a volume that is larger than what it may keep."""
    spec = one(everything(), "Prometheus", "bookstore")["spec"]
    claim = spec["storage"]["volumeClaimTemplate"]["spec"]["resources"]["requests"]["storage"]

    assert spec["retention"] == "30d"
    assert int(spec["retentionSize"].removesuffix("GB")) * 1e9 < 0.9 * (
        int(claim.removesuffix("Gi")) * 2**30
    )


def test_prometheus_reads_the_shops_rules_and_monitors() -> None:
    """Those of both ways of monitoring, and of the platform."""
    spec = one(everything(), "Prometheus", "bookstore")["spec"]
    found = [*everything(), *rendered("eks", "observability"), *rendered("eks", "monitoring")]
    for kind, field in (("PrometheusRule", "ruleSelector"), ("PodMonitor", "podMonitorSelector")):
        objects = of_kind(found, kind)

        assert objects
        assert [e for e in objects if not selects(spec[field], e["metadata"]["labels"])] == []


def test_queries_find_their_labels() -> None:
    """OTLP's resource attributes that queries and canary use are promoted to labels."""
    spec = one(everything(), "Prometheus", "bookstore")["spec"]

    assert spec["enableOTLPReceiver"] is True
    assert set(spec["otlp"]["promoteResourceAttributes"]) == {
        "service.name",
        "faas.version",
        "kn.revision.name",
    }


def test_the_sizes_in_the_guide() -> None:
    """What it says that the parts and the collector request."""
    containers = [c for pod in pods(everything()) for c in pod.containers]
    containers.append(one(everything(), "Prometheus", "bookstore")["spec"])
    guide = (KNATIVE / "README.md").read_text("utf-8")
    found = re.search(
        r"They request ([\d.]+) CPU and (\d+) MiB, the collector ([\d.]+) CPU and (\d+) MiB", guide
    )
    collectors = requested(collector(rendered("eks", "observability")).containers)

    assert found is not None
    numbers = tuple(map(float, found.groups()))
    assert numbers == pytest.approx((*requested(containers), *collectors))


# Who may call whom


def callers(port: int, labels: dict[str, str]) -> list[Object]:
    """The peers that the policies of the namespace let in to a pod's port."""
    return [
        peer
        for policy in of_kind(everything(), "NetworkPolicy")
        if selects(policy["spec"]["podSelector"], labels)
        for rule in policy["spec"].get("ingress", ())
        if port in [each["port"] for each in rule["ports"]]
        for peer in rule["from"]
    ]


def test_the_namespace_is_closed_by_default() -> None:
    """What is not let in by name stays outside."""
    policy = one(everything(), "NetworkPolicy", "default-deny")["spec"]

    assert policy == {"podSelector": {}, "policyTypes": ["Ingress"]}


@pytest.mark.parametrize(
    ("port", "labels"),
    [(9090, PROMETHEUS), (4318, {"app.kubernetes.io/name": "tempo"})],
    ids=["prometheus", "tempo"],
)
def test_the_collector_of_a_shop_is_let_in(port: int, labels: dict[str, str]) -> None:
    """From any namespace; no other pod of the shop is."""
    objects = rendered("eks", "observability")
    peers = [each for each in callers(port, labels) if "namespaceSelector" in each]
    allowed = [
        pod.name
        for pod in pods(objects)
        if any(selects(peer["podSelector"], pod.labels) for peer in peers)
    ]

    assert allowed == [collector(objects).name]


def test_grafana_calls_its_sources_only() -> None:
    """And both let it in."""
    (policy,) = (
        each["spec"]
        for each in of_kind(folder("grafana"), "NetworkPolicy")
        if "Egress" in each["spec"]["policyTypes"]
    )
    ports = {each["port"] for rule in policy["egress"] for each in rule["ports"]}
    (pod,) = pods(folder("grafana"))

    assert ports == {53, 9090, 3200}
    for port, labels in ((9090, PROMETHEUS), (3200, {"app.kubernetes.io/name": "tempo"})):
        assert any(
            selects(peer["podSelector"], pod.labels)
            for peer in callers(port, labels)
            if "namespaceSelector" not in peer
        )


def test_what_is_scraped_lets_prometheus_in() -> None:
    """The exporter in its namespace, and RabbitMQ in that of the shop."""
    (exporter,) = pods(folder("kube-state-metrics"))
    policy = one(rendered("eks", "observability"), "NetworkPolicy", "rabbitmq-metrics")["spec"]

    assert [
        each["podSelector"]["matchLabels"] for each in callers(8080, dict(exporter.labels))
    ] == [PROMETHEUS]
    assert policy["ingress"][0]["from"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}}
    ]


# Grafana


def provisioned(name: str) -> dict[str, Any]:
    (files,) = (
        each["data"]
        for each in of_kind(folder("grafana"), "ConfigMap")
        if each["metadata"]["name"].startswith("grafana-provisioning")
    )
    content: dict[str, Any] = yaml.safe_load(files[name])
    return content


def test_grafana_has_the_dashboards_of_the_code() -> None:
    """They are mounted where its provider reads them."""
    (pod,) = pods(folder("grafana"))
    (files,) = (
        each
        for each in of_kind(folder("grafana"), "ConfigMap")
        if each["metadata"]["name"].startswith("telemetry-dashboards")
    )
    (volume,) = (
        each["name"]
        for each in pod.spec["volumes"]
        if each.get("configMap", {}).get("name") == files["metadata"]["name"]
    )
    mounted = {each["name"]: each["mountPath"] for each in pod.containers[0]["volumeMounts"]}

    assert set(files["data"]) == {f"{name}.json" for name in DASHBOARDS}
    assert provisioned("dashboards.yaml")["providers"][0]["options"]["path"] == mounted[volume]


def test_the_sources_of_grafana_are_services() -> None:
    """Of the same namespace, at a port that they have."""
    for source in provisioned("datasources.yaml")["datasources"]:
        address = urlsplit(source["url"])
        service = one(everything(), "Service", str(address.hostname))

        assert address.port in [each["port"] for each in service["spec"]["ports"]]
    assert [
        each["name"] for each in provisioned("datasources.yaml")["datasources"]
        if each.get("isDefault")
    ] == ["Prometheus"]  # fmt: skip


def test_grafana_has_no_account() -> None:
    """No password that could be guessed, no form, and nothing is fetched from the internet."""
    (pod,) = pods(folder("grafana"))
    values = settings_of([], pod.containers[0])

    assert values["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert values["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert values["GF_AUTH_BASIC_ENABLED"] == "false"
    assert values["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Editor"
    assert values["GF_PLUGINS_PREINSTALL_DISABLED"] == "true"


# The collector


COMPONENTS: dict[str, dict[str, set[str]]] = {
    "receivers": {"otlp": {"protocols"}},
    "processors": {
        "memory_limiter": {"check_interval", "limit_mib", "spike_limit_mib"},
        "batch": {"send_batch_size", "send_batch_max_size", "timeout"},
    },
    "exporters": {
        "otlp_http": {
            "endpoint", "headers", "compression", "timeout", "tls", "retry_on_failure",
            "sending_queue",
        },
    },
    "extensions": {"health_check": {"endpoint"}},
}  # fmt: skip
"""Components of the image's distribution (opentelemetry-collector-releases, distributions/otelcol)
that are used here, with their keys: the collector refuses an unknown one and does not start."""
USED_BY = {"receivers": "receivers", "processors": "processors", "exporters": "exporters"}


def collector(objects: list[Object]) -> Pod:
    (found,) = (
        pod for pod in pods(objects) if pod.labels.get("app.kubernetes.io/component") == "collector"
    )
    return found


def configuration(objects: list[Object]) -> dict[str, Any]:
    """What the collector reads from the file that its argument names."""
    pod = collector(objects)
    (path,) = (
        each.removeprefix("--config=")
        for each in pod.containers[0]["args"]
        if each.startswith("--config=")
    )
    directory, _, file = path.rpartition("/")
    (volume,) = (
        e["name"] for e in pod.containers[0]["volumeMounts"] if e["mountPath"] == directory
    )
    (name,) = (e["configMap"]["name"] for e in pod.spec["volumes"] if e["name"] == volume)
    content: dict[str, Any] = yaml.safe_load(one(objects, "ConfigMap", name)["data"][file])
    return content


def wrong_configuration(config: dict[str, Any]) -> list[str]:
    """Why the collector would not start: unknown components and keys, and pipelines that name what
    is not defined."""
    found = [f"{each} is no section" for each in set(config) - {*COMPONENTS, "service"}]
    for section, known in COMPONENTS.items():
        for name, values in config.get(section, {}).items():
            kind = name.partition("/")[0]
            if kind not in known:
                found.append(f"{section}: {kind} is unknown")
                continue
            found += [f"{name}: {key} is unknown" for key in set(values or {}) - known[kind]]
    service = config["service"]
    used: dict[str, set[str]] = {"extensions": set(service.get("extensions", ()))}
    for pipeline in service["pipelines"].values():
        for key, names in pipeline.items():
            used.setdefault(key, set()).update(names)
        processors = pipeline.get("processors", [])
        if processors[:1] != ["memory_limiter"]:
            found.append("memory_limiter is not the first processor")
    for section in COMPONENTS:
        defined = set(config.get(section, {}))
        found += [f"{e} is not defined" for e in used.get(section, set()) - defined]
        found += [f"{e} is not used" for e in defined - used.get(section, set())]
    return found


def test_the_collectors_configuration() -> None:
    """Known components with known keys, all defined and all used; memory is limited first."""
    assert wrong_configuration(configuration(rendered("eks", "observability"))) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"exporters": {"otlphttp/metrics": {}}}, "otlphttp is unknown"),
        ({"processors": {"batch": {"size": 1}}}, "batch: size is unknown"),
        (
            {"extensions": {"health_check": None, "health_check/2": None}},
            "health_check/2 is not used",
        ),
        ({"receivers": {}}, "otlp is not defined"),
        ({"exporter": {}}, "exporter is no section"),
    ],
)
def test_a_wrong_configuration_is_found(change: dict[str, Any], message: str) -> None:
    """The check can fail."""
    config = configuration(rendered("eks", "observability")) | change

    assert any(message in wrong for wrong in wrong_configuration(config))


def test_the_collector_has_every_variable_that_it_reads() -> None:
    """An unset one would be an empty address."""
    objects = rendered("eks", "observability")
    read = set(re.findall(r"\$\{env:(\w+)\}", yaml.safe_dump(configuration(objects))))

    assert read == {"METRICS_ENDPOINT", "TRACES_ENDPOINT", "AUTHORIZATION"}
    assert read <= set(settings_of(objects, collector(objects).containers[0]))


def test_the_collector_limits_itself_below_its_container() -> None:
    """It drops telemetry before it is killed."""
    objects = rendered("eks", "observability")
    limit = collector(objects).containers[0]["resources"]["limits"]["memory"]
    limiter = configuration(objects)["processors"]["memory_limiter"]

    assert limiter["limit_mib"] + limiter["spike_limit_mib"] <= int(limit.removesuffix("Mi"))


def test_the_backend_is_what_the_platform_installs() -> None:
    """Both addresses are Services of it, at a port that they have."""
    objects = rendered("eks", "observability")
    values = settings_of(objects, collector(objects).containers[0])
    for name in ("METRICS_ENDPOINT", "TRACES_ENDPOINT"):
        address = urlsplit(values[name])
        host, _, rest = str(address.hostname).partition(".")
        service = one(everything(), "Service", host)

        assert rest == f"{NAMESPACE}.svc"
        assert address.port in [each["port"] for each in service["spec"]["ports"]]
    assert urlsplit(values["METRICS_ENDPOINT"]).path == "/api/v1/otlp"


def test_a_managed_backend_is_one_address() -> None:
    """For metrics and traces, and before the addresses in the cluster."""
    container = collector(rendered("eks", "managed-telemetry")).containers[0]
    names = [each["name"] for each in container["env"]]
    values = {each["name"]: each.get("value") for each in container["env"]}

    assert values["METRICS_ENDPOINT"] == values["TRACES_ENDPOINT"] == "$(OTLP_ENDPOINT)"
    assert str(values["OTLP_ENDPOINT"]).startswith("https://")
    assert names.index("OTLP_ENDPOINT") < names.index("METRICS_ENDPOINT")


def test_push_and_pull_together_are_refused() -> None:
    """Each sale would be counted twice."""
    with pytest.raises(AssertionError, match="already registered id"):
        rendered("eks", "monitoring", "observability")


# Knative


def wrong_export(data: dict[str, str]) -> list[str]:
    """By the rules of knative.dev/pkg/observability, with which Knative's webhook refuses it."""
    found = []
    for kind in ("metrics", "request-metrics", "tracing"):
        protocol, endpoint = data.get(f"{kind}-protocol"), data.get(f"{kind}-endpoint")
        if protocol in ("grpc", "http/protobuf") and not endpoint:
            found.append(f"{kind}: no endpoint")
        elif protocol in (None, "none") and endpoint:
            found.append(f"{kind}: an endpoint without a protocol")
        elif protocol not in (None, "none", "grpc", "http/protobuf", "prometheus", "stdout"):
            found.append(f"{kind}: {protocol} is no protocol")
    if not 0 <= float(data.get("tracing-sampling-rate", 0)) <= 1:
        found.append("the sampling rate is not between 0 and 1")
    return found


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda each: each["namespace"])
def test_knatives_export(setting: dict[str, Any]) -> None:
    """It is valid, and leads to the collector of the shop, which lets Knative in."""
    data = {key: each.format(namespace="bookstore") for key, each in setting["data"].items()}
    objects = rendered("eks", "observability")
    service = one(objects, "Service", "telemetry", "v1")
    policy = one(objects, "NetworkPolicy", "telemetry")["spec"]
    spaces = [
        peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for peer in policy["ingress"][0]["from"]
        if "namespaceSelector" in peer
    ]

    assert wrong_export(data) == []
    for key, path in (("metrics", "/v1/metrics"), ("tracing", "/v1/traces")):
        address = urlsplit(data[f"{key}-endpoint"])
        assert address.hostname == "telemetry.bookstore.svc.cluster.local"
        assert address.port == service["spec"]["ports"][0]["port"]
        assert address.path == path
    assert setting["namespace"] in spaces


def test_an_export_that_knative_refuses_is_found() -> None:
    """A protocol without an address, an address without a protocol, an unknown protocol."""
    assert wrong_export({"metrics-protocol": "grpc"}) == ["metrics: no endpoint"]
    assert len(wrong_export({"tracing-endpoint": "http://x"})) == 1
    assert len(wrong_export({"request-metrics-protocol": "otlp"})) == 1
    assert len(wrong_export({"tracing-sampling-rate": "2"})) == 1


def test_the_brokers_pods_reach_the_collector() -> None:
    """Its ingress and dispatchers continue our traces, and run in the namespace of the shop."""
    policy = one(rendered("eks", "observability"), "NetworkPolicy", "telemetry")["spec"]
    broker = {"eventing.knative.dev/broker": "bookstore", "eventing.knative.dev/brokerRole": "x"}

    assert any(
        selects(peer["podSelector"], broker)
        for peer in policy["ingress"][0]["from"]
        if "podSelector" in peer
    )
