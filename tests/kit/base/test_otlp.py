"""The exporter and a real receiver, which refuses, is slow, hangs or is not there."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from functions.kit.base import otlp, tracing
from functions.kit.base.otlp import Exporter, resource
from functions.kit.base.settings import AppSettings, BadSettings
from functions.kit.base.tracing import CLIENT, MAX_TEXT, Tracer, span_of, tracer_of
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


def record(tracer: Tracer, *names: str, **attributes: Any) -> None:
    with tracing.tracing(tracer):
        for name in names:
            span_of(PARENT, name, CLIENT, attributes).finish()


def exporter(url: str, tracer: Tracer, **environ: str) -> Exporter:
    settings = AppSettings.from_mapping({"OTEL_EXPORTER_OTLP_ENDPOINT": url, **environ})
    return Exporter("sample", settings, tracer)


def test_spans_arrive_with_resource_and_headers(receiver: Receiver) -> None:
    """Types of values are kept, and a text from outside is valid UTF-8 of limited length."""
    tracer = Tracer()
    record(tracer, "a", whole=7, part=0.5, yes=True, text="é", wrong="\ud800", long="x" * 2000)
    running = exporter(
        receiver.url + "/",
        tracer,
        OTEL_EXPORTER_OTLP_HEADERS="authorization=Basic%20abc,x-tenant=shop",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=staging",
    )
    running.start()
    arrived = receiver.wait_for("a")
    running.stop()

    assert arrived.service == "sample"
    assert arrived.attributes == {
        "whole": 7,
        "part": 0.5,
        "yes": True,
        "text": "é",
        "wrong": "?",
        "long": "x" * MAX_TEXT,
    }
    sent = receiver.requests[0]
    assert (sent["authorization"], sent["x-tenant"]) == ("Basic abc", "shop")
    assert sent["content-type"] == "application/json"
    assert b'"staging"' in receiver.bodies[0]


def test_a_compressed_export_is_read(receiver: Receiver) -> None:
    """With its content encoding."""
    tracer = Tracer()
    record(tracer, "a")
    running = exporter(receiver.url, tracer, OTEL_EXPORTER_OTLP_COMPRESSION="gzip")
    running.start()
    receiver.wait_for("a")
    running.stop()

    assert receiver.requests[0]["content-encoding"] == "gzip"


def test_a_busy_receiver_gets_the_same_batch_again(receiver: Receiver) -> None:
    """503, 429 and a refused batch do not lose a later one."""
    receiver.statuses = [503, 429]
    tracer = Tracer()
    record(tracer, "first")
    running = exporter(receiver.url, tracer)
    running.start()
    receiver.wait_for("first")
    receiver.statuses = [400]
    record(tracer, "refused")
    while receiver.statuses:
        threading.Event().wait(0.01)  # until it has been refused
    record(tracer, "last")
    receiver.wait_for("last")
    running.stop()

    assert receiver.names() == {"first", "last"}


def test_what_is_left_is_exported_at_the_end(receiver: Receiver) -> None:
    """`stop` waits for it, also when the exporter has only begun."""
    tracer = Tracer()
    running = exporter(receiver.url, tracer)
    running.start()
    record(tracer, *map(str, range(otlp.BATCH + 1)))
    running.stop()

    assert len(receiver.names()) == otlp.BATCH + 1


@pytest.mark.parametrize("kind", ["hangs", "is not there"])
def test_the_end_does_not_wait_for_a_receiver_that(kind: str, receiver: Receiver) -> None:
    """It is bounded, and the thread does not keep the process."""
    receiver.hang.set()
    tracer = Tracer()
    url = receiver.url if kind == "hangs" else f"http://127.0.0.1:{free_port()}"
    record(tracer, "a")
    running = exporter(url, tracer)
    running.start()
    running.stop(timeout=0.2)

    assert running.daemon
    assert receiver.names() == set()


def test_a_receiver_that_comes_back_gets_the_newest_spans(receiver: Receiver) -> None:
    """What did not fit into the queue meanwhile is lost, and nothing else."""
    receiver.statuses = [503] * 3
    tracer = Tracer()
    running = exporter(receiver.url, tracer)
    running.start()
    record(tracer, "kept")
    receiver.wait_for("kept")
    running.stop()

    assert receiver.statuses == []
    assert tracer.dropped == 0


@pytest.mark.parametrize(
    ("environ", "reason"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, "must be an http"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318/v1/traces"}, "leave out"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://otlp.example/base/v1/metrics/"}, "leave out"),
        ({"OTEL_SDK_DISABLED": "perhaps"}, "OTEL_SDK_DISABLED"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "only http/json"),
        ({"OTEL_EXPORTER_OTLP_COMPRESSION": "brotli"}, "must be none or gzip"),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "secret-without-name"}, "must be name=value"),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "a=x%0d%0ab: c"}, "must be name=value"),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Basic secret%C3%B1"}, "must be ASCII"),
        ({"OTEL_EXPORTER_OTLP_TIMEOUT": "0"}, "OTEL_EXPORTER_OTLP_TIMEOUT"),
        ({"OTEL_TRACES_SAMPLER": "sometimes"}, "must be always_on"),
        ({"OTEL_TRACES_SAMPLER_ARG": "1.5"}, "OTEL_TRACES_SAMPLER_ARG"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(environ: dict[str, str], reason: str) -> None:
    """With the name of the variable, and never its value."""
    with pytest.raises(BadSettings, match=reason) as refused:
        AppSettings.from_mapping(environ)

    assert "secret-without-name" not in str(refused.value)


@pytest.mark.parametrize(
    ("endpoint", "disabled", "records"),
    [("", "false", False), ("http://a", "false", True), ("http://a", "true", False)],
)
def test_what_records_is_decided_by_two_variables(
    endpoint: str, disabled: str, records: bool
) -> None:
    """An endpoint, and that telemetry is not switched off."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_SDK_DISABLED": disabled}

    assert (tracer_of(AppSettings.from_mapping(environ)) is not None) is records


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_certificate_that_cannot_be_used_is_named(
    content: str | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The library's error has no file in it."""
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content, "utf-8")
    tracer = Tracer()
    record(tracer, "a")
    place = f"https://127.0.0.1:{free_port()}"
    running = exporter(place, tracer, OTEL_EXPORTER_OTLP_CERTIFICATE=str(file))
    running.start()
    running.stop(timeout=60)

    assert f"OTEL_EXPORTER_OTLP_CERTIFICATE '{file}' cannot be used" in caplog.text


def test_a_service_name_of_its_own_takes_precedence() -> None:
    """Over one in the attributes, which takes precedence over the default."""
    named = AppSettings(otel_resource_attributes="service.name=a,team=shop")
    both = AppSettings(otel_resource_attributes="service.name=a", otel_service_name="b")

    assert resource("catalog", AppSettings())["service.name"] == "catalog"
    assert (resource("catalog", named)["service.name"], resource("catalog", named)["team"]) == (
        "a",
        "shop",
    )
    assert resource("catalog", both)["service.name"] == "b"
