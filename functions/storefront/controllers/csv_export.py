"""The whole of a list as a CSV file, streamed page by page.

Source: RFC 4180, in UTF-8 with a byte order mark, without which Excel reads another encoding. No
text is read as a formula (`kit/base/spreadsheets.py`). Numbers are written as numbers, with a
point.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from litestar.response import Stream

from functions.kit.base.spreadsheets import escaped
from functions.storefront.clients.service import Caller
from functions.storefront.controllers.lists import Listing, Page, Read
from functions.storefront.translations import N_
from functions.storefront.visits import Visit

T = TypeVar("T")

MAX_ROWS = 100_000
PAGE = 100
"""Rows that a service is asked for at a time."""

_BOM = "\ufeff"
_CUT = N_("This file ends here, with %(rows)s rows. Narrow the list down for the others.")

Cell = str | int | Decimal | datetime | date | bool | None


async def csv_of(
    listing: Listing,
    name: str,
    header: Sequence[str],
    read: Read[T],
    cells: Callable[[T], Sequence[Cell]],
) -> Stream:
    """The list as a file `{name}-{date}.csv`; `header` has the texts of its first line.

    The first page is read before the answer begins, so that a refusal is a page. Where a later one
    fails the connection is cut: the browser then says that the download is not complete.
    """
    visit = listing.visit
    callers: list[Caller] = []

    async def first_page(caller: Caller) -> Page[T]:
        callers.append(caller)
        return await read(caller, {**listing.parameters, "limit": PAGE})

    first = await visit.as_customer(first_page)
    # The answer's headers are sent with the first page, and the session with them. So the token is
    # not renewed on the way: its successor would be lost.
    caller = msgspec.structs.replace(callers[-1], deadline=None)
    rows = _rows(listing, first, lambda asked: read(caller, asked))
    lines = _lines(visit, [visit.gettext(each) for each in header], rows, cells)
    day = visit.services.clock().date().isoformat()
    headers = {"content-disposition": f'attachment; filename="{name}-{day}.csv"'}
    response = Stream(lines, media_type="text/csv; header=present", headers=headers)
    return visit.remember(response)


async def _rows(
    listing: Listing, first: Page[T], read: Callable[[dict[str, Any]], Awaitable[Page[T]]]
) -> AsyncIterator[list[T]]:
    """Pages of rows."""
    rows, cursor = first
    yield rows
    while cursor is not None:
        rows, cursor = await read({**listing.parameters, "limit": PAGE, "after": cursor})
        yield rows


async def _lines(
    visit: Visit,
    header: Sequence[str],
    pages: AsyncIterator[list[T]],
    cells: Callable[[T], Sequence[Cell]],
) -> AsyncIterator[bytes]:
    yield (_BOM + line(header)).encode()
    written = 0
    async for rows in pages:
        taken = rows[: MAX_ROWS - written]
        yield "".join(line(cells(row)) for row in taken).encode()
        written += len(taken)
        if len(taken) < len(rows) or written == MAX_ROWS:
            yield line([visit.gettext(_CUT) % {"rows": written}]).encode()
            return


def line(cells: Sequence[Cell]) -> str:
    """A line with its CRLF."""
    import csv  # noqa: PLC0415 - not needed by a start
    import io  # noqa: PLC0415

    written = io.StringIO()
    csv.writer(written).writerow([_text(cell) for cell in cells])
    return written.getvalue()


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    if not isinstance(cell, str):
        return str(cell)
    # A NUL ends the file for some readers; a lone surrogate has no encoding.
    return escaped(cell.replace("\0", "").encode("utf-8", "replace").decode())
