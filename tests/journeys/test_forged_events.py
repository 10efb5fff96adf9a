"""An attacker who reaches the internal APIs gains nothing by a forged event.

Nothing but the network keeps strangers from them, and events give rights, prices and stock.
"""

import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from piccolo.querystring import QueryString

from functions.kit.base.settings import Secret
from functions.kit.events import cloudevents
from functions.kit.events.cloudevents import Event
from functions.kit.events.internal_secret import InternalSecret
from functions.kit.security import remote_keys
from tests.journeys.shop_in_process import ROOT, ShopInProcess, open_shop
from tests.support.signing import SECRET, SIGNER
from tests.support.tokens import Issuer

BOOKS, STOCK = "/bookstore/catalog/books", "/bookstore/purchase/inventory"
ORDERS, SECURITY = "/bookstore/purchase/orders", "/bookstore/auth/security"
THIEF = InternalSecret(Secret("a-secret-that-no-service-of-this-shop-has"))
FAR = datetime(9000, 1, 1, tzinfo=UTC)

KEPT = {
    "catalog": ("inventory", "denied_tokens", "denied_users", "verification_keys"),
    "purchase": (
        *("books", "inventory", "adjustments", "purchases", "payments", "assignments"),
        *("denied_tokens", "denied_users", "verification_keys"),
    ),
    "notifications": (
        *("mails", "subscribers"),
        *("denied_tokens", "denied_users", "verification_keys"),
    ),
    "auth": ("users", "user_roles", "revoked_tokens", "signing_keys", "password_resets"),
}
"""What rights, prices, stock and mails are made of; and how far each stream was read."""


@pytest.fixture(params=["", SECRET], ids=["no secret", "secret"])
async def shop(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ShopInProcess]:
    async with open_shop(tmp_path, INTERNAL_SECRET=request.param) as running:
        yield running


async def kept(shop: ShopInProcess) -> dict[str, list[Any]]:
    found = {}
    notifications = shop.apps["notifications"].state.services
    await notifications.sender.send_due(notifications.database)
    for service, tables in KEPT.items():
        for table in (*tables, "stream_positions", "inbox"):
            outcome = await shop.apps[service].state.services.database.execute(
                QueryString(f"SELECT * FROM {table}")  # noqa: S608 - one of the names above
            )
            found[f"{service}.{table}"] = sorted(map(str, outcome.rows))
    return found


def forgeries(user_id: int, token_id: str, key: dict[str, Any], kid: str) -> dict[str, Any]:
    """Of each type: source, subject, data that a thief would like to be believed."""
    book = {
        "book_id": 1,
        "title": "Regalo",
        "author": "Nadie",
        "description": None,
        "isbn": None,
        "category": None,
        "price_minor": 1,
        "currency": "USD",
        "initial_stock": 10**6,
    }
    order = {"purchase_id": 1, "user_id": user_id, "currency": "USD"}
    placed = {
        **order,
        "items": [],
        "delivery_fee_minor": 0,
        "total_minor": 0,
        "created_at": "2026-03-14T09:26:53Z",
        "expires_at": "2026-03-14T09:41:53Z",
    }
    paid = {**order, "payment_id": 1, "amount_minor": 1, "refunded_minor": 1}
    sent = {"assignment_id": 1, "purchase_id": 1, "provider_id": 1, "provider_name": "x"}
    sent["user_id"] = user_id
    types: dict[str, Any] = {
        "book.created": (BOOKS, "book/1", {**book, "retired": False}),
        "book.updated": (BOOKS, "book/1", {**book, "retired": False}),
        "book.retired": (BOOKS, "book/1", {**book, "retired": True}),
        "inventory.changed": (
            *(STOCK, "book/1"),
            {
                "book_id": 1,
                "on_hand": 9999,
                "reserved": 0,
                "available": 9999,
                "as_of": "2026-03-14T10:00:00Z",
            },
        ),
        "token.revoked": (
            *(SECURITY, f"token/{token_id}"),
            {"token_id": token_id, "user_id": user_id, "expires_at": FAR},
        ),
        "user.disabled": (
            *(SECURITY, f"user/{user_id}"),
            {"user_id": user_id, "disabled": True, "tokens_not_before": FAR},
        ),
        "key.rotated": (
            *(SECURITY, f"key/{kid}"),
            {"kid": kid, "public_key": {**key, "kid": kid}, "not_after": None},
        ),
        "user.password_reset_requested": (
            *("/bookstore/auth/accounts", "password-reset/1"),
            {"reset_id": 1, "user_id": user_id, "language": "es", "expires_at": FAR},
        ),
        "user.new_device_signed_in": (
            *("/bookstore/auth/accounts", "device/1"),
            {
                "device_id": 1,
                "user_id": user_id,
                "browser": "",
                "system": "",
                "signed_in_at": FAR,
            },
        ),
    }
    for name in ("placed", "paid", "cancelled", "expired", "refunded"):
        types[f"purchase.{name}"] = (ORDERS, "purchase/1", {**placed, "status": "Paid"})
    for name in ("succeeded", "failed", "refunded"):
        types[f"payment.{name}"] = (ORDERS, "purchase/1", {**paid, "status": "completed"})
    for name in ("assigned", "updated"):
        types[f"delivery.{name}"] = (ORDERS, "purchase/1", {**sent, "status": "Delivered"})
    review = {"review_id": 1, "book_id": 1, "user_id": user_id}
    for name in ("posted", "changed", "removed"):
        types[f"review.{name}"] = ("/bookstore/catalog/reviews", "review/1", review)
    return {f"bookstore.{name}.v1": forged for name, forged in types.items()}


