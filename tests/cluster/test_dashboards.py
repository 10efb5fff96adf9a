"""The dashboards are those of the code, and ask for metrics that exist."""

import json
import re
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import yaml

from functions.kit.base import metrics as kit
from functions.kit.base.metrics import Definition, Kind
from knative.monitoring.__main__ import FOLDER, contents
from tests.architecture.services import APPS, EVENTING, NAMES, app_of
from tests.cluster.manifests import ROOT
from tests.support.routes import routes_of

OTHERS = {
    # Knative 1.23, queue-proxy: pkg/queue/request_metric.go.
    "kn_serving_invocation_duration_seconds_bucket",
    "kn_serving_invocation_duration_seconds_count",
    "kn_serving_queue_depth",
    # RabbitMQ 4, plugin rabbitmq_prometheus: /metrics, and /metrics/detailed by queue.
    "rabbitmq_detailed_queue_consumers",
    "rabbitmq_detailed_queue_messages",
    "rabbitmq_queue_messages",
    # kube-state-metrics 2.19: docs/metrics/workload.
    "kube_cronjob_created",
    "kube_cronjob_status_last_successful_time",
    "kube_statefulset_status_replicas_ready",
    # cert-manager 1.21: internal/collectors.
    "certmanager_certificate_expiration_timestamp_seconds",
    "certmanager_certificate_renewal_timestamp_seconds",
}
"""Of other programs, each with the version and the file or page that names them."""
CONTRACTS = EVENTING / "contracts"
METRICS = ROOT / "docs" / "metrics.md"
ALERTS = ROOT / "knative" / "components" / "alerts" / "alerts.yaml"
RULES = ROOT / "knative" / "components" / "observability" / "slos.yaml"

_NAME = re.compile(r"\b[a-z][a-z0-9]*(?:[_:][a-z0-9]+)+\b(?=\s*[{\[)]|$)")
_PARTS = ("_bucket", "_count", "_sum")


def recorded() -> set[str]:
    """The names of recording rules."""
    groups = yaml.safe_load(RULES.read_text("utf-8"))["spec"]["groups"]
    return {rule["record"] for group in groups for rule in group["rules"] if "record" in rule}


def definitions() -> list[Definition]:
    """Of the kit, and of every service that has metrics of its own."""
    found = list(kit.DEFINITIONS)
    for service in NAMES:
        if find_spec(f"functions.{service}.metrics"):
            found += import_module(f"functions.{service}.metrics").DEFINITIONS
    return found


def exported() -> set[str]:
    """The series of our metrics, as Prometheus names them."""
    names = set()
    for each in definitions():
        parts = _PARTS if each.kind is Kind.HISTOGRAM else ("",)
        names |= {each.prometheus_name + part for part in parts}
    return names


def queried(expression: str) -> set[str]:
    """The metrics of an expression: names outside of braces and of `by (...)`."""
    bare = re.sub(r"\{[^}]*\}", "{}", expression)
    bare = re.sub(r"\b(by|on|without|ignoring) \([^)]*\)", r"\1", bare)
    return set(_NAME.findall(bare)) - {"histogram_quantile"}


def panels() -> list[dict[str, Any]]:
    return [
        panel
        for file in sorted(FOLDER.glob("*.json"))
        for panel in json.loads(file.read_text("utf-8"))["panels"]
        if panel["type"] != "row"
    ]


def test_the_files_are_those_of_the_code() -> None:
    """`python -m knative.monitoring` writes them."""
    files = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.json")}
    kustomization = yaml.safe_load((FOLDER / "kustomization.yaml").read_text("utf-8"))

    assert files == contents()
    assert sorted(kustomization["configMapGenerator"][0]["files"]) == sorted(files)


def alert_queries() -> list[str]:
    """The expressions of alerts and recording rules."""
    return [
        rule["expr"]
        for file in (ALERTS, RULES)
        for group in yaml.safe_load(file.read_text("utf-8"))["spec"]["groups"]
        for rule in group["rules"]
    ]


def documented_queries() -> list[str]:
    """The answers of docs/metrics.md."""
    rows = (
        (ROOT / "docs" / "metrics.md").read_text("utf-8").partition("## Questions and answers")[2]
    )
    return re.findall(r"^\| [^|`]+ \| `(.+)` \|$", rows, re.MULTILINE)


