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


async def test_the_stock_is_what_purchase_said_last(library: Library) -> None:
    await library.add(stock=9)
    assert await shown(library) == (9, 0, "2026-03-14T09:26:53.589793Z")

    response = await library.tell(stock_event(1, 7))

    assert (response.status_code, response.content) == (202, b"")
    assert await shown(library) == (7, 1, "2026-03-14T10:00:00Z")


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))))
async def test_neither_order_nor_copies_matter(library: Library, order: tuple[int, ...]) -> None:
    await library.add(stock=9)
    for revision in (*order, *order):
        await library.tell(stock_event(1, 10 * revision, revision=revision))

    assert (await shown(library))[:2] == (30, 3)


async def test_stock_may_be_known_before_the_book(library: Library) -> None:
    """A feed that is read before the book is there loses nothing."""
    await library.tell(stock_event(1, 5, revision=4))
    await library.add(stock=9)

    assert (await shown(library))[:2] == (5, 4)


async def test_stock_of_a_retired_book_is_no_trouble(library: Library) -> None:
    await library.add()
    await library.call("DELETE", "/books/1")

    assert (await library.tell(stock_event(1, 5))).status_code == 202
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
async def test_a_state_that_cannot_be_is_put_aside(library: Library, state: dict[str, Any]) -> None:
    """It need not come again, and what comes behind it is taken."""
    await library.add(stock=9)
    event = stock_event(1, 5)
    data = msgspec.json.encode({**msgspec.json.decode(event.data), **state})
    response = await library.tell(msgspec.structs.replace(event, data=data))
    await library.tell(stock_event(1, 4, revision=2))

    assert response.status_code == 202
    assert len(await store(library)) == 1
    assert (await shown(library))[:2] == (4, 2)


async def test_fields_that_nobody_knows_yet_are_passed_over(library: Library) -> None:
    await library.add()
    await library.tell(stock_event(1, 5, warehouse="Bogotá"))

    assert (await shown(library))[:2] == (5, 1)


async def test_a_type_that_nobody_knows_counts_as_read(library: Library) -> None:
    event = stock_event(1, 5)
    unknown = msgspec.structs.replace(event, id="new", type="bookstore.inventory.counted.v1")

    assert (await library.tell(unknown)).status_code == 202
    assert await store(library) == []


async def test_a_revoked_token_writes_nothing(library: Library) -> None:
    """auth tells it to the internal door; the public door refuses it from then on."""
    token = library.issuer.token(STAFF, "staff")
    headers = {"authorization": f"Bearer {token}"}
    body = b'{"title": "t", "author": "a", "price": 1}'
    assert (await library.client.post("/books", content=body, headers=headers)).status_code == 201

    await library.tell(
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


async def test_what_was_told_is_there_after_a_restart(database_url: str) -> None:
    async with open_library(database_url) as library:
        await library.add(stock=9)
        await library.tell(stock_event(1, 5))
    async with open_library(database_url) as library:
        assert (await shown(library))[:2] == (5, 1)
