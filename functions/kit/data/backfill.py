"""A migration's operation that writes a column anew, row by row, with the code that computes it.

For what SQL cannot compute. It runs beside the services, in batches that lock what they read for
a moment; a run that was killed is followed by one that finds what is left.
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
    """Give each row's column the value that follows from the row's other columns."""

    table: str
    column: str
    reads: tuple[str, ...]
    value: Callable[[Row], Any]

    def statements(self, backend: Backend) -> list[str]:
        """None that could be printed: `run` does the work."""
        del backend
        return []

    async def probe(self, database: Database) -> bool:
        """Never: only `run` can tell, by going through the rows."""
        del database
        return False

    async def run(self, database: Database) -> None:
        after: int | None = 0
        while after is not None:
            after = await _rewrite(database, self, after)


@transactional
async def _rewrite(database: Database, change: Backfill, after: int) -> int | None:
    """Write the rows of a batch that differ; answers its last key, or None at the end."""
    columns = ", ".join(f'"{name}"' for name in ("id", change.column, *change.reads))
    rows = await database.locked(
        QueryString(
            f'SELECT {columns} FROM "{change.table}" WHERE "id" > {{}} ORDER BY "id" LIMIT {{}}',  # noqa: S608
            after,
            BATCH,
        )
    )
    values = {row["id"]: change.value(row) for row in rows}
    written = {
        row["id"]: values[row["id"]] for row in rows if row[change.column] != values[row["id"]]
    }
    if written:
        cases = " ".join(["WHEN {} THEN {}"] * len(written))
        await database.execute(
            QueryString(
                f'UPDATE "{change.table}" SET "{change.column}" = CASE "id" {cases} END WHERE {{}}',  # noqa: S608
                *(each for pair in written.items() for each in pair),
                is_in('"id"', list(written)),
            )
        )
    return rows[-1]["id"] if len(rows) == BATCH else None