def every_query() -> list[str]:
    queries = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [*queries, *alert_queries(), *documented_queries()]


def test_every_query_asks_for_a_metric_that_exists() -> None:
    """Of dashboards, alerts and the documentation: ours, recording rules', and other programs'."""
    asked = {name for query in every_query() for name in queried(query)}

    assert asked - exported() - recorded() - OTHERS == set()
    assert asked >= OTHERS | {"events_created_total", "service:http_errors:ratio_rate5m"}


def test_every_panel_says_what_it_shows() -> None:
    """A description, a unit, and a legend for each series."""
    incomplete = [
        panel["title"]
        for panel in panels()
        if not panel.get("description")
        or not panel["fieldConfig"]["defaults"].get("unit")
        or not all(target.get("legendFormat") for target in panel["targets"])
    ]

    assert incomplete == []


TARGET_LABELS = {"service_name", "namespace", "instance", "job", "le", "kn_revision_name"}
"""Of every series: what a scrape or the collector adds, and a histogram's bounds."""
LABELS_OF_OTHERS = {
    "kn_serving_invocation_duration_seconds": {"http_response_status_code"},
    "kube_statefulset_status_replicas_ready": {"statefulset"},
    "kube_cronjob_status_last_successful_time": {"cronjob"},
    "kube_cronjob_created": {"cronjob"},
    "rabbitmq_detailed_queue_messages": {"queue"},
    "rabbitmq_detailed_queue_consumers": {"queue"},
    "certmanager_certificate_expiration_timestamp_seconds": {"name"},
    "certmanager_certificate_renewal_timestamp_seconds": {"name"},
    "stream:behind_seconds:p99_1d": {"source"},
}
"""By the name without the part of a histogram."""
_SELECTOR = re.compile(r"([a-z][a-z0-9_:]*)\{([^}]*)\}")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|on|without|ignoring) \(([^)]*)\)")


def labels_of(metric: str) -> set[str]:
    """The labels that a series of this name may have."""
    base = re.sub(r"_(?:bucket|count|sum)$", "", metric)
    for each in definitions():
        if each.prometheus_name in {metric, base}:
            return {name.replace(".", "_") for name in each.attributes} | TARGET_LABELS
    return LABELS_OF_OTHERS.get(base, LABELS_OF_OTHERS.get(metric, set())) | TARGET_LABELS


def matchers() -> list[tuple[str, str, str]]:
    """Metric, label and text of each matcher."""
    return [
        (metric, label, text)
        for query in every_query()
        for metric, content in _SELECTOR.findall(query)
        for label, _, text in _MATCHER.findall(content)
    ]


def test_every_query_asks_for_labels_that_exist() -> None:
    """A matcher on another label finds nothing, and a grouping by it puts all into one."""
    wrong = [each for each in matchers() if each[1] not in labels_of(each[0])]
    for query in every_query():
        known = {label for metric in queried(query) for label in labels_of(metric)}
        for grouping in _GROUPING.findall(query):
            names = {name.strip() for name in grouping.split(",") if name.strip()}
            wrong += [("", name, query) for name in sorted(names - known)]

    assert wrong == []
    assert len(matchers()) > 30
    assert len(documented_queries()) > 5


def test_every_query_asks_for_values_that_exist() -> None:
    """Services, types of events, routes and states: a wrong one would show 0, or never fire."""
    types = {path.name.removesuffix(".schema.json") for path in CONTRACTS.glob("*.schema.json")}
    routes = {route.path for name in APPS for route in routes_of(app_of(name))}
    wrong = []
    for metric, label, text in matchers():
        values = text.split("|")
        if label == "service_name":
            wrong += [(metric, each) for each in values if each not in APPS]
        elif label == "type":
            wrong += [(metric, each) for each in values if each not in types]
        elif label == "http_route":
            wrong += [
                (metric, each)
                for each in values
                if each and not any(re.fullmatch(each, route) for route in routes)
            ]
        elif label == "state":
            wrong += [(metric, each) for each in values if each not in {"idle", "used"}]

    assert wrong == []
