"""The moved shop is run: its users log in, see their purchases, buy, pay; staff deliver."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from piccolo.querystring import QueryString

from tests.adoption.moved_shop import open_moved_shop
from tests.adoption.running import opened
from tests.adoption.test_moving import breaches
from tests.journeys.shop_in_process import ShopInProcess
from tests.storefront.visitor import Visitor, open_storefront, text_of

PASSWORDS = {
    "sin.nombre@example.edu": "123456",
    "MAYUS@EXAMPLE.EDU": "123456",
    "muñoz@example.net": "123456",
    "root@localhost": "123456",
    "sinarroba": "123456",
    "emoji@example.edu": "pässwörd😀",
    "clavelarga@example.edu": "x" * 1500,
}
"""Of the dirty instance, as its README has them."""


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[ShopInProcess]:
    """The dirty instance, moved, with all three services running and their events delivered."""
    async with open_moved_shop(tmp_path) as running:
        yield running


def urls_of(folder: Path) -> dict[str, str]:
    return {name: f"sqlite:///{folder}/{name}.db" for name in ("auth", "catalog", "purchase")}


async def hash_of(folder: Path, key: str) -> str:
    async with opened(urls_of(folder)) as there:
        sql = "SELECT password_hash FROM users WHERE email_key = {}"
        (row,) = (await there["auth"].execute(QueryString(sql, key))).rows
    return str(row["password_hash"])


async def test_old_passwords_log_in_and_are_rehashed(shop: ShopInProcess, tmp_path: Path) -> None:
    """Whatever the address and the password are, emoji and 1,500 characters too."""
    for email, password in PASSWORDS.items():
        before = await hash_of(tmp_path, email.lower())
        await shop.log_in(email, email, password)
        after = await hash_of(tmp_path, email.lower())
        await shop.log_in(email, email, password)

        assert before.startswith("pbkdf2:sha256:"), email
        assert after.startswith("$argon2id$"), email


async def test_a_merged_account_needs_a_reset(shop: ShopInProcess) -> None:
    """By default nobody's old password opens the purchases of two accounts."""
    body = {"email": "daniel.espacio@example.edu", "password": "123456"}
    answer = await shop.call("auth", "POST", "/login", body)

    assert answer.status_code == 401


async def test_purchases_and_payments_are_listed(shop: ShopInProcess) -> None:
    """With the ids of the original, to their buyer and to staff."""
    await shop.log_in("emoji", "emoji@example.edu", "pässwörd😀")
    own = (await shop.call("purchase", "GET", "/purchases", user="emoji")).json()
    payments = (await shop.call("purchase", "GET", "/payments?limit=100", user="staff")).json()
    one = await shop.call("purchase", "GET", "/purchase/314", user="staff")

    statuses = {each["id"]: each["status"] for each in own}

    assert (statuses[314], statuses[316]) == ("Paid", "Pending Payment")
    assert len(payments) == 100
    assert (one.status_code, one.json()["total_price"]) == (200, 90000)


async def test_catalog_and_purchase_agree(shop: ShopInProcess, tmp_path: Path) -> None:
    """By their streams: about titles, prices and stock of every book, retired or not."""
    async with opened(urls_of(tmp_path)) as there:
        books = {}
        for name, key in (("catalog", "id"), ("purchase", "book_id")):
            sql = (
                f"SELECT b.{key} AS id, b.title, b.price_minor, b.retired, i.available"  # noqa: S608
                f" FROM books b JOIN inventory i ON i.book_id = b.{key} ORDER BY b.{key}"
            )
            books[name] = (await there[name].execute(QueryString(sql))).rows

    assert books["catalog"] == books["purchase"]
    assert len(books["catalog"]) == 199


