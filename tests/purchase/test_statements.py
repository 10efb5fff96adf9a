"""What a sale asks of the database, statement by statement."""

import asyncio
from typing import Any

import httpx
import pytest
from piccolo.querystring import QueryString

from tests.purchase.shop import BUYER, Shop, open_shop


def watch(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The beginnings of the statements that a request runs in its transaction from now on.

    The relay and background tasks run in other tasks; a request runs in the caller's.
    """
    seen: list[str] = []
    database: Any = shop.app.state.services.database
    execute = database.execute
    caller = asyncio.current_task()

    async def recording(query: QueryString) -> Any:
        if asyncio.current_task() is caller and database.transaction_exists():
            seen.append(" ".join(query.template.split()[:3]))
        return await execute(query)

    monkeypatch.setattr(database, "execute", recording)
    return seen


async def buy(shop: Shop, body: dict[str, Any], **headers: str) -> httpx.Response:
    return await shop.call("POST", "/purchase", body, user=BUYER, **headers)


async def test_a_sale_is_seven_statements_and_the_hot_row_comes_last(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the events are written after the stock row is locked."""
    statements = watch(shop, monkeypatch)
    response = await buy(shop, {"book_id": 1, "quantity": 1})

    assert response.status_code == 201
    assert statements == [
        "INSERT INTO customers",
        "SELECT b.book_id, b.title,",
        "INSERT INTO purchases",
        "INSERT INTO purchase_items",
        "INSERT INTO purchase_timeline",
        "UPDATE inventory SET",
        "INSERT INTO outbox",
    ]


async def test_without_limits_a_sale_is_six_statements(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without limits the customer's row is not locked."""
    async with open_shop(database_url, MAX_UNPAID_PURCHASES="0", MAX_UNPAID_COPIES="0") as shop:
        statements = watch(shop, monkeypatch)
        response = await buy(shop, {"book_id": 1, "quantity": 1})

    assert response.status_code == 201
    assert len(statements) == 6
    assert statements[0] == "SELECT b.book_id, b.title,"


async def test_a_key_adds_two_statements(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """One claims the key, and one stores the response."""
    statements = watch(shop, monkeypatch)
    response = await buy(shop, {"book_id": 1, "quantity": 1}, idempotency_key="k-1")

    assert response.status_code == 201
    assert len(statements) == 9
    assert statements[0] == "INSERT INTO idempotency_keys"
    assert statements[-1] == "UPDATE idempotency_keys SET"


async def test_another_book_adds_one_statement(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its stock update; reads and inserts cover all books."""
    statements = watch(shop, monkeypatch)
    items = [{"book_id": book_id, "quantity": 1} for book_id in (1, 2, 3)]
    response = await buy(shop, {"items": items})

    assert response.status_code == 201
    assert len(statements) == 7 + 2


async def test_a_cart_and_an_address_add_their_own_statements(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read behind the customer's lock, written before the hot row."""
    address = {"recipient": "A", "lines": ["B"], "city": "C", "country": "AO"}
    await shop.call("POST", "/addresses", address)
    await shop.call("PUT", "/cart/items/1", {"quantity": 1})
    statements = watch(shop, monkeypatch)
    response = await buy(shop, {"from_cart": True, "address_id": 1})

    assert response.status_code == 201
    assert statements == [
        "INSERT INTO customers",
        "SELECT closed_at FROM",
        "SELECT book_id, quantity,",
        "SELECT * FROM",
        "SELECT b.book_id, b.title,",
        "INSERT INTO purchases",
        "INSERT INTO purchase_items",
        "INSERT INTO purchase_timeline",
        "INSERT INTO purchase_addresses",
        "DELETE FROM cart_items",
        "UPDATE inventory SET",
        "INSERT INTO outbox",
    ]
