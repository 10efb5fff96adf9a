"""What the catalogue takes in: purchase's stock, and who may not write any more."""

import itertools
from typing import Any

import msgspec
import pytest
from piccolo.querystring import QueryString

from functions.kit.events.cloudevents import Event
from tests.catalog.library import STAFF, Library, open_library, stock_event


async def shown(library: Library, book_id: int = 1) -> tuple[int, int, str]:
    """Stock, its revision, and the time that it is known at."""
    book = (await library.get(f"/books/{book_id}")).json()
    return book["stock"], book["stock_revision"], book["stock_as_of"]


async def store(library: Library) -> list[str]:
    outcome = await library.database.execute(
        QueryString("SELECT reason FROM dead_letters ORDER BY id")
    )
    return [row["reason"] for row in outcome.rows]


async def test_the_stock_is_the_last_one_that_purchase_reported(library: Library) -> None:
    """Before the first event it is the book's initial stock, at revision 0."""
    await library.add(stock=9)
    assert await shown(library) == (9, 0, "2026-03-14T09:26:53.589793Z")

    response = await library.deliver(stock_event(1, 7))

    assert (response.status_code, response.content) == (202, b"")
    assert await shown(library) == (7, 1, "2026-03-14T10:00:00Z")


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))))
async def test_events_may_come_in_any_order_and_twice(
    library: Library, order: tuple[int, ...]
) -> None:
    """The newest revision remains."""
    await library.add(stock=9)
    for revision in (*order, *order):
        await library.deliver(stock_event(1, 10 * revision, revision=revision))

    assert (await shown(library))[:2] == (30, 3)


async def test_a_stock_may_arrive_before_its_book(library: Library) -> None:
    """A stock that arrives before its book is kept."""
    await library.deliver(stock_event(1, 5, revision=4))
    await library.add(stock=9)

    assert (await shown(library))[:2] == (5, 4)


async def test_the_stock_of_a_retired_book_is_accepted(library: Library) -> None:
    """The event is answered 202 and not quarantined."""
    await library.add()
    await library.call("DELETE", "/books/1")

    assert (await library.deliver(stock_event(1, 5))).status_code == 202
    assert await store(library) == []


@pytest.mark.parametrize(
    "state",
    [
        {"available": -1},
        {"available": "7"},
        {"available": 1.5},
        {"available": 2**63},
        {"book_id": 0},
        {"book_id": None},
        {"as_of": "yesterday"},
        {"as_of": "2026-03-14T10:00:00"},
        {"as_of": "0001-01-01T00:00:00+23:59"},
        {"as_of": "9999-12-31T23:59:59-23:00"},
    ],
)
async def test_an_invalid_state_is_quarantined(library: Library, state: dict[str, Any]) -> None:
    """It is quarantined with 202, and later events are consumed."""
    await library.add(stock=9)
    event = stock_event(1, 5)
    data = msgspec.json.encode({**msgspec.json.decode(event.data), **state})
    response = await library.deliver(msgspec.structs.replace(event, data=data))
    await library.deliver(stock_event(1, 4, revision=2))

    assert response.status_code == 202
    assert len(await store(library)) == 1
    assert (await shown(library))[:2] == (4, 2)


async def test_unknown_fields_of_an_event_are_ignored(library: Library) -> None:
    """A later version of a contract may add fields."""
    await library.add()
    await library.deliver(stock_event(1, 5, warehouse="Bogotá"))

    assert (await shown(library))[:2] == (5, 1)


async def test_an_event_of_an_unknown_type_is_accepted(library: Library) -> None:
    """It is answered 202 and not quarantined."""
    event = stock_event(1, 5)
    unknown = msgspec.structs.replace(event, id="new", type="bookstore.inventory.counted.v1")

    assert (await library.deliver(unknown)).status_code == 202
    assert await store(library) == []


async def test_a_revoked_token_writes_nothing(library: Library) -> None:
    """Once auth's event was consumed, the token is refused."""
    token = library.issuer.token(STAFF, "staff")
    headers = {"authorization": f"Bearer {token}"}
    body = b'{"title": "t", "author": "a", "price": 1}'
    assert (await library.client.post("/books", content=body, headers=headers)).status_code == 201

    await library.deliver(
        Event(
            id="revoked",
            source="/bookstore/auth/security",
            type="bookstore.token.revoked.v1",
            subject="token/x",
            sequence=1,
            revision=1,
            data=msgspec.json.encode(
                {
                    "token_id": library.issuer.claims(token)["jti"],
                    "expires_at": "2026-03-14T10:00:00Z",
                }
            ),
        )
    )
    response = await library.client.post("/books", content=body, headers=headers)

    assert (response.status_code, response.json()["code"]) == (401, "token-revoked")


async def test_a_reported_stock_survives_a_restart(database_url: str) -> None:
    """It is stored in the database."""
    async with open_library(database_url) as library:
        await library.add(stock=9)
        await library.deliver(stock_event(1, 5))
    async with open_library(database_url) as library:
        assert (await shown(library))[:2] == (5, 1)
