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
from tests.architecture.services import NAMES
from tests.cluster.manifests import ROOT

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


def test_every_query_asks_for_a_metric_that_exists() -> None:
    """Of dashboards and alerts: ours by docs/metrics.md, recording rules', and other programs'."""
    queries = [target["expr"] for panel in panels() for target in panel["targets"]]
    asked = {name for query in (*queries, *alert_queries()) for name in queried(query)}

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
