"""When an account is closed, what is personal of it goes: at once, or when its purchases end."""

import asyncio
import logging

import msgspec
import pytest

from functions.kit.events.cloudevents import Event
from functions.purchase.audit import audit
from functions.purchase.commands.customers import close_account
from tests.purchase.shop import BUYER, OTHER, STAFF, Shop
from tests.purchase.test_addresses import add
from tests.purchase.test_cart import put

SECURITY = "/bookstore/auth/security"


def access_event(
    user_id: int, *, closed: bool | None = True, sequence: int = 1, revision: int = 1
) -> Event:
    """What auth tells of a user who is shut out; None: as a release before `closed` told it."""
    state = {
        "user_id": user_id,
        "disabled": True,
        "tokens_not_before": "2026-03-14T09:00:00Z",
        **({} if closed is None else {"closed": closed}),
    }
    return Event(
        id=f"access-{user_id}-{sequence}",
        source=SECURITY,
        type="bookstore.user.disabled.v1",
        subject=f"user/{user_id}",
        sequence=sequence,
        revision=revision,
        data=msgspec.json.encode(state),
    )


async def bought(shop: Shop, book_id: int, user: int = BUYER) -> int:
    """The id of a purchase that goes to the user's first address."""
    (address, *_) = (await shop.call("GET", "/addresses", user=user)).json()
    body = {"book_id": book_id, "quantity": 1, "address_id": address["id"]}
    made = await shop.call("POST", "/purchase", body, user=user)
    purchase_id: int = made.json()["purchase_id"]
    return purchase_id


async def personal(shop: Shop) -> list[tuple[str, int]]:
    """What is kept, and whose: addresses, cart lines, and addresses of purchases by their id."""
    found = [
        ("address", row["user_id"]) for row in await shop.query("SELECT user_id FROM addresses")
    ]
    found += [("cart", r["user_id"]) for r in await shop.query("SELECT user_id FROM cart_items")]
    rows = await shop.query("SELECT purchase_id FROM purchase_addresses")
    return sorted(found + [("purchase", row["purchase_id"]) for row in rows])


async def sound(shop: Shop) -> None:
    await shop.published("inventory")  # reading the feed numbers its rows
    findings = await audit(shop.database)

    assert [finding for finding in findings if finding.breaches] == []


async def test_addresses_and_cart_go_with_the_account(shop: Shop) -> None:
    """Nobody else's do."""
    for user in (BUYER, OTHER):
        await add(shop, user)
        await put(shop, 1, 1, user)
    answer = await shop.deliver(access_event(BUYER))

    assert answer.status_code == 202
    assert await personal(shop) == [("address", OTHER), ("cart", OTHER)]
    await sound(shop)


@pytest.mark.parametrize("closed", [False, None])
async def test_an_account_that_is_shut_out_keeps_everything(
    shop: Shop, *, closed: bool | None
) -> None:
    """It may be let in again; an event without the field says no more than before."""
    await add(shop)
    await put(shop, 1)
    await shop.deliver(access_event(BUYER, closed=closed))

    assert await personal(shop) == [("address", BUYER), ("cart", BUYER)]
    assert (await shop.call("GET", "/cart")).status_code == 401


