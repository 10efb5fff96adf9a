"""A migration operation that computes a column in Python and writes it for every row.

For values that SQL cannot compute. It runs while services are running, in batches of `BATCH` rows,
each in a short transaction that locks them. After a kill, run it again: rows that already have
their value are not written.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from piccolo.querystring import QueryString

from functions.kit.data.database import Database, Row, is_in, transactional
from functions.kit.data.schema import Backend

BATCH = 200


@dataclass(frozen=True)
class Backfill:
    """Sets `column` of each row to `value(row)`, which may use the columns in `reads`."""

    table: str
    column: str
    reads: tuple[str, ...]
    value: Callable[[Row], Any]
    key: str = "id"
    """The primary key, a number, in whose order the rows are read."""

    def statements(self, backend: Backend) -> list[str]:
        """Empty: `run` does the work."""
        del backend
        return []

    async def probe(self, database: Database) -> bool:
        """Always False: only `run`, which reads every row, finds out whether there is work."""
        del database
        return False

    async def run(self, database: Database) -> None:
        after: int | None = 0
        while after is not None:
            after = await _backfill_batch(database, self, after)


@transactional
async def _backfill_batch(database: Database, change: Backfill, after: int) -> int | None:
    """Write the rows of a batch that differ; returns its last id, or None after the last batch."""
    columns = ", ".join(f'"{name}"' for name in (change.key, change.column, *change.reads))
    rows = await database.locked(
        QueryString(
            f'SELECT {columns} FROM "{change.table}" WHERE "{change.key}" > {{}}'  # noqa: S608
            f' ORDER BY "{change.key}" LIMIT {{}}',
            after,
            BATCH,
        )
    )
    values = {row[change.key]: change.value(row) for row in rows}
    written = {
        row[change.key]: values[row[change.key]]
        for row in rows
        if row[change.column] != values[row[change.key]]
    }
    if written:
        cases = " ".join(["WHEN {} THEN {}"] * len(written))
        await database.execute(
            QueryString(
                f'UPDATE "{change.table}"'  # noqa: S608
                f' SET "{change.column}" = CASE "{change.key}" {cases} END WHERE {{}}',
                *(each for pair in written.items() for each in pair),
                is_in(f'"{change.key}"', list(written)),
            )
        )
    return rows[-1][change.key] if len(rows) == BATCH else None
