"""Stock goes from purchase to catalog and books the other way, whatever the broker does."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from piccolo.querystring import QueryString

from tests.journeys.town import Town, open_town


async def buy(town: Town, book_id: int, quantity: int = 1) -> httpx.Response:
    body = {"book_id": book_id, "quantity": quantity}
    return await town.call("purchase", "POST", "/purchase", body, user="ana")


async def test_a_sale_shows_in_the_catalogue(town: Town) -> None:
    """With the revision that it is known at."""
    await town.sign_up("ana")
    book_id = await town.sell(stock=5)
    await buy(town, book_id, 2)
    await town.until(lambda: shows(town, book_id, 3))

    assert await town.shown_stock(book_id) == (3, 2)


async def shows(town: Town, book_id: int, stock: int) -> bool:
    return (await town.shown_stock(book_id))[0] == stock


@pytest.mark.parametrize("seed", range(3))
async def test_copies_in_any_order_change_nothing(town: Town, seed: int) -> None:
    """Each event three times, shuffled: the catalogue shows what purchase has."""
    await town.sign_up("ana")
    book_id = await town.sell(stock=9)
    town.broker.copies, town.broker.seed = 3, seed
    town.broker.hold()
    for _ in range(5):
        await buy(town, book_id)
    await town.until(lambda: held(town, 15))
    await town.broker.let_go_shuffled()

    assert await town.shown_stock(book_id) == (4, 6)


async def held(town: Town, at_least: int) -> bool:
    return len(town.broker.held or ()) >= at_least


@pytest.fixture
async def signing_town(tmp_path: Path) -> AsyncIterator[Town]:
    """A shop that signs its events: of one that is not signed, the owner's feed is read at once."""
    async with open_town(tmp_path, INTERNAL_SECRET="0123456789abcdef" * 4) as running:
        yield running


async def test_events_that_the_broker_loses_are_read_from_the_feed(signing_town: Town) -> None:
    """The next one that arrives shows the gap."""
    town = signing_town
    await town.sign_up("ana")
    book_id = await town.sell(stock=9)
    town.broker.losing = True
    for _ in range(3):
        await buy(town, book_id)
    await town.until(lambda: sent(town))
    lost = await town.shown_stock(book_id)
    town.broker.losing = False
    await buy(town, book_id)
    await town.until(lambda: shows(town, book_id, 5))

    assert lost == (9, 1)
    assert await town.shown_stock(book_id) == (5, 5)


async def sent(town: Town, service: str = "purchase") -> bool:
    """Whether a service's outbox is empty."""
    outcome = await town.apps[service].state.services.database.execute(
        QueryString("SELECT id FROM outbox WHERE sent_at IS NULL LIMIT 1")
    )
    return not outcome.rows


async def test_a_poke_repairs_what_no_event_told_of(town: Town) -> None:
    """The last event was lost, and none follows: the PingSource closes the gap."""
    await town.sign_up("ana")
    book_id = await town.sell(stock=9)
    town.broker.losing = True
    await buy(town, book_id)
    await town.until(lambda: sent(town))
    await town.clients["catalog"].post(
        "/events",
        headers={
            "ce-specversion": "1.0",
            "ce-id": "1",
            "ce-source": "/ping",
            "ce-type": "dev.knative.sources.ping",
        },
        content=b"{}",
    )
    await town.until(lambda: shows(town, book_id, 8))

    assert await town.shown_stock(book_id) == (8, 2)


async def test_a_retired_book_is_sold_no_more(town: Town) -> None:
    """As soon as its event has arrived."""
    await town.sign_up("ana")
    book_id = await town.sell()
    await town.call("catalog", "DELETE", f"/books/{book_id}", user="staff")
    async with asyncio.timeout(20):
        while (answer := await buy(town, book_id)).status_code == 201:
            pass

    assert answer.json()["code"] == "book-retired"


async def test_a_restored_book_is_sold_again(town: Town) -> None:
    """As soon as its event has arrived; its stock is what it was."""
    await town.sign_up("ana")
    book_id = await town.sell(stock=1000)
    await town.call("catalog", "DELETE", f"/books/{book_id}", user="staff")
    sold = 0
    async with asyncio.timeout(20):
        while (await buy(town, book_id)).status_code == 201:
            sold += 1
    await town.call("catalog", "POST", f"/books/{book_id}/restore", user="staff")
    async with asyncio.timeout(20):
        while (answer := await buy(town, book_id)).status_code != 201:
            pass

    assert answer.json()["remaining_stock"] == 1000 - sold - 1


async def test_a_logout_holds_everywhere(town: Town) -> None:
    """purchase and catalog refuse the token once its event has arrived; auth at once."""
    await town.sign_up("ana")
    await town.call("auth", "POST", "/logout", {"token": town.tokens["ana"]})
    at_once = await town.call("auth", "GET", "/me", user="ana")
    async with asyncio.timeout(20):
        while True:
            answer = await town.call("purchase", "GET", "/purchases", user="ana")
            if answer.status_code == 401:
                break

    assert at_once.status_code == 401
    assert answer.json()["error"] == "Token invalidado"


async def test_rotated_keys_need_no_auth_to_be_asked(town: Town) -> None:
    """The new key comes as an event, so tokens that it signs are known before they are shown."""
    await town.sign_up("ana")
    rotated = await town.call("auth", "POST", "/admin/keys/rotate", user="admin")
    await town.log_in("ana", "ana@example.org", "ana-has-a-password")
    await town.until(lambda: sent(town, "auth"))
    town.clients.pop("auth")
    answer = await town.call("purchase", "GET", "/purchases", user="ana")

    assert rotated.status_code == 201
    assert answer.status_code == 200


async def test_a_trace_goes_from_the_request_to_the_other_service(town: Town) -> None:
    """The purchase's trace id is on the event that changes the catalogue."""
    await town.sign_up("ana")
    book_id = await town.sell()
    trace = "0af7651916cd43dd8448eb211c80319c"
    await town.call(
        "purchase",
        "POST",
        "/purchase",
        {"book_id": book_id, "quantity": 1},
        user="ana",
        traceparent=f"00-{trace}-b7ad6b7169203331-01",
    )
    feed = (await town.call("purchase", "GET", "/internal/streams/inventory")).json()

    assert feed[-1]["traceparent"].split("-")[1] == trace
