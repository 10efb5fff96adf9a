"""The lists of purchases, payments and deliveries, compared with the same lists in Python."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from piccolo.querystring import QueryString

from functions.kit.http.pagination import encode_cursor
from functions.purchase.domain.deliveries import DeliveryStatus
from functions.purchase.domain.payments import PaymentStatus
from functions.purchase.domain.purchases import Status
from tests.purchase.shop import BUYER, OTHER, STAFF, Shop

ROWS = 60
CASES = 60
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MOMENTS = [NOON + timedelta(hours=13 * number, microseconds=number % 2) for number in range(9)]
"""Few, so that many rows have the same one; two are at the ends of a day."""
MOMENTS += [datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 2, 23, 59, 59, 999999, tzinfo=UTC)]
DAYS = ["2026-02-28", "2026-03-02", "2026-03-04", "2026-03-09", "0001-01-01", "9999-12-31"]

Row = dict[str, Any]


async def _insert(shop: Shop, table: str, row: Row) -> None:
    places = ", ".join(["{}"] * len(row))
    await shop.database.execute(
        QueryString(
            f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})",  # noqa: S608
            *row.values(),
        )
    )


async def fill(shop: Shop, rng: random.Random) -> dict[str, list[Row]]:
    """Rows of every status at random. They need not make a possible history."""
    tables: dict[str, list[Row]] = {"purchases": [], "payments": [], "assignments": []}
    for number in (1, 2, 3):
        columns = {"name": f"Provider {number}", "contact": "x", "fee_minor": 0}
        await _insert(shop, "providers", columns)
    for row_id in range(1, ROWS + 1):
        moment = rng.choice(MOMENTS)
        purchase: Row = {
            "id": row_id,
            "user_id": rng.choice([BUYER, OTHER]),
            "status": str(rng.choice(list(Status))),
            "total_minor": rng.choice([0, 1990, 3980, 10**11]),
            "delivery_fee_minor": 0,
            "currency": "USD",
            "provider_id": rng.choice([None, 1, 2]),
            "revision": 1,
            "created_at": moment,
            "expires_at": datetime(2100, 1, 1, tzinfo=UTC),
        }
        await _insert(shop, "purchases", purchase)
        books = rng.sample([1, 2, 3], rng.randint(1, 3))
        for book_id in books:
            item = {"purchase_id": row_id, "book_id": book_id, "title": "T", "quantity": 1}
            await _insert(shop, "purchase_items", {**item, "unit_price_minor": 1})
        tables["purchases"].append({**purchase, "books": books})
        payment: Row = {
            "id": row_id,
            "purchase_id": rng.randint(1, row_id),
            "user_id": purchase["user_id"],
            "amount_minor": rng.choice([0, 1990, 3980]),
            "refunded_minor": 0,
            "currency": "USD",
            "method": "cash",
            "status": str(rng.choice(list(PaymentStatus))),
            "reference": f"r-{row_id}",
            "created_at": rng.choice(MOMENTS),
        }
        if payment["amount_minor"] and rng.random() < 0.5:
            payment["refunded_minor"] = 100
        await _insert(shop, "payments", payment)
        tables["payments"].append(payment)
        delivery: Row = {
            "id": row_id,
            "purchase_id": rng.randint(1, row_id),
            "provider_id": rng.choice([1, 2, 3]),
            "status": str(rng.choice(list(DeliveryStatus))),
            "created_at": rng.choice(MOMENTS),
            "updated_at": NOON,
        }
        await _insert(shop, "assignments", delivery)
        owner = tables["purchases"][delivery["purchase_id"] - 1]["user_id"]
        tables["assignments"].append({**delivery, "user_id": owner})
    return tables


def _day(moment: datetime) -> str:
    return moment.date().isoformat()


FILTERS: dict[str, Callable[[Row, str], bool]] = {
    "user_id": lambda row, value: row["user_id"] == int(value),
    "status": lambda row, value: row["status"] in value.split(","),
    "ids": lambda row, value: str(row["id"]) in value.split(","),
    "book_id": lambda row, value: int(value) in row["books"],
    "purchase_id": lambda row, value: row["purchase_id"] == int(value),
    "provider_id": lambda row, value: row["provider_id"] == int(value),
    "created_from": lambda row, value: _day(row["created_at"]) >= value,
    "created_to": lambda row, value: _day(row["created_at"]) <= value,
    "min_total": lambda row, value: row["total_minor"] >= Decimal(value) * 100,
    "max_total": lambda row, value: row["total_minor"] <= Decimal(value) * 100,
    "min_amount": lambda row, value: row["amount_minor"] >= Decimal(value) * 100,
    "max_amount": lambda row, value: row["amount_minor"] <= Decimal(value) * 100,
    "refunded": lambda row, value: (
        (row["refunded_minor"] > 0 or row["status"] == "Refunded") == (value == "true")
    ),
}
KEYS = {"created": "created_at", "total": "total_minor", "amount": "amount_minor"}


def labels(rng: random.Random, kind: Any) -> str:
    return ",".join(rng.sample([str(each) for each in kind], rng.randint(1, 3)))


def some_ids(rng: random.Random) -> str:
    return ",".join(str(rng.randint(1, ROWS + 9)) for _ in range(rng.randint(1, 9)))


VALUES: dict[str, dict[str, Callable[[random.Random], str]]] = {
    "purchases": {
        "user_id": lambda rng: str(rng.choice([BUYER, OTHER, 99])),
        "status": lambda rng: labels(rng, Status),
        "ids": some_ids,
        "book_id": lambda rng: str(rng.randint(1, 4)),
        "provider_id": lambda rng: str(rng.randint(1, 3)),
        "created_from": lambda rng: rng.choice(DAYS),
        "created_to": lambda rng: rng.choice(DAYS),
        "min_total": lambda rng: rng.choice(["0", "19.90", "40"]),
        "max_total": lambda rng: rng.choice(["0", "19.90", "39.80"]),
        "sort": lambda rng: rng.choice(["created", "-created", "total", "-total"]),
    },
    "payments": {
        "user_id": lambda rng: str(rng.choice([BUYER, OTHER, 99])),
        "status": lambda rng: labels(rng, PaymentStatus),
        "purchase_id": lambda rng: str(rng.randint(1, 9)),
        "refunded": lambda rng: rng.choice(["true", "false"]),
        "created_from": lambda rng: rng.choice(DAYS),
        "created_to": lambda rng: rng.choice(DAYS),
        "min_amount": lambda rng: rng.choice(["0", "19.90", "40"]),
        "max_amount": lambda rng: rng.choice(["0", "19.90", "39.80"]),
        "sort": lambda rng: rng.choice(["created", "-created", "amount", "-amount"]),
    },
    "assignments": {
        "user_id": lambda rng: str(rng.choice([BUYER, OTHER, 99])),
        "status": lambda rng: labels(rng, DeliveryStatus),
        "purchase_id": lambda rng: str(rng.randint(1, 9)),
        "provider_id": lambda rng: str(rng.randint(1, 4)),
        "created_from": lambda rng: rng.choice(DAYS),
        "created_to": lambda rng: rng.choice(DAYS),
        "sort": lambda rng: rng.choice(["created", "-created"]),
    },
}


def expected(rows: list[Row], query: dict[str, str]) -> list[int]:
    for name, value in query.items():
        if name in FILTERS:
            rows = [row for row in rows if FILTERS[name](row, value)]
    sort = query.get("sort", "-created")
    key = KEYS[sort.removeprefix("-")]
    ordered = sorted(rows, key=lambda row: (row[key], row["id"]), reverse=sort.startswith("-"))
    return [row["id"] for row in ordered]


async def walk(shop: Shop, path: str, user: int = STAFF) -> list[int]:
    """The ids on every page of a list."""
    found: list[int] = []
    link: str | None = path
    while link is not None:
        page = await shop.call("GET", link, user=user)
        assert page.status_code == 200, page.text
        found += [each["id"] for each in page.json()]
        next_link = page.headers.get("link")
        link = None if next_link is None else next_link.partition(">")[0].lstrip("<")
    return found


async def test_lists_filter_sort_and_page_as_python_does(shop: Shop) -> None:
    """Any filters together, in any order, in pages of any size, on every database."""
    rng = random.Random(20260301)
    tables = await fill(shop, rng)
    for name, rows in tables.items():
        for _ in range(CASES):
            of_list = VALUES[name]
            chosen = rng.sample(sorted(of_list), rng.randint(0, 3))
            query = {each: of_list[each](rng) for each in chosen}
            limit = rng.choice([3, 7, 50])

            found = await walk(shop, f"/{name}?{urlencode({**query, 'limit': limit})}")

            assert found == expected(rows, query), query


async def test_customers_filter_their_own_rows_alone(shop: Shop) -> None:
    """No filter shows another's, and `user_id` is for staff."""
    tables = await fill(shop, random.Random(7))
    query = {"user_id": str(OTHER), "created_from": "2026-01-01", "sort": "created"}
    for name, rows in tables.items():
        own = [row for row in rows if row["user_id"] == BUYER]

        assert await walk(shop, f"/{name}?{urlencode(query)}", user=BUYER) == expected(
            own, {"sort": "created"}
        )


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("purchases?status=Bought", "status"),
        ("purchases?status=Paid,", "status"),
        ("payments?status=Paid", "status"),
        ("assignments?status=in_transit", "status"),
        ("purchases?ids=1,x", "ids"),
        ("purchases?ids=" + ",".join(["1"] * 101), "ids"),
        ("purchases?created_from=2026-02-30", "created_from"),
        ("purchases?created_to=20260228", "created_to"),
        ("purchases?created_to=2026-03-01T00:00:00Z", "created_to"),
        ("payments?created_from=yesterday", "created_from"),
        ("purchases?min_total=-1", "min_total"),
        ("purchases?max_total=1.001", "max_total"),
        ("payments?min_amount=1e99", "min_amount"),
        ("purchases?sort=price", "sort"),
        ("payments?sort=total", "sort"),
        ("purchases?book_id=0", "book_id"),
        ("payments?refunded=perhaps", "refunded"),
        (f"purchases?after={encode_cursor(5)}", "after"),
        (f"purchases?after={encode_cursor('total', 1990, 5)}", "after"),
        (f"purchases?after={encode_cursor('-created', 2**62, 5)}", "after"),
        (f"assignments?sort=created&after={encode_cursor('-created', 1, 5)}", "after"),
    ],
)
async def test_a_wrong_parameter_is_named(shop: Shop, query: str, field: str) -> None:
    """In both languages, and nothing is listed."""
    for language in ("es", "en"):
        response = await shop.call("GET", f"/{query}", user=STAFF, accept_language=language)

        assert response.status_code == 400
        assert [each["field"] for each in response.json()["errors"]] == [field]
