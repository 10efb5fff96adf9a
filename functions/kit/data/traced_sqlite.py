"""The SQLite engine with a span for each statement. Used only if there is a receiver of traces."""

from collections.abc import Coroutine, Sequence
from typing import Any

from functions.kit.base.tracing import Tracer
from functions.kit.base.urls import parse_sqlite
from functions.kit.data.database import Outcome
from functions.kit.data.sqlite import SQLiteEngine
from functions.kit.data.statement_spans import StatementSpans


class TracedSQLiteEngine(SQLiteEngine):
    def __init__(self, url: str, tracer: Tracer) -> None:
        parsed = parse_sqlite(url)
        super().__init__(parsed.path, synchronous=parsed.synchronous)
        self._spans = StatementSpans(tracer, "sqlite")

    def _run(self, sql: str, args: Sequence[Any]) -> Coroutine[Any, Any, Outcome]:
        return self._spans.recorded(sql, super()._run(sql, args))
