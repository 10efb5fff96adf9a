"""What catalog and auth tell, however it arrives: twice, out of order, broken, or not at all."""

import httpx
import msgspec
from piccolo.querystring import QueryString

from functions.kit.events import inbox
from functions.kit.events.cloudevents import Event, write_batch
from functions.purchase.app import create_app
from functions.purchase.commands.books import implausible_books
from functions.purchase.settings import PurchaseSettings
from tests.purchase.shop import BOOKS, BUYER, STAFF, STOCK, Shop, book_event, open_shop
from tests.support.apps import serving
from tests.support.clock import FakeClock
from tests.support.tokens import Issuer

SECURITY = "/bookstore/auth/security"


async def test_a_repeated_event_of_a_book_changes_nothing(shop: Shop) -> None:
    """A repeated event changes nothing, also after copies were sold."""
    await shop.buy(1, 2)
    for _ in range(3):
        answer = await shop.deliver(book_event(1))

        assert (answer.status_code, answer.content) == (202, b"")
    assert await shop.stock_of(1) == (STOCK, 2, STOCK - 2)


async def test_an_older_state_never_replaces_a_newer_one(shop: Shop) -> None:
    """Revisions decide, not the order of arrival; a retired book stays retired."""
    await shop.deliver(book_event(5, sequence=6, revision=3, kind="retired"))
    await shop.deliver(book_event(5, sequence=5, revision=2, kind="updated", price_minor=1))
    await shop.deliver(book_event(5, sequence=4, revision=1))
    response = await shop.call("POST", "/purchase", {"book_id": 5, "quantity": 1})

    assert response.json()["code"] == "book-retired"
    assert await shop.stock_of(5) == (STOCK, 0, STOCK)
    assert await inbox.position(shop.database, BOOKS) == 6


async def test_a_malformed_event_is_quarantined(shop: Shop) -> None:
    """It is quarantined with 202, since neither a drop nor a retry would help."""
    broken = book_event(4)
    for event in (
        msgspec.structs.replace(broken, id="a", data=b"[1]"),
        msgspec.structs.replace(broken, id="b", sequence=5, data=b"{"),
        msgspec.structs.replace(book_event(4, price_minor=-1), id="c", sequence=6),
        msgspec.structs.replace(broken, id="d", sequence=7, subject=""),
        msgspec.structs.replace(broken, id="e", sequence=8, revision=None),
    ):
        answer = await shop.deliver(event)

        assert answer.status_code == 202
    await shop.deliver(book_event(4, sequence=9))
    bought = await shop.call("POST", "/purchase", {"book_id": 4, "quantity": 1})
    letters = await shop.client.get(
        "/internal/dead-letters", headers=shop.issuer.bearer(99, "admin")
    )

    assert bought.status_code == 201
    assert [letter["kind"] for letter in letters.json()] == ["quarantined"] * 5
    assert await inbox.position(shop.database, BOOKS) == 9


async def test_a_revoked_token_buys_nothing(shop: Shop) -> None:
    """Once its event was consumed; other tokens of the user stay valid."""
    token = shop.issuer.token(BUYER)
    headers = {"authorization": f"Bearer {token}"}
    claims = shop.issuer.claims(token)
    before = await shop.client.get("/purchases", headers=headers)
    await shop.deliver(
        Event(
            id="r1",
            source=SECURITY,
            type="bookstore.token.revoked.v1",
            subject=f"token/{claims['jti']}",
            sequence=1,
            revision=1,
            data=msgspec.json.encode(
                {
                    "token_id": claims["jti"],
                    "user_id": BUYER,
                    "expires_at": "2026-03-14T09:41:53Z",
                }
            ),
        )
    )
    after = await shop.client.get("/purchases", headers=headers)
    other = await shop.call("GET", "/purchases")

    assert (before.status_code, after.status_code, other.status_code) == (200, 401, 200)
    assert after.json()["error"] == "Token invalidado"


async def test_a_disabled_user_is_refused_until_enabled(shop: Shop) -> None:
    """Earlier tokens stay refused; new ones are accepted."""

    async def deliver(revision: int, *, disabled: bool) -> None:
        await shop.deliver(
            Event(
                id=f"u{revision}",
                source=SECURITY,
                type="bookstore.user.disabled.v1",
                subject=f"user/{BUYER}",
                sequence=revision,
                revision=revision,
                data=msgspec.json.encode(
                    {
                        "user_id": BUYER,
                        "disabled": disabled,
                        "tokens_not_before": shop.clock().isoformat(),
                    }
                ),
            )
        )

    old = shop.issuer.bearer(BUYER)
    shop.clock.advance(seconds=1)
    await deliver(1, disabled=True)
    shut_out = await shop.call("GET", "/purchases")
    shop.clock.advance(seconds=1)
    await deliver(2, disabled=False)
    with_old = await shop.client.get("/purchases", headers=old)
    with_new = await shop.call("GET", "/purchases")

    assert [each.status_code for each in (shut_out, with_old, with_new)] == [401, 401, 200]


async def test_lost_events_are_read_from_the_owners_feed(database_url: str) -> None:
    """A start reads catalog's feed from the stored position."""
    clock = FakeClock()
    issuer = Issuer(clock)
    asked: list[str] = []

    def catalog(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        if request.url.path == "/internal/streams/books":
            after = int(request.url.params["after"])
            events = [book_event(book_id) for book_id in (1, 2, 3) if book_id > after]
            return httpx.Response(200, content=write_batch(events))
        return httpx.Response(200, content=b"[]")

    settings = PurchaseSettings.from_mapping({"DATABASE_URL": database_url, "AUTO_MIGRATE": "true"})
    app = create_app(settings, clock=clock, http=issuer.wire(catalog))
    async with serving(app) as client:
        shop = Shop(app, client, issuer, clock)
        while await inbox.position(shop.database, BOOKS) < 3:
            pass
        bought = await shop.call("POST", "/purchase", {"book_id": 3, "quantity": 1})

    assert bought.status_code == 201


async def test_a_book_and_its_stock_arrive_together(
    database_url: str,
) -> None:
    """The book and its initial stock are written in one transaction."""
    async with open_shop(database_url, books=0) as shop:
        await shop.deliver(book_event(1, initial_stock=0))
        response = await shop.call("POST", "/purchase", {"book_id": 1, "quantity": 1})
        stock = await shop.call("GET", "/inventory/1", user=STAFF)

    assert (response.status_code, response.json()["stock_actual"]) == (409, 0)
    assert stock.json()["available"] == 0


async def test_a_book_with_an_implausible_revision_is_found(shop: Shop) -> None:
    """Its revision is higher than any of catalog; the audit reports it."""
    before = await implausible_books(shop.database)
    await shop.database.execute(
        QueryString("UPDATE books SET revision = {} WHERE book_id = 2", 2**62)
    )

    assert before == []
    assert await implausible_books(shop.database) == [f"book 2: revision {2**62}"]