async def test_who_bought_a_book_from_the_original_reviews_it(
    shop: ShopInProcess, tmp_path: Path
) -> None:
    """Catalog learns of every purchase that is paid for, and of no other one."""
    async with opened(urls_of(tmp_path)) as there:
        sql = (
            "SELECT p.id AS purchase_id, p.user_id, t.book_id FROM purchases p"
            " JOIN purchase_items t ON t.purchase_id = p.id"
            " WHERE p.status IN ('Paid', 'On Delivery', 'Delivered') ORDER BY p.id"
        )
        paid = (await there["purchase"].execute(QueryString(sql))).rows
        sql = (
            "SELECT purchase_id, user_id, book_id FROM bought_books"
            " WHERE bought = 1 ORDER BY purchase_id"
        )
        bought = (await there["catalog"].execute(QueryString(sql))).rows
    await shop.log_in("emoji", "emoji@example.edu", "pässwörd😀")
    await shop.log_in("muñoz", "muñoz@example.net", "123456")
    body = {"rating": 5, "text": "Lo compré hace tiempo."}
    (book_id,) = [row["book_id"] for row in paid if row["purchase_id"] == 314]
    path = f"/books/{book_id}/reviews"
    of_buyer = await shop.call("catalog", "POST", path, body, user="emoji")
    of_another = await shop.call("catalog", "POST", path, body, user="muñoz")

    assert bought == paid
    assert len(paid) > 100
    assert of_buyer.status_code == 201, of_buyer.text
    assert of_another.json()["code"] == "not-bought"


async def test_nobody_gets_mail_about_what_was_moved(shop: ShopInProcess, tmp_path: Path) -> None:
    """The stream of orders begins after the move; what happens then is told."""
    mails = QueryString("SELECT kind, user_id FROM mails WHERE kind LIKE 'order%'")
    database = shop.apps["notifications"].state.services.database
    before = (await database.execute(mails)).rows
    await shop.log_in("muñoz", "muñoz@example.net", "123456")
    body: dict[str, object] = {"book_id": 5011, "quantity": 1}
    bought = await shop.call("purchase", "POST", "/purchase", body, user="muñoz")

    async def told() -> bool:
        return bool((await database.execute(mails)).rows)

    await shop.until(told)

    assert bought.status_code == 201, bought.text
    assert before == []


async def test_a_moved_delivery_has_a_history(shop: ShopInProcess, tmp_path: Path) -> None:
    """It begins with the status in which it was moved; what staff report follows."""
    async with opened(urls_of(tmp_path)) as there:
        sql = (
            "SELECT a.id, a.purchase_id, a.status FROM assignments a WHERE NOT EXISTS (SELECT 1"
            " FROM assignment_timeline t WHERE t.assignment_id = a.id AND t.status = a.status)"
        )
        without = (await there["purchase"].execute(QueryString(sql))).rows
        sql = "SELECT id, purchase_id FROM assignments WHERE status = 'Assigned' LIMIT 1"
        (assignment,) = (await there["purchase"].execute(QueryString(sql))).rows
    path = f"/purchase/{assignment['purchase_id']}"
    await shop.call("purchase", "PUT", path, {"status": "Delivered"}, user="staff")
    (delivery,) = (await shop.call("purchase", "GET", path, user="staff")).json()["deliveries"]

    assert without == []
    assert [each["status"] for each in delivery["timeline"]] == ["Assigned", "Delivered"]


async def test_search_finds_the_books(shop: ShopInProcess) -> None:
    """Without accents and in part, as any other book; and those that are retired it does not."""
    found = (await shop.call("catalog", "GET", "/books?q=cien anos garcia")).json()
    retired = (await shop.call("catalog", "GET", "/books?q=sin titulo")).json()

    assert [(book["id"], book["price"], book["stock"]) for book in found] == [(5011, 45000, 53)]
    assert retired == []


