"""The span of a statement: its text with placeholders, never with the values.

A purchase has more of them than of all others, so an engine records as little as can be: everything
else is read from that in the exporter's thread.

Source: OpenTelemetry semantic conventions, "Database Calls".
"""

import re
import time
from collections.abc import Coroutine, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, TypeVar

from functions.kit.base.telemetry import current_traceparent
from functions.kit.base.tracing import (
    CLIENT,
    SharedAttributes,
    Tracer,
    Value,
    is_failure,
    new_span_id,
)
from functions.kit.data.database import Row


class _Outcome(Protocol):
    """Of either engine."""

    @property
    def rows(self) -> list[Row]: ...


Result = TypeVar("Result", bound=_Outcome | list[Row])

_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+[\"`]?(\w+)", re.IGNORECASE)
_PLACES = re.compile(r"\?(?:\s*,\s*\?){2,}")
_LITERAL = re.compile(r"'(?:[^']|'')*'")
_LONGEST = 600
"""Characters of a text."""


class StatementSpan(NamedTuple):
    """A finished span (`tracing.FinishedSpan`). It has no children, so its id is made when it is
    exported."""

    parent: str
    """A traceparent."""
    system: str
    """A `db.system.name`."""
    sql: str
    """With placeholders for the values."""
    start: int
    end: int
    rows: int
    error: type[BaseException] | None

    @property
    def name(self) -> str:
        return _described(self.system, self.sql).summary

    @property
    def kind(self) -> int:
        return CLIENT

    @property
    def trace_id(self) -> str:
        return self.parent[3:35]

    @property
    def span_id(self) -> str:
        return new_span_id()

    @property
    def parent_id(self) -> str:
        return self.parent[36:52]

    @property
    def failed(self) -> bool:
        return self.error is not None and is_failure(self.error)

    @property
    def links(self) -> Sequence[str]:
        return ()

    @property
    def attributes(self) -> dict[str, Value]:
        if self.error is not None:
            return {"error.type": self.error.__name__}
        return {"db.response.returned_rows": self.rows}

    @property
    def shared(self) -> SharedAttributes:
        return _described(self.system, self.sql).attributes


class StatementSpans:
    """Records the statements of one engine."""

    def __init__(self, tracer: Tracer, system: str) -> None:
        """`system` is a `db.system.name`."""
        self._tracer = tracer
        self._system = system

    def recorded(
        self, sql: str, running: Coroutine[Any, Any, Result]
    ) -> Coroutine[Any, Any, Result]:
        """`running` executes `sql`; with a span, if the current trace is sampled."""
        parent = current_traceparent.get()
        if parent is None or parent[-1] == "0":
            return running
        return self._record(parent, sql, running)

    async def _record(self, parent: str, sql: str, running: Coroutine[Any, Any, Result]) -> Result:
        start, begun = time.time_ns(), time.perf_counter_ns()
        error: type[BaseException] | None = None
        rows = 0
        try:
            result = await running
            rows = len(result if isinstance(result, list) else result.rows)
        except BaseException as raised:
            error = type(raised)
            raise
        else:
            return result
        finally:
            end = start + time.perf_counter_ns() - begun
            self._tracer.add(StatementSpan(parent, self._system, sql, start, end, rows, error))


class _Statement(NamedTuple):
    summary: str
    attributes: SharedAttributes


@lru_cache(maxsize=512)
def _described(system: str, sql: str) -> _Statement:
    text = " ".join(sql.split())
    operation = text.partition(" ")[0].upper()
    table = _TABLE.search(text)
    # Quoted texts are part of the code, and are replaced in case one is not.
    text = _PLACES.sub("?, ...", _LITERAL.sub("?", text))
    summary = f"{operation} {table[1]}" if table is not None else operation
    attributes = {
        "db.system.name": system,
        "db.operation.name": operation,
        "db.query.summary": summary,
        "db.query.text": text[:_LONGEST],
    }
    return _Statement(summary, SharedAttributes(attributes))
