"""What a client of the original read there, it reads in the moved shop, row by row."""

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from piccolo.querystring import QueryString

from functions.adoption.domain.decisions import Decisions
from functions.adoption.original import dump
from functions.adoption.original.rows import Original
from functions.adoption.original.schema import DATABASES
from functions.adoption.original.staging import Staging
from tests.adoption.moved_shop import open_moved_shop, reported
from tests.adoption.test_afterwards import PASSWORDS
from tests.journeys.shop_in_process import ShopInProcess
from tests.storefront.visitor import open_storefront, text_of


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[ShopInProcess]:
    async with open_moved_shop(tmp_path) as running:
        yield running


@pytest.fixture
def rows(tmp_path: Path, shop: ShopInProcess) -> Iterator[Original]:
    """The dirty instance's own rows."""
    del shop  # its dumps are in the folder
    with Staging.opened() as staging:
        dump.read(sorted((tmp_path / "dumps").glob("*.sql")), DATABASES, staging)
        staging.finish()
        yield Original(staging, Decisions().texts)


Listed = dict[int, dict[str, Any]]


async def listed(shop: ShopInProcess, service: str, path: str, user: str | None) -> Listed:
    """Every row of a list, by id, as a client reads it that follows the links to further pages."""
    found: Listed = {}
    following: str | None = path
    while following is not None:
        answer = await shop.call(service, "GET", following, user=user)

        assert answer.status_code == 200, answer.text
        found |= {row["id"]: row for row in answer.json()}
        link = answer.headers.get("link")
        following = link and link.partition("<")[2].partition(">")[0]
    return found


def same(expected: Mapping[int, Mapping[str, object]], found: Listed) -> list[object]:
    """The rows that are missing or differ."""
    return [
        (row, found.get(row_id))
        for row_id, row in expected.items()
        if row_id not in found or any(found[row_id][name] != row[name] for name in row)
    ]


async def test_books_are_those_of_the_original(
    shop: ShopInProcess, rows: Original, tmp_path: Path
) -> None:
    """Title, author, description, price and stock of each that the report says nothing about."""
    skip = reported(tmp_path, "main.book")
    expected = {
        row.id: {
            "title": row.title,
            "author": row.author,
            "description": row.description,
            "price": float(row.price.shown) if row.price else None,
            "stock": row.stock,
        }
        for row in rows.books()
        if row.id not in skip
    }

    assert len(expected) > 100
    assert same(expected, await listed(shop, "catalog", "/books", None)) == []


async def test_purchases_payments_and_deliveries_are_those_of_the_original(
    shop: ShopInProcess, rows: Original, tmp_path: Path
) -> None:
    """To staff, as everybody read them there: each that the report says nothing about."""
    skip = {
        name: reported(tmp_path, f"main.{name}")
        for name in ("purchase", "payment", "delivery_assignment", "delivery_provider", "book")
    }
    merged = reported(tmp_path, "auth.user", "accounts-merged")
    purchases: dict[int, dict[str, object]] = {}
    payments: dict[int, dict[str, object]] = {}
    deliveries: dict[int, dict[str, object]] = {}
    for whole in rows.purchases():
        row = whole.row
        if row.id in skip["purchase"] | skip["book"] or row.book_id in skip["book"]:
            continue
        purchases[row.id] = {
            "book_id": row.book_id,
            "book_name": whole.title,
            "quantity": row.quantity,
            "total_price": float(row.total.shown) if row.total else None,
            "status": row.status,
        }
        if row.user_id not in merged:
            purchases[row.id]["user_id"] = row.user_id
        payments |= {
            each.id: {
                "purchase_id": row.id,
                "amount": float(each.amount.shown) if each.amount else None,
                "method": each.method,
                "status": each.status,
            }
            for each in whole.payments
            if each.id not in skip["payment"]
        }
        deliveries |= {
            each.id: {
                "purchase_id": row.id,
                "provider_id": each.provider_id,
                "status": each.status,
            }
            for each in whole.assignments
            if each.id not in skip["delivery_assignment"]
            and each.provider_id not in skip["delivery_provider"]
        }

    assert (len(purchases), len(payments), len(deliveries)) > (100, 100, 10)
    assert same(purchases, await listed(shop, "purchase", "/purchases", "staff")) == []
    assert same(payments, await listed(shop, "purchase", "/payments", "staff")) == []
    assert same(deliveries, await listed(shop, "purchase", "/assignments", "staff")) == []


async def test_customers_log_in_and_read_their_own(shop: ShopInProcess, rows: Original) -> None:
    """With the old passwords: `/validate` gives the old id, the lists what staff see of it."""
    ids = {each.email: each.id for several in rows.users() for each in several}
    purchases = await listed(shop, "purchase", "/purchases", "staff")
    payments = await listed(shop, "purchase", "/payments", "staff")
    for email, password in PASSWORDS.items():
        body = {"email": email, "password": password}
        token = (await shop.call("auth", "POST", "/login", body)).json()["token"]
        known = (await shop.call("auth", "POST", "/validate", {"token": token})).json()
        shop.tokens[email] = token
        own = {key for key, row in purchases.items() if row["user_id"] == ids[email]}
        paid = {key for key, row in payments.items() if row["purchase_id"] in own}

        assert known["valid"] is True
        assert (known["user"]["id"], known["user"]["email"]) == (ids[email], email)
        assert set(await listed(shop, "purchase", "/purchases", email)) == own
        assert set(await listed(shop, "purchase", "/payments", email)) == paid


async def test_an_account_whose_password_was_not_taken_gets_a_new_one(
    shop: ShopInProcess, tmp_path: Path
) -> None:
    """By the link that is mailed to the address of the two that were merged."""
    email, password = "daniel.espacio@example.edu", "una-clave-nueva"
    asked = await shop.call("auth", "POST", "/password/forgot", {"email": email})
    database = shop.apps["auth"].state.services.database
    query = QueryString("SELECT id FROM password_resets WHERE user_id IS NOT NULL")

    async def announced() -> bool:
        return bool((await database.execute(query)).rows)

    await shop.until(announced)
    reset_id = (await database.execute(query)).rows[0]["id"]
    link = await shop.call("auth", "POST", f"/internal/password-resets/{reset_id}/link")
    token = link.json()["link"].partition("?token=")[2]
    body = {"token": token, "password": password}
    reset = await shop.call("auth", "POST", "/password/reset", body)
    await shop.log_in("daniel", email, password)
    body = {"token": shop.tokens["daniel"]}
    known = (await shop.call("auth", "POST", "/validate", body)).json()

    assert (asked.status_code, reset.status_code) == (202, 200)
    assert reported(tmp_path, "auth.user", "accounts-merged") == {94}
    assert known["user"]["id"] == 90


async def test_the_storefront_shows_a_customer_the_old_orders(shop: ShopInProcess) -> None:
    """After a sign-in with the old password; one that is unpaid can be paid."""
    async with open_storefront(shop) as visitor:
        await visitor.sign_in("emoji@example.edu", "pässwörd😀")
        orders = await visitor.get("/es/orders")
        paid = await visitor.get("/es/orders/314")
        pending = await visitor.get("/es/orders/316")

    assert "314" in text_of(orders)
    assert (paid.status_code, pending.status_code) == (200, 200)
    assert "/es/orders/316/pay" in pending.text
    assert "/es/orders/314/pay" not in paid.text