async def test_a_moved_book_is_bought_paid_and_delivered(
    shop: ShopInProcess, tmp_path: Path
) -> None:
    """By a customer of the original, with ids above the old ones; the audit stays clean."""
    await shop.log_in("muñoz", "muñoz@example.net", "123456")
    body: dict[str, object] = {"book_id": 5011, "quantity": 2}
    bought = (await shop.call("purchase", "POST", "/purchase", body, user="muñoz")).json()
    body = {"purchase_id": bought["purchase_id"], "amount": 90000, "payment_method": "tok_success"}
    paid = (await shop.call("purchase", "POST", "/payment", body, user="muñoz")).json()
    body = {"purchase_id": bought["purchase_id"], "provider_id": 1}
    sent = (await shop.call("purchase", "POST", "/assignments", body, user="staff")).json()
    path = f"/purchase/{bought['purchase_id']}"
    done = await shop.call("purchase", "PUT", path, {"status": "Delivered"}, user="staff")

    assert (bought["message"], paid["message"]) == ("Compra creada", "Pago registrado")
    assert (bought["purchase_id"], bought["remaining_stock"]) == (382, 51)
    assert paid["payment_id"] > 343
    assert sent["assignment_id"] > 102
    assert done.status_code == 200, done.text
    assert await breaches(urls_of(tmp_path)) == []


async def test_moved_purchases_go_on(shop: ShopInProcess, tmp_path: Path) -> None:
    """A pending one is paid, one on its way is delivered, and a paid one is refunded."""
    await shop.log_in("emoji", "emoji@example.edu", "pässwörd😀")
    body: dict[str, object] = {"purchase_id": 316, "amount": 90000, "payment_method": "cash"}
    paid = await shop.call("purchase", "POST", "/payment", body, user="emoji")
    async with opened(urls_of(tmp_path)) as there:
        sql = "SELECT id FROM purchases WHERE status = 'On Delivery' ORDER BY id"
        under_way = (await there["purchase"].execute(QueryString(sql))).rows
    delivered = [
        await shop.call(
            "purchase", "PUT", f"/purchase/{row['id']}", {"status": "Delivered"}, user="staff"
        )
        for row in under_way
    ]
    payments = (await shop.call("purchase", "GET", "/payments?limit=100", user="emoji")).json()
    (old,) = [each for each in payments if each["purchase_id"] == 314]
    given_back = await shop.call(
        "purchase",
        "POST",
        f"/payments/{old['id']}/refunds",
        {"reason": "no llegó"},
        user="staff",
        idempotency_key="refund-314",
    )

    assert paid.status_code == 201, paid.text
    assert len(delivered) == 57
    assert {each.status_code for each in delivered} == {200}
    assert given_back.status_code in {200, 201, 202}, given_back.text
    assert await breaches(urls_of(tmp_path)) == []


async def test_unpaid_purchases_expire_after_their_grace(shop: ShopInProcess) -> None:
    """Three days after the move, not before; then their copies can be sold."""
    shop.clock.advance(hours=71)
    await shop.log_in("staff", "staff@example.org", "staff-has-a-password")
    before = (await shop.call("purchase", "GET", "/purchase/316", user="staff")).json()
    shop.clock.advance(hours=2)
    await shop.log_in("emoji", "emoji@example.edu", "pässwörd😀")
    body = {"purchase_id": 316, "amount": 90000, "payment_method": "cash"}
    late = await shop.call("purchase", "POST", "/payment", body, user="emoji")

    assert before["status"] == "Pending Payment"
    assert late.json()["code"] == "purchase-expired"


@pytest.fixture
async def visitor(shop: ShopInProcess) -> AsyncIterator[Visitor]:
    async with open_storefront(shop) as new:
        yield new


async def test_the_storefront_shows_the_books(visitor: Visitor) -> None:
    """On their page and among the results of a search."""
    page = await visitor.get("/es/books/5011")
    results = await visitor.get("/es/books?q=soledad")

    assert "Cien años de soledad" in text_of(page)
    assert page.status_code == 200
    assert "Cien años de soledad" in text_of(results)
