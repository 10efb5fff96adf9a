"""INSERT and UPDATE of one row, by column names."""

from collections.abc import Mapping

from piccolo.querystring import QueryString

from functions.kit.data.database import Database


async def insert(database: Database, table: str, columns: Mapping[str, object]) -> int:
    """Insert a row. Returns its id."""
    places = ", ".join(["{}"] * len(columns))
    created = await database.execute(
        QueryString(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})",  # noqa: S608
            *map(_plain, columns.values()),
        )
    )
    return int(created.lastrowid)


async def update(
    database: Database, table: str, row_id: int, columns: Mapping[str, object]
) -> None:
    assignments = ", ".join(f"{name} = {{}}" for name in columns)
    await database.execute(
        QueryString(
            f"UPDATE {table} SET {assignments} WHERE id = {{}}",  # noqa: S608
            *map(_plain, columns.values()),
            row_id,
        )
    )


def _plain(value: object) -> object:
    """Converts a `StrEnum` to `str`: drivers bind no subclasses."""
    return str(value) if isinstance(value, str) else value
