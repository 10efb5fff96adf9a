"""How SQLite reads the tables of the statements that run meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from piccolo.querystring import QueryString


@contextmanager
def explained(database: Any, beginning: str) -> Iterator[list[str]]:
    """The steps of the plans of the statements that begin so, from `EXPLAIN QUERY PLAN`."""
    execute, steps = database.execute, list[str]()

    async def explaining(statement: Any) -> Any:
        querystring = getattr(statement, "querystrings", [statement])[0]
        if querystring.compile_string()[0].startswith(beginning):
            plan = await execute(QueryString("EXPLAIN QUERY PLAN {}", querystring))
            steps.extend(str(row["detail"]) for row in plan.rows)
        return await execute(statement)

    database.execute = explaining
    try:
        yield steps
    finally:
        database.execute = execute
