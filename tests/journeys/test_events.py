"""Stock goes from purchase to catalog and books the other way, whatever the broker does."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from piccolo.querystring import QueryString

from tests.journeys.shop_in_process import ShopInProcess, open_shop_on


async def buy(shop: ShopInProcess, book_id: int, quantity: int = 1) -> httpx.Response:
    body = {"book_id": book_id, "quantity": quantity}
    return await shop.call("purchase", "POST", "/purchase", body, user="ana")


async def test_a_sale_shows_in_the_catalogue(shop: ShopInProcess) -> None:
    """The catalogue has purchase's stock and its revision."""
    await shop.sign_up("ana")
    book_id = await shop.sell(stock=5)
    await buy(shop, book_id, 2)
    await shop.until(lambda: shows(shop, book_id, 3))

    assert await shop.shown_stock(book_id) == (3, 2)


async def shows(shop: ShopInProcess, book_id: int, stock: int) -> bool:
    return (await shop.shown_stock(book_id))[0] == stock


@pytest.mark.parametrize("seed", range(3))
async def test_copies_in_any_order_change_nothing(shop: ShopInProcess, seed: int) -> None:
    """With each event three times and shuffled, the catalogue has purchase's stock."""
    await shop.sign_up("ana")
    book_id = await shop.sell(stock=9)
    shop.broker.copies, shop.broker.seed = 3, seed
    shop.broker.hold()
    for _ in range(5):
        await buy(shop, book_id)
    await shop.until(lambda: held(shop, 15))
    await shop.broker.let_go_shuffled()

    assert await shop.shown_stock(book_id) == (4, 6)


async def held(shop: ShopInProcess, at_least: int) -> bool:
    return len(shop.broker.held or ()) >= at_least


@pytest.fixture
async def signing_shop(tmp_path: Path) -> AsyncIterator[ShopInProcess]:
    """A shop that signs its events: of one that is not signed, the owner's feed is read at once.

    Its services start for the first time, and so read every stream.
    """
    async with open_shop_on(tmp_path, INTERNAL_SECRET="0123456789abcdef" * 4) as running:
        yield running


async def test_events_that_the_broker_loses_are_read_from_the_feed(
    signing_shop: ShopInProcess,
) -> None:
    """The next event reveals the gap."""
    shop = signing_shop
    await shop.sign_up("ana")
    book_id = await shop.sell(stock=9)
    await shop.until(lambda: reads_of_the_start_are_done(shop))
    shop.broker.losing = True
    for _ in range(3):
        await buy(shop, book_id)
    await shop.until(lambda: sent(shop))
    lost = await shop.shown_stock(book_id)
    shop.broker.losing = False
    await buy(shop, book_id)
    await shop.until(lambda: shows(shop, book_id, 5))

    assert lost == (9, 1)
    assert await shop.shown_stock(book_id) == (5, 5)


async def reads_of_the_start_are_done(shop: ShopInProcess) -> bool:
    """Whether catalog reads no feed any more until an event reveals a gap.

    A new process reads every stream of which it knows nothing, half a second after its start.
    """
    readers = shop.apps["catalog"].state.services.catch_up._readers.values()
    return all(each.served and not each.woken.is_set() for each in readers)


async def sent(shop: ShopInProcess, service: str = "purchase") -> bool:
    """Whether a service's outbox is empty."""
    outcome = await shop.apps[service].state.services.database.execute(
        QueryString("SELECT id FROM outbox WHERE sent_at IS NULL LIMIT 1")
    )
    return not outcome.rows


async def test_a_ping_closes_a_gap_that_no_event_reveals(shop: ShopInProcess) -> None:
    """Where the last event was lost and none follows, a PingSource closes the gap."""
    await shop.sign_up("ana")
    book_id = await shop.sell(stock=9)
    shop.broker.losing = True
    await buy(shop, book_id)
    await shop.until(lambda: sent(shop))
    await shop.clients["catalog"].post(
        "/events",
        headers={
            "ce-specversion": "1.0",
            "ce-id": "1",
            "ce-source": "/ping",
            "ce-type": "dev.knative.sources.ping",
        },
        content=b"{}",
    )
    await shop.until(lambda: shows(shop, book_id, 8))

    assert await shop.shown_stock(book_id) == (8, 2)


async def test_a_retired_book_is_not_sold(shop: ShopInProcess) -> None:
    """Once its event has arrived."""
    await shop.sign_up("ana")
    book_id = await shop.sell()
    await shop.call("catalog", "DELETE", f"/books/{book_id}", user="staff")
    async with asyncio.timeout(60):
        while (answer := await buy(shop, book_id)).status_code == 201:
            pass

    assert answer.json()["code"] == "book-retired"


async def test_a_restored_book_is_sold_again(shop: ShopInProcess) -> None:
    """Once its event has arrived, with its earlier stock."""
    await shop.sign_up("ana")
    book_id = await shop.sell(stock=1000)
    await shop.call("catalog", "DELETE", f"/books/{book_id}", user="staff")
    sold = 0
    async with asyncio.timeout(60):
        while (await buy(shop, book_id)).status_code == 201:
            sold += 1
    await shop.call("catalog", "POST", f"/books/{book_id}/restore", user="staff")
    async with asyncio.timeout(60):
        while (answer := await buy(shop, book_id)).status_code != 201:
            pass

    assert answer.json()["remaining_stock"] == 1000 - sold - 1


async def test_a_logout_holds_everywhere(shop: ShopInProcess) -> None:
    """auth refuses the token at once, purchase and catalog once its event has arrived."""
    await shop.sign_up("ana")
    await shop.call("auth", "POST", "/logout", {"token": shop.tokens["ana"]})
    at_once = await shop.call("auth", "GET", "/me", user="ana")
    async with asyncio.timeout(60):
        while True:
            answer = await shop.call("purchase", "GET", "/purchases", user="ana")
            if answer.status_code == 401:
                break

    assert at_once.status_code == 401
    assert answer.json()["error"] == "Token invalidado"


async def test_rotated_keys_arrive_as_events(shop: ShopInProcess) -> None:
    """The new key arrives as an event before any token that it signed."""
    await shop.sign_up("ana")
    rotated = await shop.call("auth", "POST", "/admin/keys/rotate", user="admin")
    await shop.log_in("ana", "ana@example.org", "ana-has-a-password")
    await shop.until(lambda: sent(shop, "auth"))
    shop.clients.pop("auth")
    answer = await shop.call("purchase", "GET", "/purchases", user="ana")

    assert rotated.status_code == 201
    assert answer.status_code == 200


async def test_a_trace_goes_from_the_request_to_the_other_service(shop: ShopInProcess) -> None:
    """The event that changes the catalogue has the purchase's trace id."""
    await shop.sign_up("ana")
    book_id = await shop.sell()
    trace = "0af7651916cd43dd8448eb211c80319c"
    await shop.call(
        "purchase",
        "POST",
        "/purchase",
        {"book_id": book_id, "quantity": 1},
        user="ana",
        traceparent=f"00-{trace}-b7ad6b7169203331-01",
    )
    feed = (await shop.call("purchase", "GET", "/internal/streams/inventory")).json()

    assert feed[-1]["traceparent"].split("-")[1] == trace
