"""What a receiver does not take is counted, logged once, and sent again where it asks for that."""

import logging
from collections.abc import Iterator
from email.utils import formatdate

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from functions.kit.base import otlp, tracing
from functions.kit.base.metrics import Metrics
from functions.kit.base.otlp import MAX_RETRY_AFTER, Exporter
from functions.kit.base.settings import AppSettings
from functions.kit.base.tracing import CLIENT, EXPORT_FROM, Tracer, span_of
from tests.servers.programs import free_port
from tests.support.receiver import Receiver, receiving

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "PERIOD", 0.02)
    monkeypatch.setattr(otlp, "RETRY_DELAYS", (0.02,))


def record(tracer: Tracer, name: str, count: int = 1) -> None:
    with tracing.tracing(tracer):
        for _ in range(count):
            span_of(PARENT, name, CLIENT).finish()


def record_at_once(tracer: Tracer, name: str, count: int) -> None:
    """All are exported together: the exporter wakes up at any moment."""
    made = Tracer()
    record(made, name, count)
    tracer.finished.extend(made.finished)


def exporter(url: str, tracer: Tracer) -> Exporter:
    return Exporter(
        "sample", AppSettings.from_mapping({"OTEL_EXPORTER_OTLP_ENDPOINT": url}), tracer
    )


def wait_until_answered(receiver: Receiver) -> None:
    with receiver.changed:
        assert receiver.changed.wait_for(lambda: not receiver.statuses, timeout=60)


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 413, 415, 500])
def test_refused_spans_are_counted_and_logged_once(
    status: int, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """A line every two seconds would bury the others. After an accepted request it is news."""
    caplog.set_level(logging.WARNING, otlp.__name__)
    tracer = Tracer()
    running = exporter(receiver.url, tracer)
    running.start()
    for accepted in ("first", "second"):
        for _ in range(2):
            receiver.statuses = [status]
            record_at_once(tracer, "refused", 3)
            wait_until_answered(receiver)
        record(tracer, accepted)
        receiver.wait_for(accepted)
    running.stop()
    warnings = [record for record in caplog.records if str(status) in record.getMessage()]

    assert (tracer.refused, tracer.dropped) == (12, 12)
    assert len(warnings) == 2
    assert "/v1/traces" in warnings[0].getMessage()


@pytest.mark.parametrize(
    ("answer", "lost"),
    [
        (b"", 0),
        (b"{}", 0),
        (b'{"partialSuccess": {}}', 0),
        (b'{"partialSuccess": {"rejectedSpans": "2", "errorMessage": "too old"}}', 2),
        (b'{"partialSuccess": {"rejectedSpans": 2}}', 2),
        (b'{"partialSuccess": {"rejectedSpans": "999"}}', 5),
        (b'{"partialSuccess": {"rejectedSpans": "-1"}}', 0),
    ],
)
def test_spans_that_are_accepted_in_part_are_counted(
    answer: bytes, lost: int, receiver: Receiver
) -> None:
    """As the receiver says in an answer of 200 (OTLP specification, "Partial Success")."""
    receiver.answer = answer
    tracer = Tracer()
    record(tracer, "a", 5)
    running = exporter(receiver.url, tracer)
    running.start()
    receiver.wait_for("a")
    running.stop()

    assert tracer.refused == lost


@given(st.one_of(st.binary(), st.binary().map(lambda rest: b'{"partialSuccess":' + rest)))
@example(b'{"partialSuccess":' + b"[" * 5000)
@example(b'{"x":' + b"[" * 2000 + b"]" * 2000 + b"}")
def test_whatever_an_accepting_receiver_says_is_no_error(body: bytes) -> None:
    """Only a number of rejected items counts."""

    assert otlp._rejected(body) >= 0


def test_a_defect_ends_no_telemetry(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of ours or of a library: it is logged, and the next export goes on."""
    defects = iter([ArithmeticError("a defect")])

    def defective(body: bytes) -> int:
        for defect in defects:
            raise defect
        return 0

    monkeypatch.setattr(otlp, "_rejected", defective)
    tracer = Tracer()
    running = exporter(receiver.url, tracer)
    running.start()
    record(tracer, "first")
    receiver.wait_for("first")
    record(tracer, "second")
    receiver.wait_for("second")
    running.stop()

    assert "because of a defect" in caplog.text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("9" * 400, MAX_RETRY_AFTER),
        (formatdate(4e9, usegmt=True), MAX_RETRY_AFTER),
        (formatdate(0, usegmt=True), 0.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("٣", 0.0),
        ("", 0.0),
    ],
)
def test_a_receiver_may_ask_for_time(text: str, seconds: float) -> None:
    """In seconds or by a date, and not for ever."""
    assert otlp._seconds(text) == seconds


@pytest.mark.parametrize("status", sorted(otlp.RETRYABLE))
def test_a_busy_receiver_is_given_the_time_that_it_asks_for(
    status: int, receiver: Receiver
) -> None:
    """And none of the spans is lost by that."""
    receiver.statuses, receiver.retry_after = [status], "123"
    tracer = Tracer()
    running = exporter(receiver.url, tracer)
    record(tracer, "a")
    running._spans.failures += not running._export_spans()
    asked = running._spans.pause()
    again = running._export_spans()
    running._client.close()

    assert (asked, again, tracer.dropped) == (123.0, True, 0)
    assert receiver.names() == {"a"}


@pytest.mark.parametrize("refused", ["/v1/traces", "/v1/metrics"])
@pytest.mark.parametrize("status", [503, 429, 404])
def test_one_signal_does_not_wait_for_the_other(
    refused: str, status: int, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backend of traces that is full ends no metrics, which alerts wait for."""
    monkeypatch.setattr(otlp, "METRICS_PERIOD", 0.02)
    receiver.retry_after, receiver.refused_path = "60", (refused, status)
    metrics = Metrics()
    tracer = Tracer()
    settings = AppSettings.from_mapping({"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url})
    running = Exporter("sample", settings, tracer, metrics.otlp)
    running.start()
    for name in ("first", "second"):
        with receiver.changed:
            before = len(receiver.bodies)
        record(tracer, name)
        with receiver.changed:
            assert receiver.changed.wait_for(lambda: len(receiver.bodies) > before, timeout=60)  # noqa: B023
    running.stop(timeout=60)

    assert (receiver.names() == set()) is (refused == "/v1/traces")
    assert (receiver.store.series() == []) is (refused == "/v1/metrics")


def test_a_queue_that_fills_up_is_exported_at_once(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receiver that takes everything loses nothing, however many spans a period has."""
    monkeypatch.setattr(otlp, "PERIOD", 3600.0)
    tracer = Tracer()
    running = exporter(receiver.url, tracer)
    running.start()
    for _ in range(4):
        record(tracer, "a", EXPORT_FROM + 1)
        with receiver.changed:
            assert receiver.changed.wait_for(lambda: not tracer.finished, timeout=60)
    running.stop()

    assert tracer.dropped == 0


def test_what_is_left_at_the_end_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """With its number: nobody can count it later."""
    tracer = Tracer()
    record(tracer, "a", otlp.BATCH + 7)
    running = exporter(f"http://127.0.0.1:{free_port()}", tracer)
    running.start()
    running.stop(timeout=60)

    assert f"{otlp.BATCH + 7} spans of its telemetry are lost" in caplog.text
