"""What purchase tells of the stock."""

from datetime import datetime

from piccolo.querystring import QueryString

from functions.kit.data.database import Database, transactional


@transactional
async def record_stock(
    database: Database, book_id: int, *, revision: int, available: int, as_of: datetime
) -> None:
    """Keep a state of the stock where it is newer than the one that is kept.

    The book need not be there: whichever of the two comes first, nothing is lost.
    """
    if await _move_on(database, book_id, revision, available, as_of):
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
    # Once more: of two that come at once, the other may have put an older state in.
    await _move_on(database, book_id, revision, available, as_of)


async def mark_stock_stale(database: Database) -> None:
    """Any state of the stock that purchase tells is newer than what is kept."""
    await database.execute(QueryString("UPDATE inventory SET revision = 0"))


async def delete_stale_stock(database: Database) -> None:
    """What purchase does not know: it was told of by a past that purchase has lost."""
    await database.execute(QueryString("DELETE FROM inventory WHERE revision = 0"))


async def _move_on(
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
