"""A seller's sales, line by line and in sums, both read from one index."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from piccolo.querystring import QueryString

from functions.kit.base.errors import Text
from functions.kit.data.database import Database, Row, is_in
from functions.purchase.domain.payments import PaymentStatus
from functions.purchase.domain.periods import Period
from functions.purchase.domain.purchases import Status
from functions.purchase.domain.sales import PAID, Earned, earned
from functions.purchase.errors import NotYourBook

# What was captured of a purchase and not given back. Of two captured payments one is refunded.
_KEPT = (
    "(SELECT COALESCE(SUM(y.amount_minor - y.refunded_minor), 0) FROM payments y"
    " WHERE y.purchase_id = p.id AND y.status IN ({}, {}))"
)
_CAPTURED = (str(PaymentStatus.COMPLETED), str(PaymentStatus.REFUNDED))
"""The values of `_KEPT`."""


class SalesFilter(NamedTuple):
    seller_id: int
    period: Period = Period()
    statuses: tuple[Status, ...] = ()
    """Empty for all."""
    book_id: int | None = None

    def where(self) -> tuple[list[str], list[Any]]:
        """Conditions on `purchase_items t` and `purchases p`, and their values."""
        conditions = ["t.seller_id = {}"]
        values: list[Any] = [self.seller_id]
        more: list[tuple[str, Any]] = [
            ("t.sold_at >= {}", self.period.start),
            ("t.sold_at <= {}", self.period.end),
            ("t.book_id = {}", self.book_id),
        ]
        for condition, value in more:
            if value is not None:
                conditions.append(condition)
                values.append(value)
        if self.statuses:
            conditions.append(f"p.status IN ({', '.join(['{}'] * len(self.statuses))})")
            values += map(str, self.statuses)
        return conditions, values


class BookSales(NamedTuple):
    book_id: int
    title: str
    """The present one."""
    currency: str
    earned: Earned


class Summary(NamedTuple):
    totals: dict[str, Earned]
    """By currency."""
    books: list[BookSales]
    """The books that earned most."""
    more_books: bool


async def sales(
    database: Database, filters: SalesFilter, *, after: tuple[datetime, int] | None, limit: int
) -> list[Row]:
    """Sold lines, newest first; `after` is the time and the id of the last line seen."""
    conditions, values = filters.where()
    if after is not None:
        # The first comparison, which the second implies, is a range of the index everywhere.
        conditions.append("t.sold_at <= {} AND (t.sold_at < {} OR (t.sold_at = {} AND t.id < {}))")
        values += [after[0], after[0], after[0], after[1]]
    outcome = await database.execute(
        QueryString(
            "SELECT t.id, t.purchase_id, t.book_id, t.title, t.quantity,"  # noqa: S608
            f" t.unit_price_minor, t.sold_at, p.status, p.currency, p.total_minor, {_KEPT} AS kept"
            " FROM purchase_items t JOIN purchases p ON p.id = t.purchase_id"
            f" WHERE {' AND '.join(conditions)} ORDER BY t.sold_at DESC, t.id DESC LIMIT {{}}",
            *_CAPTURED,
            *values,
            limit,
        )
    )
    rows: list[Row] = outcome.rows
    return rows


async def summary(database: Database, filters: SalesFilter, *, books: int) -> Summary:
    """The sums of a period, per currency and for the `books` books that earned most."""
    conditions, values = filters._replace(statuses=(*PAID, Status.REFUNDED)).where()
    outcome = await database.execute(
        QueryString(
            # A purchase that was refunded in part is a group of its own: its share is rounded.
            "SELECT book_id, currency, status, part, MIN(kept) AS kept,"  # noqa: S608
            " MIN(total_minor) AS total, COUNT(*) AS sales, SUM(quantity) AS copies,"
            " SUM(quantity * unit_price_minor) AS amount FROM ("
            "SELECT s.*, CASE WHEN kept < total_minor AND status <> {} THEN purchase_id ELSE 0 END"
            " AS part FROM ("
            "SELECT t.book_id, t.purchase_id, t.quantity, t.unit_price_minor, p.currency,"
            f" p.status, p.total_minor, {_KEPT} AS kept"
            " FROM purchase_items t JOIN purchases p ON p.id = t.purchase_id"
            f" WHERE {' AND '.join(conditions)}) s) g"
            " GROUP BY book_id, currency, status, part",
            str(Status.REFUNDED),
            *_CAPTURED,
            *values,
        )
    )
    by_book: dict[tuple[int, str], Earned] = defaultdict(Earned)
    totals: dict[str, Earned] = defaultdict(Earned)
    for row in outcome.rows:
        total = int(row["total"])
        brought = earned(
            Status(row["status"]),
            sales=int(row["sales"]),
            copies=int(row["copies"]),
            amount_minor=int(row["amount"]),
            kept_minor=int(row["kept"]) if row["part"] else total,
            total_minor=total,
        )
        by_book[row["book_id"], row["currency"]] += brought
        totals[row["currency"]] += brought
    best = sorted(by_book.items(), key=lambda each: (-each[1].revenue_minor, each[0]))
    titles = await _titles(database, [book_id for (book_id, _), _ in best[:books]])
    return Summary(
        dict(sorted(totals.items())),
        [
            BookSales(book_id, titles.get(book_id, ""), currency, brought)
            for (book_id, currency), brought in best[:books]
        ],
        len(best) > books,
    )


async def check_seller(database: Database, book_id: int, seller_id: int | None) -> None:
    """Raises `NotYourBook` for a book of somebody else, also an unknown one; None may see all."""
    if seller_id is None:
        return
    outcome = await database.execute(
        QueryString(
            "SELECT 1 AS own FROM books WHERE book_id = {} AND seller_id = {}", book_id, seller_id
        )
    )
    if not outcome.rows:
        raise NotYourBook(
            Text(
                f"El libro {book_id} no es suyo, o aún no ha llegado aquí si es nuevo.",
                f"Book {book_id} is not yours, or has not arrived here yet if it is new.",
            ),
            book_id=book_id,
        )


async def _titles(database: Database, book_ids: Sequence[int]) -> dict[int, str]:
    if not book_ids:
        return {}
    outcome = await database.execute(
        QueryString("SELECT book_id, title FROM books WHERE {}", is_in("book_id", book_ids))
    )
    return {row["book_id"]: row["title"] for row in outcome.rows}