async def test_no_forged_event_changes_a_right_a_price_or_stock(shop: ShopInProcess) -> None:
    """Of every type, at every service, with any numbers and signatures."""
    ana = await shop.sign_up("ana")
    thief = await shop.sign_up("thief")
    await shop.call("auth", "PATCH", f"/users/{thief}", {"disabled": True}, user="admin")
    book_id = await shop.sell(stock=5)
    await shop.call(
        "purchase", "POST", "/purchase", {"book_id": book_id, "quantity": 1}, user="ana"
    )
    for service in ("catalog", "purchase", "notifications"):
        # Everything was read, so that nothing that is true changes what is compared below.
        reader = shop.apps[service].state.services.catch_up
        for stream in reader.subscriptions.streams:
            await reader.read(stream)
    issuer = Issuer(shop.clock, kid="forged-key")
    claims = issuer.claims(shop.tokens["ana"])
    (shown,) = (await shop.call("auth", "GET", "/.well-known/jwks.json")).json()["keys"]
    before = await kept(shop)

    types = forgeries(ana, claims["jti"], issuer.jwk, issuer.kid)
    replaced = forgeries(thief, "made-up", issuer.jwk, shown["kid"])
    contracts = {
        path.name.removesuffix(".schema.json")
        for path in (ROOT / "eventing" / "contracts").glob("*.schema.json")
    }
    assert set(types) == contracts

    numbers = itertools.count()
    for event_type, (source, subject, data) in [*types.items(), *replaced.items()]:
        if event_type == "bookstore.user.disabled.v1" and subject.endswith(str(thief)):
            data = {
                **data,
                "disabled": False,
                "tokens_not_before": datetime(1970, 1, 1, tzinfo=UTC),
            }
        for sequence, revision in [(None, 1), (1, 2**62), (3, 7), (500, 10**11), (2**62, 2**62)]:
            event = Event(
                id=f"forged-{next(numbers)}",
                source=source,
                type=event_type,
                subject=subject,
                sequence=sequence,
                revision=revision,
                time=shop.clock(),
                data=msgspec.json.encode(data),
            )
            for sent in (event, THIEF.sign(event)):
                headers, body = cloudevents.write(sent)
                for service in KEPT:
                    answer = await shop.clients[service].post(
                        "/events", headers=headers, content=body
                    )

                    assert answer.status_code == 202

    assert await kept(shop) == before
    stolen = {"authorization": f"Bearer {issuer.token(ana, 'admin')}"}
    for service, path in (("purchase", "/purchases"), ("catalog", "/internal/dead-letters")):
        answer = await shop.clients[service].get(path, headers=stolen)

        assert answer.status_code == 401
    again = await shop.call(
        "purchase", "POST", "/purchase", {"book_id": book_id, "quantity": 1}, user="ana"
    )
    assert (again.status_code, float(again.json()["total_price"])) == (201, 10.0)
    assert (await shop.call("purchase", "GET", "/purchases", user="thief")).status_code == 401


async def test_a_replayed_genuine_event_changes_nothing(shop: ShopInProcess) -> None:
    """A signed event that was intercepted can be sent again without effect."""
    await shop.sign_up("ana")
    book_id = await shop.sell(stock=5)
    secret = shop.apps["catalog"].state.services.internal_secret
    feed = await shop.clients["catalog"].get("/internal/streams/books", headers=secret.headers)
    told = cloudevents.read_batch(feed.content)
    await shop.call(
        "catalog",
        "PUT",
        f"/books/{book_id}",
        {"title": "t", "author": "a", "price": 99},
        user="staff",
    )
    reader = shop.apps["purchase"].state.services.catch_up
    await reader.read(
        next(each for each in reader.subscriptions.streams if each.owner == "catalog")
    )
    before = await kept(shop)
    for event in told:
        headers, body = cloudevents.write(SIGNER.sign(event))
        await shop.clients["purchase"].post("/events", headers=headers, content=body)

    assert await kept(shop) == before


async def test_a_poisoned_projection_is_repaired(shop: ShopInProcess) -> None:
    """The comparison of streams replaces a forged price and key."""
    book_id = await shop.sell(stock=5)
    database = shop.apps["purchase"].state.services.database
    issuer = Issuer(shop.clock, kid="forged-key")
    await database.execute(QueryString("UPDATE books SET price_minor = 1, revision = {}", 2**62))
    await remote_keys.record_key(
        database,
        Event(id="x", source="", type="", revision=2**62),
        remote_keys.SigningKey(
            kid=issuer.kid, public_key=issuer.jwk, not_after=shop.clock() + timedelta(days=999)
        ),
    )
    reader = shop.apps["purchase"].state.services.catch_up
    reader.notify()

    async def healed() -> bool:
        rows = (await database.execute(QueryString("SELECT * FROM books"))).rows
        keys = (await database.execute(QueryString("SELECT kid FROM verification_keys"))).rows
        return rows[0]["price_minor"] == 1000 and issuer.kid not in {key["kid"] for key in keys}

    await shop.until(healed)
    rows = (await database.execute(QueryString("SELECT * FROM books"))).rows

    assert [(row["book_id"], row["price_minor"], row["revision"]) for row in rows] == [
        (book_id, 1000, 1)
    ]
    for stream in reader.subscriptions.streams:
        assert await reader.difference(stream) is None
