"""Metrics as they are recorded, and as Prometheus and OTLP get them."""

import re
from pathlib import Path

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from functions.kit.base import metrics as kit
from functions.kit.base.metrics import MAX_SERIES, Kind, Metrics
from functions.local.telemetry.otlp import read_metrics
from functions.notifications import metrics as notifications
from functions.purchase import metrics as purchase

DEFINITIONS = (*kit.DEFINITIONS, *notifications.DEFINITIONS, *purchase.DEFINITIONS)
DOCUMENT = Path(__file__).parents[3] / "docs" / "metrics.md"


def test_each_service_of_a_process_counts_for_itself() -> None:
    """A counter without attributes is 0 from the start."""
    first, second = Metrics(), Metrics()
    first.events_sent.inc()

    assert b"events_sent_total 1.0" in first.exposition()
    assert b"events_sent_total 0.0" in second.exposition()


def test_prometheus_reads_what_was_recorded() -> None:
    """Buckets are cumulative, and a duration on a bound is in its bucket."""
    metrics = Metrics()
    for seconds in (0.005, 0.3, 99.0):
        metrics.duration.labels("GET", "/books", "200", "").observe(seconds)
    metrics.events_received.labels("/a", "applied").inc(2)
    metrics.outbox_age.set(90)
    text = metrics.exposition().decode()
    samples = {
        (sample.name, sample.labels.get("le", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    name = "http_server_request_duration_seconds"

    assert samples[f"{name}_bucket", "0.005"] == 1
    assert samples[f"{name}_bucket", "0.5"] == 2
    assert samples[f"{name}_bucket", "10.0"] == 2
    assert samples[f"{name}_bucket", "+Inf"] == samples[f"{name}_count", ""] == 3
    assert samples[f"{name}_sum", ""] == 99.305
    assert samples["events_received_total", ""] == 2
    assert samples["outbox_oldest_unsent_seconds", ""] == 90


def test_a_receiver_reads_what_was_recorded() -> None:
    """The same values, with the names of the definitions."""
    metrics = Metrics()
    metrics.events_created.labels("bookstore.purchase.placed.v1").inc()
    metrics.duration.labels("GET", "/books", "200", "").observe(0.2)
    scope = {"scopeMetrics": [{"metrics": metrics.otlp()}]}
    body = msgspec.json.encode({"resourceMetrics": [scope]})
    found = {metric.name: metric for _, _, metric in read_metrics(body)}

    assert found["events.created"].points[0].value == 1
    assert found["http.server.request.duration"].points[0].count == "1"
    assert found["http.server.request.duration"].points[0].sum == 0.2
    assert found["http.server.request.duration"].unit == "s"


def test_the_number_of_series_is_bounded() -> None:
    """Further ones are not kept."""
    metrics = Metrics()
    for number in range(MAX_SERIES + 5):
        metrics.events_received.labels(str(number), "applied").inc()

    assert len(metrics.events_received.series) == MAX_SERIES


def test_a_series_that_has_ended_is_not_reported_any_more() -> None:
    """Such as a violated invariant that the next audit does not find."""
    metrics = Metrics()
    metrics.audit_violations.replace({("stock",): 3, ("money",): 1})
    metrics.audit_violations.replace({("",): 0})

    assert b"audit_violations{" not in metrics.exposition().replace(b'{check=""}', b"")
    assert b'audit_violations{check=""} 0.0' in metrics.exposition()


def test_a_metric_of_a_service_is_one_instrument() -> None:
    """However often it is asked for."""
    metrics = Metrics()
    metrics.add(purchase.REVENUE).labels("USD").inc(1250)
    metrics.add(purchase.REVENUE).labels("USD").inc(50)

    assert b'purchases_revenue_total{currency="USD"} 1300.0' in metrics.exposition()


def test_the_table_lists_exactly_the_metrics() -> None:
    """Names, kinds, units, attributes, the names in Prometheus, and what each is."""
    row = re.compile(
        r"^\| `([\w.]+)` \| (\w+) \| (\S+) \| ([^|]*) \| `(\w+)` \| (.+) \|$", re.MULTILINE
    )

    assert row.findall(DOCUMENT.read_text("utf-8")) == [
        (
            each.name,
            str(each.kind),
            f"`{each.unit}`",
            ", ".join(f"`{name}`" for name in each.attributes),
            each.prometheus_name,
            each.description,
        )
        for each in DEFINITIONS
    ]


def test_names_follow_the_conventions() -> None:
    """Lower case, with dots; a counter has no `_total`, which Prometheus appends."""
    names = [each.name for each in DEFINITIONS]
    wrong = [name for name in names if not re.fullmatch(r"[a-z]+([._][a-z]+)*", name)]
    wrong += [name for name in names if name.endswith(("total", "seconds"))]

    assert wrong == []
    assert {each.kind for each in DEFINITIONS} == set(Kind)


def test_gauges_are_of_the_database_or_of_the_process() -> None:
    """A new one says which: only the process's are there while the database is away."""
    of_process = ("db.client.", "telemetry.")
    gauges = [each for each in DEFINITIONS if each.kind is Kind.GAUGE]

    assert [each.name for each in DEFINITIONS if each.is_of_database] == [
        each.name for each in gauges if not each.name.startswith(of_process)
    ]


def test_what_cannot_be_read_ends() -> None:
    """And nothing else."""
    metrics = Metrics()
    metrics.outbox_age.set(7)
    metrics.stream_behind.labels("books").set(7)
    metrics.connections_max.set(10)
    metrics.events_sent.inc()
    was_read = [metrics.delete_database_series() for _ in range(2)]
    text = metrics.exposition().decode()

    assert was_read == [True, False]
    assert "stream_behind_seconds{" not in text
    assert "outbox_oldest_unsent_seconds 7" not in text
    assert "db_client_connection_max 10" in text
    assert "events_sent_total 1" in text
