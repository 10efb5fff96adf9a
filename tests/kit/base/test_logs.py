"""One line a request, for people or as JSON, and nothing secret in it."""

import json
import logging

import pytest

from functions.kit.base import logs
from functions.kit.base.logs import JSONFormatter
from functions.kit.base.settings import LogFormat
from functions.kit.base.telemetry import current_traceparent

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def record(message: str, **extra: object) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"name": "request", "levelname": "INFO", "msg": message, "created": 0.5, **extra}
    )


def test_a_line_is_one_json_object() -> None:
    """With the trace that it belongs to."""
    token = current_traceparent.set(f"00-{TRACE}-00f067aa0ba902b7-01")
    line = JSONFormatter("catalog").format(record("a\nb"))
    current_traceparent.reset(token)

    assert "\n" not in line
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.500000+00:00",
        "severity": "INFO",
        "service": "catalog",
        "logger": "request",
        "message": "a\nb",
        "trace_id": TRACE,
    }


def test_an_exception_is_in_the_same_line() -> None:
    """So that a line-based reader gets the whole traceback."""
    try:
        raise KeyError("title")
    except KeyError as error:
        caught = (KeyError, error, error.__traceback__)
    line = JSONFormatter("catalog").format(record("failed", exc_info=caught))

    assert "\n" not in line
    assert "KeyError: 'title'" in json.loads(line)["exception"]


@pytest.mark.parametrize("log_format", list(LogFormat))
def test_logs_go_to_standard_output(
    capsys: pytest.CaptureFixture[str], log_format: LogFormat
) -> None:
    """From the level that was asked for, with the service's name."""
    logs.configure("catalog", "INFO", log_format)
    logging.getLogger("here").info("said")
    logging.getLogger("here").debug("not said")
    for name in ("httpx", "uvicorn.access"):
        logging.getLogger(name).info("said already")
    lines = capsys.readouterr().out.splitlines()

    assert len(lines) == 1
    assert "catalog" in lines[0]
    assert "said" in lines[0]


def test_configuring_twice_logs_each_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A process may hold several services."""
    for service in ("catalog", "purchase"):
        logs.configure(service, "INFO", LogFormat.TEXT)
    logging.getLogger("uvicorn.error").info("started")

    assert len(capsys.readouterr().out.splitlines()) == 1
