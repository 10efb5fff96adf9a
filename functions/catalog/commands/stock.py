"""Writes the stock that purchase reports."""

from datetime import datetime

from piccolo.querystring import QueryString

from functions.kit.data.database import Database, transactional


@transactional
async def record_stock(
    database: Database, book_id: int, *, revision: int, available: int, as_of: datetime
) -> None:
    """Store a state of the stock unless the stored one is as new.

    The book may be missing: the events of both may arrive in either order.
    """
    if await _update_older(database, book_id, revision, available, as_of):
        return
    await database.execute(
        QueryString(
            "INSERT INTO inventory (book_id, revision, available, as_of) VALUES ({}, {}, {}, {})"
            " ON CONFLICT (book_id) DO NOTHING",
            book_id,
            revision,
            available,
            as_of,
        )
    )
    # A concurrent transaction may have inserted an older state.
    await _update_older(database, book_id, revision, available, as_of)


async def mark_stock_stale(database: Database) -> None:
    """Mark every row as older than any state that purchase reports."""
    await database.execute(QueryString("UPDATE inventory SET revision = 0"))


async def delete_stale_stock(database: Database) -> None:
    """Delete rows that purchase's snapshot did not contain."""
    await database.execute(QueryString("DELETE FROM inventory WHERE revision = 0"))


async def _update_older(
    database: Database, book_id: int, revision: int, available: int, as_of: datetime
) -> bool:
    updated = await database.execute(
        QueryString(
            "UPDATE inventory SET revision = {}, available = {}, as_of = {}"
            " WHERE book_id = {} AND revision < {}",
            revision,
            available,
            as_of,
            book_id,
            revision,
        )
    )
    return bool(updated.rowcount)
