"""The MySQL engine with a span for each statement. Used only if there is a receiver of traces.

The text is that of the SQLite dialect, before its translation: that is the text in the code.
"""

from collections.abc import Coroutine, Sequence
from typing import Any

from functions.kit.base.tracing import Tracer
from functions.kit.data.statement_spans import StatementSpans
from functions.kit.mysql import MySQLEngine
from functions.kit.mysql.plans import Outcome, Row


class TracedMySQLEngine(MySQLEngine):
    def __init__(self, url: str, tracer: Tracer) -> None:
        super().__init__(url)
        self._spans = StatementSpans(tracer, "mysql")

    def _run(
        self, sql: str, args: Sequence[Any], key: str | None, *, in_pool: bool
    ) -> Coroutine[Any, Any, Outcome]:
        return self._spans.recorded(sql, super()._run(sql, args, key, in_pool=in_pool))

    def _locked(
        self, sql: str, args: Sequence[Any], *, skip_locked: bool
    ) -> Coroutine[Any, Any, list[Row]]:
        running = super()._locked(sql, args, skip_locked=skip_locked)
        return self._spans.recorded(f"{sql} FOR UPDATE", running)
