"""What revisions answered, read from logs and from Prometheus."""

import json
import math
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from functions.kit.base.logs import JSONFormatter
from knative.ops.cli.errors import OpsError
from knative.ops.cluster.requests import AGE, answers, from_prometheus, histogram, promql
from tests.cluster.test_alerts import promtool

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def test_answers_of_a_log() -> None:
    """Requests of both formats; lines of anything else are passed over."""
    lines = [
        json.dumps({"time": "x", "message": "GET /books 200 12.5 ms"}),
        "12:00:00 INFO    catalog POST /purchase 503 1500.0 ms",
        json.dumps({"message": "started in 0.2 s"}),
        json.dumps(["GET /books 200 12.5 ms"]),
        '{"message": "GET /books 200 12',
        "",
    ]

    assert answers(lines) == [(200, 0.0125), (503, 1.5)]


def test_the_line_is_that_of_the_services() -> None:
    """A line as the services' own formatter writes it is read."""
    import logging

    record = logging.LogRecord(
        "x", logging.INFO, "x", 1, "%s %s %d %.1f ms", ("GET", "/a%20b", 404, 3.25), None
    )

    assert answers([JSONFormatter("catalog").format(record)]) == [(404, 0.0032)]


def vector(*samples: tuple[str, str, float]) -> dict[str, object]:
    result = [
        {"metric": {"le": le, "http_response_status_code": code}, "value": [0, str(value)]}
        for le, code, value in samples
    ]
    result.append({"metric": {"part": "age"}, "value": [0, "15"]})
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


def test_buckets() -> None:
    """Cumulated buckets of all statuses become counts; a 5xx is an error."""
    found = histogram(
        vector(("0.1", "200", 80), ("0.1", "503", 2), ("+Inf", "200", 95), ("+Inf", "503", 5))
    )

    assert (found.bounds, found.counts, found.errors) == ((0.1, math.inf), (82, 18), 5)


def test_no_series() -> None:
    """A revision that answered nothing yet has no requests."""
    found = histogram(vector())

    assert (found.total, found.errors, found.p95()) == (0, 0, math.inf)


@pytest.mark.parametrize(
    "answer",
    [
        *({}, {"data": None}, {"data": {"result": [{}]}}, [], vector(("many", "200", 1))),
        *(vector(("+Inf", "200", value)) for value in (math.nan, math.inf, -math.inf)),
        *({"data": {"result": 1}}, {"data": {"result": ["x"]}}, vector(("NaN", "200", 1))),
        vector(("0.1", "200", 80), ("0.5", "500", 5)),
    ],
)
def test_another_answer(answer: object) -> None:
    """What is no vector of buckets is refused, and not taken for no requests."""
    with pytest.raises(OpsError, match="no buckets"):
        histogram(answer)


class Prometheus(BaseHTTPRequestHandler):
    queries: ClassVar[list[str]] = []
    answer: ClassVar[bytes] = b""
    promised: ClassVar[int | None] = None
    """Its length, where that is not so."""

    def do_GET(self) -> None:
        self.queries.append(parse_qs(urlsplit(self.path).query)["query"][0])
        self.send_response(200)
        if self.promised is not None:
            self.send_header("content-length", str(self.promised))
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def prometheus() -> Iterator[str]:
    Prometheus.queries.clear()
    server = HTTPServer(("127.0.0.1", 0), Prometheus)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_query(prometheus: str) -> None:
    """It asks for one revision since the begin of the step, over HTTP."""
    Prometheus.answer = json.dumps(vector(("+Inf", "200", 3))).encode()
    read = from_prometheus(prometheus + "/", "shop", lambda: NOW)
    found = read("purchase-2", NOW - timedelta(seconds=90))
    (query,) = Prometheus.queries

    assert found.total == 3
    assert 'kn_revision_name="purchase-2",k8s_namespace_name="shop"' in query
    assert "[90s]" in query


@pytest.mark.parametrize(
    ("age", "told"),
    [
        ("180", None),
        ("180.6", "181 s ago"),
        ("+Inf", "more than five minutes ago"),
        ("NaN", "more than five minutes ago"),
        (None, None),
    ],
)
def test_old_data(prometheus: str, age: str | None, told: str | None) -> None:
    """Whatever it says of requests, a Prometheus that scrapes nothing any more has measured none.

    One that never did only receives, and nothing from a shop that sleeps.
    """
    samples = [] if age is None else [{"metric": {"part": "age"}, "value": [0, age]}]
    answer = {"status": "success", "data": {"resultType": "vector", "result": samples}}
    Prometheus.answer = json.dumps(answer).encode()
    read = from_prometheus(prometheus, "shop", lambda: NOW)
    if told is None:
        assert read("a", NOW).total == 0
        return

    with pytest.raises(OpsError, match=f"has no measurement: it scraped a target last {told}"):
        read("a", NOW)