async def test_a_copy_of_the_event_changes_nothing(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor does a later state of the same account, such as a snapshot's; the log has it once."""
    caplog.set_level(logging.INFO)
    await add(shop)
    for event in (
        access_event(BUYER),
        access_event(BUYER),
        access_event(BUYER, sequence=2, revision=2),
    ):
        await shop.deliver(event)
    (row,) = await shop.query("SELECT closed_at FROM customers WHERE user_id = {}", BUYER)

    assert row["closed_at"] is not None
    assert await personal(shop) == []
    assert caplog.text.count("has closed the account") == 1


async def test_a_purchase_keeps_its_address_until_it_ends(shop: Shop) -> None:
    """Unpaid, paid and on its way it is needed; delivered, cancelled, expired, refunded not."""
    await add(shop)
    ended = await bought(shop, 1)
    await shop.call("DELETE", f"/purchase/{ended}")
    unpaid, delivered, refunded = [await bought(shop, n) for n in (1, 2, 3)]
    await shop.pay(delivered)
    payment = await shop.pay(refunded)
    assignment = await shop.assign(delivered)
    await shop.deliver(access_event(BUYER))
    steps = [await personal(shop)]
    await sound(shop)
    await shop.call("PATCH", f"/assignments/{assignment}", {"status": "in_transit"}, user=STAFF)
    steps.append(await personal(shop))
    await shop.call("PATCH", f"/assignments/{assignment}", {"status": "delivered"}, user=STAFF)
    steps.append(await personal(shop))
    await shop.call("POST", f"/payments/{payment}/refunds", {}, user=STAFF, key="r")
    steps.append(await personal(shop))
    shop.clock.advance(minutes=16)
    await shop.expire()
    steps.append(await personal(shop))

    kept = [("purchase", each) for each in (unpaid, delivered, refunded)]
    assert steps[:2] == [kept, kept]
    assert steps[2:] == [[kept[0], kept[2]], [kept[0]], []]
    shown = (await shop.call("GET", f"/purchase/{delivered}", user=STAFF)).json()
    assert (shown["status"], shown["address"]) == ("Delivered", None)
    await sound(shop)


async def test_a_delivery_that_fails_keeps_the_address_for_the_next(shop: Shop) -> None:
    """The purchase is paid again, and has not ended."""
    await add(shop)
    purchase_id = await bought(shop, 1)
    await shop.pay(purchase_id)
    assignment = await shop.assign(purchase_id)
    await shop.deliver(access_event(BUYER))
    await shop.call("PATCH", f"/assignments/{assignment}", {"status": "failed"}, user=STAFF)

    assert await personal(shop) == [("purchase", purchase_id)]


async def test_others_who_buy_and_end_keep_their_addresses(shop: Shop) -> None:
    """The end of a purchase erases nothing of an account that is open."""
    await add(shop)
    purchase_id = await bought(shop, 1)
    await shop.call("DELETE", f"/purchase/{purchase_id}")

    assert await personal(shop) == [("address", BUYER), ("purchase", purchase_id)]


async def test_a_request_that_was_let_in_before_adds_nothing_afterwards(shop: Shop) -> None:
    """The account is closed between the check of its token and the write: 401, and nothing."""
    await add(shop)
    await close_account(shop.database, BUYER, now=shop.clock())
    answers = [
        await shop.call("POST", "/addresses", {**SPARE}),
        await shop.call("PUT", "/cart/items/1", {"quantity": 1}),
        await shop.call("POST", "/cart/items", {"book_id": 1, "quantity": 1}),
        await shop.call("POST", "/cart/merge", {"items": [{"book_id": 1, "quantity": 1}]}),
        await shop.call("POST", "/purchase", {"from_cart": True}),
        await shop.call("POST", "/purchase", {"book_id": 1, "quantity": 1, "address_id": 1}),
    ]

    assert {(each.status_code, each.json()["code"]) for each in answers} == {(401, "token-revoked")}
    assert await personal(shop) == []


SPARE = {"recipient": "A", "lines": ["B"], "city": "C", "country": "AO"}


async def test_closing_in_the_middle_of_writes_leaves_nothing(shop: Shop) -> None:
    """Tabs that add, a purchase that ends and the event, all at once."""
    await add(shop)
    first, second = await bought(shop, 1), await bought(shop, 2)
    await asyncio.gather(
        *[shop.call("POST", "/addresses", SPARE) for _ in range(3)],
        put(shop, 3),
        shop.call("DELETE", f"/purchase/{first}", user=STAFF),
        shop.deliver(access_event(BUYER)),
        put(shop, 2),
        shop.call("DELETE", f"/purchase/{second}", user=STAFF),
        *[shop.call("POST", "/addresses", SPARE) for _ in range(3)],
    )

    assert await personal(shop) == []
    await sound(shop)
