"""Pages of the lists of purchases, payments and deliveries, each read in the order of an index."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from piccolo.querystring import QueryString

from functions.kit.data.database import Database, Row, is_in
from functions.kit.http.keyset import KeysetOrder
from functions.purchase.domain.listing import (
    DeliveryFilter,
    DeliverySort,
    PaymentFilter,
    PaymentSort,
    PurchaseFilter,
    PurchaseSort,
)
from functions.purchase.domain.periods import Period

_TIME = {"created": ("created_at", datetime)}


class Page(NamedTuple):
    rows: list[Row]
    cursor: str | None
    """Where the next page begins; None on the last one."""


async def purchases(
    database: Database,
    filters: PurchaseFilter,
    sort: PurchaseSort,
    *,
    after: str | None,
    limit: int,
) -> Page:
    """Purchases, without their items."""
    conditions = [
        *_equal(user_id=filters.user_id, provider_id=filters.provider_id),
        *_created(filters.created),
        *_between("total_minor", filters.min_total, filters.max_total),
    ]
    if filters.ids is not None:
        conditions.append(is_in("id", filters.ids))
    if filters.book_id is not None:
        conditions.append(
            QueryString(
                "id IN (SELECT purchase_id FROM purchase_items WHERE book_id = {})",
                filters.book_id,
            )
        )
    order = KeysetOrder.of(sort, {**_TIME, "total": ("total_minor", int)})
    narrow = filters.user_id is not None or filters.ids is not None
    return await _page(
        database, "purchases", conditions, filters.statuses, order, narrow, after, limit
    )


async def payments(
    database: Database,
    filters: PaymentFilter,
    sort: PaymentSort,
    *,
    after: str | None,
    limit: int,
) -> Page:
    conditions = [
        *_equal(user_id=filters.user_id, purchase_id=filters.purchase_id),
        *_created(filters.created),
        *_between("amount_minor", filters.min_amount, filters.max_amount),
    ]
    if filters.refunded is not None:
        # A free payment is refunded without an amount.
        condition = "(refunded_minor > 0 OR status = 'Refunded')"
        conditions.append(QueryString(condition if filters.refunded else f"NOT {condition}"))
    order = KeysetOrder.of(sort, {**_TIME, "amount": ("amount_minor", int)})
    narrow = filters.user_id is not None or filters.purchase_id is not None
    return await _page(
        database, "payments", conditions, filters.statuses, order, narrow, after, limit
    )


async def assignments(
    database: Database,
    filters: DeliveryFilter,
    sort: DeliverySort,
    *,
    after: str | None,
    limit: int,
) -> Page:
    conditions = [
        *_equal(provider_id=filters.provider_id, purchase_id=filters.purchase_id),
        *_created(filters.created),
    ]
    if filters.user_id is not None:
        conditions.append(
            QueryString(
                "purchase_id IN (SELECT id FROM purchases WHERE user_id = {})", filters.user_id
            )
        )
    order = KeysetOrder.of(sort, _TIME)
    narrow = filters.user_id is not None or filters.purchase_id is not None
    return await _page(
        database, "assignments", conditions, filters.statuses, order, narrow, after, limit
    )


def _equal(**columns: int | None) -> list[QueryString]:
    return [
        QueryString(f"{column} = {{}}", value)
        for column, value in columns.items()
        if value is not None
    ]


def _between(column: str, least: object, most: object) -> list[QueryString]:
    bounds = ((">=", least), ("<=", most))
    return [
        QueryString(f"{column} {sign} {{}}", value) for sign, value in bounds if value is not None
    ]


def _created(period: Period) -> list[QueryString]:
    return _between("created_at", period.start, period.end)


async def _page(
    database: Database,
    table: str,
    conditions: Sequence[QueryString],
    statuses: Sequence[str],
    order: KeysetOrder,
    narrow: bool,
    after: str | None,
    limit: int,
) -> Page:
    """`narrow` says that another condition than the status leaves few rows."""
    conditions = [*conditions, *([] if after is None else [order.beyond(after)])]
    if len(statuses) > 1 and order.column == "created_at" and not narrow:
        # An index has each status in order, and not several of them: one page of each is read.
        select = _merged(table, conditions, statuses, order, limit + 1)
    else:
        if statuses:
            conditions.append(is_in("status", [str(status) for status in statuses]))
        select = _select(table, conditions, order, limit + 1)
    rows: list[Row] = (await database.execute(select)).rows
    more = len(rows) > limit
    return Page(rows[:limit], order.cursor(rows[limit - 1]) if more else None)


def _select(
    table: str, conditions: Sequence[QueryString], order: KeysetOrder, limit: int
) -> QueryString:
    where = f" WHERE {' AND '.join(['{}'] * len(conditions))}" if conditions else ""
    return QueryString(
        f"SELECT * FROM {table}{where} ORDER BY {order.sql} LIMIT {{}}",  # noqa: S608
        *conditions,
        limit,
    )


def _merged(
    table: str,
    conditions: Sequence[QueryString],
    statuses: Sequence[str],
    order: KeysetOrder,
    limit: int,
) -> QueryString:
    parts: list[Any] = [
        _select(table, [QueryString("status = {}", str(status)), *conditions], order, limit)
        for status in statuses
    ]
    union = " UNION ALL ".join(
        f"SELECT * FROM ({{}}) AS of_status_{number}"  # noqa: S608
        for number in range(len(parts))
    )
    return QueryString(f"{union} ORDER BY {order.sql} LIMIT {{}}", *parts, limit)