BUCKETS = "http_server_request_duration_seconds_bucket"
SERIES = f'{BUCKETS}{{job="j",instance="%s",le="+Inf",http_response_status_code="%s"}}'
REVISION = 'kn_revision_name="purchase-2",k8s_namespace_name="shop"'


@pytest.mark.parametrize(
    ("values", "counted"),
    [
        ("100x20", 0),  # was there before, and nothing came
        ("_x14 7x6", 7),  # begins in the window, and stays
        ("_x17 7", 7),  # one sample
        ("0 _x13 7x6", 7),  # a pod that has been there, of which it is the first error
        ("0x13 7x6", 7),  # the same, of a bucket that was empty
        ("_x13 0 7x6", 7),  # with a zero at the start of the process
        ("100x12 _x4 100x4", 0),  # a gap in the window
        ("100x4 _x12 100x4", 0),  # a gap that is older than the window
        ("_x20", 0),
    ],
)
def test_the_first_errors_of_a_revision_count(tmp_path: Path, values: str, counted: int) -> None:
    """A status is a new series: `increase` alone counts only what comes after its first sample."""
    evaluated(
        tmp_path,
        {SERIES % ("a", "500"): values, f'target_info{{job="j",instance="a",{REVISION}}}': "1x20"},
        counted,
    )


def test_other_revisions_do_not_count(tmp_path: Path) -> None:
    """Neither their growth nor their first samples."""
    other = REVISION.replace("purchase-2", "purchase-1")
    series = {SERIES % ("a", "500"): "_x14 7x6", SERIES % ("b", "500"): "_x14 9x6"}
    infos = {
        f'target_info{{job="j",instance="{name}",{of}}}': "1x20"
        for name, of in (("a", REVISION), ("b", other))
    }
    evaluated(tmp_path, series | infos, 7)


@pytest.mark.parametrize(
    ("series", "age"),
    [
        ({"up": "1x40"}, 0),
        ({"up": "0x40"}, 0),  # a target that cannot be reached is tried
        ({'up{job="a"}': "1x28", 'up{job="b"}': "1x26"}, 180),
        ({"up": "1x10", "target_info": "1x40"}, math.inf),  # beyond the lookback
        ({"target_info": "1x32"}, None),  # received
        ({"a_rule_of_the_server": "1x40"}, None),
    ],
)
def test_when_a_target_was_scraped_last(
    tmp_path: Path, series: dict[str, str], age: float | None
) -> None:
    """Whatever it says, by Prometheus' own evaluation."""
    expected = [] if age is None else [{"labels": '{part="age"}', "value": age}]
    query = f"{promql('purchase-2', 'shop', 120)} or {AGE}"
    evaluate(tmp_path, series, {"expr": query, "eval_time": "10m", "exp_samples": expected})


def evaluated(folder: Path, series: dict[str, str], counted: int) -> None:
    """Prometheus' own evaluation of the query, 5 minutes after the begin, over 2 minutes."""
    query = promql("purchase-2", "shop", 120)
    case = {
        "expr": f"sum({query}) or vector(0)",
        "eval_time": "5m",
        "exp_samples": [{"labels": "{}", "value": counted}],
    }
    evaluate(folder, series, case)


def evaluate(folder: Path, series: dict[str, str], case: dict[str, Any]) -> None:
    test = {
        "interval": "15s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [case],
    }
    written = json.dumps({"rule_files": [], "tests": [test]}).replace("Infinity", ".inf")  # YAML's
    (folder / "test.json").write_text(written, "utf-8")
    done = promtool(folder, "test", "rules", "test.json")

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_response_that_ends_early(prometheus: str) -> None:
    """Told with the address, as one that is not JSON."""
    Prometheus.answer = b'{"data"'
    Prometheus.promised = 100
    try:
        with pytest.raises(OpsError, match="cannot be read"):
            from_prometheus(prometheus, "shop", lambda: NOW)("a", NOW)
    finally:
        Prometheus.promised = None


def test_no_prometheus(prometheus: str) -> None:
    """An answer that is not JSON, and nobody who answers, are told with the address."""
    Prometheus.answer = b"<html>"
    with pytest.raises(OpsError, match="cannot be read"):
        from_prometheus(prometheus, "shop", lambda: NOW)("a", NOW)
    with pytest.raises(OpsError, match=r"127\.0\.0\.1:1 cannot be read"):
        from_prometheus("http://127.0.0.1:1", "shop", lambda: NOW)("a", NOW)
