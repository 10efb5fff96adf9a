"""Logs on standard output: text for people, one JSON object a line for machines.

Of a request only its method and path are logged; never a token, password or body.
"""

import logging
import sys
from datetime import UTC, datetime

import msgspec

from functions.kit.base.settings import LogFormat
from functions.kit.base.telemetry import current_traceparent, trace_id


class JSONFormatter(logging.Formatter):
    """One JSON object a line, with the current trace id."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "severity": record.levelname,
            "service": self.service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if current := trace_id(current_traceparent.get()):
            line["trace_id"] = current
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def configure(service: str, level: str, log_format: LogFormat) -> None:
    """Send this process's logs to standard output, replacing earlier handlers."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        JSONFormatter(service)
        if log_format is LogFormat.JSON
        else logging.Formatter(f"%(asctime)s %(levelname)-7s {service} %(message)s", "%H:%M:%S")
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Their lines would repeat the request log.
    for name in ("httpx", "httpcore", "aiosqlite", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
