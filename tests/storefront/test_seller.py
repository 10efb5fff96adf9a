"""A seller's pages: books, stock, sales and the name in the shop."""

import asyncio
import re

import httpx

from tests.journeys.shop_in_process import ShopInProcess
from tests.storefront.visitor import Visitor, open_back_office, text_of

BOOK = {
    "title": "Pedro Páramo",
    "author": "Juan Rulfo",
    "price": "12,50",
    "isbn": "",
    "category": "Novel",
    "year": "1955",
    "language": "es",
    "description": "Vine a Comala",
}


def field(page: httpx.Response, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', page.text)
    assert found is not None, page.text
    return found[1].replace("&#34;", '"').replace("&quot;", '"')


async def add(seller: Visitor, **changes: str) -> int:
    """The id of a new book, which purchase knows."""
    form = await seller.get("/en/seller/books/new")
    sent = {**BOOK, "stock": "5", "key": field(form, "key"), **changes}
    page = await seller.submit("/en/seller/books", **sent)

    assert page.status_code == 200, text_of(page)
    found = re.search(r"/en/seller/books/([0-9]+)\"", page.text)
    assert found is not None, page.text
    return int(found[1])


async def test_a_seller_without_a_name_chooses_one_first(shop: ShopInProcess) -> None:
    """The way to a first book leads over the name, which is then beside the book."""
    await shop.sign_up("seller", "seller")
    async with open_back_office(shop, "seller") as seller:
        asked = await seller.get("/en/seller/books/new")
        named = await seller.submit("/en/seller/name", name="Librería Norte")
        book_id = await add(seller)
        page = await seller.get(f"/en/books/{book_id}")

    assert asked.headers["location"] == "/en/seller/name"
    assert named.status_code == 200
    assert 'Sold by</dt><dd><a href="/en/books?seller=' in page.text
    assert "Librería Norte" in text_of(page)


async def test_a_taken_name_is_said_beside_its_field(shop: ShopInProcess, seller: Visitor) -> None:
    """With what was typed."""
    await shop.sign_up("other", "seller")
    async with open_back_office(shop, "other") as other:
        page = await other.send("/es/seller/name", name="LIBRERIA NORTE")

    assert page.status_code == 409
    assert 'value="LIBRERIA NORTE"' in page.text
    assert 'id="p-name"' in page.text


async def test_a_day_of_a_seller(shop: ShopInProcess, seller: Visitor) -> None:
    """A book is added, its stock arrives, a customer buys it, and the sale is in the sums."""
    book_id = await add(seller)
    await shop.until(lambda: shop.stock_is_known(book_id))
    form = await seller.get(f"/en/seller/books/{book_id}/stock")
    arrived = {"delta": "7", "reason": "delivery", "key": field(form, "key")}
    changed = await seller.submit(f"/en/seller/books/{book_id}/stock", **arrived)
    again = await seller.submit(f"/en/seller/books/{book_id}/stock", **arrived)
    await shop.sign_up("buyer")
    placed = await shop.call(
        "purchase", "POST", "/purchase", {"book_id": book_id, "quantity": 2}, user="buyer"
    )
    paid = {"purchase_id": placed.json()["purchase_id"], "payment_method": "tok_success"}
    await shop.call("purchase", "POST", "/payment", paid, user="buyer")
    sales = await seller.get("/en/seller/sales")
    exported = await seller.get("/en/seller/sales.csv")

    assert "On hand 12" in " ".join(text_of(changed).split())
    assert "On hand 12" in " ".join(text_of(again).split())
    assert "$25.00" in text_of(sales)
    assert "Pedro Páramo" in text_of(sales)
    assert exported.headers["content-type"].startswith("text/csv")
    assert exported.text.splitlines()[1].split(",")[3:8] == [
        "Pedro Páramo",
        "2",
        "12.50",
        "25.00",
        "25.00",
    ]


async def test_the_same_form_adds_one_book(seller: Visitor) -> None:
    """Sent twice at once, or again after a lost answer."""
    form = await seller.get("/en/seller/books/new")
    sent = {**BOOK, "stock": "5", "key": field(form, "key")}
    await asyncio.gather(*[seller.send("/en/seller/books", **sent) for _ in range(2)])
    page = await seller.get("/en/seller/books")

    assert page.text.count('<th scope="row"') == 1


async def test_what_is_wrong_is_said_beside_its_field(seller: Visitor) -> None:
    """All at once where the page or catalog finds it, with what was typed."""
    form = await seller.get("/en/seller/books/new")
    key = field(form, "key")
    local = await seller.send(
        "/en/seller/books",
        **{**BOOK, "price": "cheap", "year": "soon", "stock": "many", "key": key},
    )
    remote = await seller.send(
        "/en/seller/books", **{**BOOK, "isbn": "1", "stock": "1", "key": key}
    )

    assert (local.status_code, remote.status_code) == (400, 400)
    assert {"p-price", "p-year", "p-stock"} <= set(re.findall(r'id="(p-\w+)"', local.text))
    assert "p-isbn" in re.findall(r'id="(p-\w+)"', remote.text)
    assert 'value="soon"' in local.text
    assert 'value="cheap"' in local.text


async def test_an_outdated_change_shows_the_newer_values(
    shop: ShopInProcess, seller: Visitor
) -> None:
    """Beside what was typed; saving again keeps what is in the fields."""
    book_id = await add(seller)
    form = await seller.get(f"/en/seller/books/{book_id}")
    await shop.call("catalog", "PUT", f"/books/{book_id}", {"price": 20}, user="staff")
    sent = {**BOOK, "price": "15", "etag": field(form, "etag")}
    outdated = await seller.send(f"/en/seller/books/{book_id}", **sent)
    again = await seller.submit(
        f"/en/seller/books/{book_id}", **{**sent, "etag": field(outdated, "etag")}
    )
    book = (await shop.call("catalog", "GET", f"/books/{book_id}")).json()

    assert outdated.status_code == 412
    assert "Now it is: 20.00" in text_of(outdated)
    assert 'value="15"' in outdated.text
    assert again.status_code == 200
    assert book["price"] == 15


async def test_every_field_that_is_missing_is_named_at_once(seller: Visitor) -> None:
    """Not only the ones that the page itself reads, such as the price."""
    form = await seller.get("/en/seller/books/new")
    empty = await seller.send("/en/seller/books", stock="1", key=field(form, "key"))

    assert empty.status_code == 400
    assert re.findall(r'id="p-([a-z]+)"', empty.text) == ["title", "author", "price"]


async def test_what_is_typed_is_kept_where_the_book_was_retired_meanwhile(seller: Visitor) -> None:
    """It is saved once the book is back."""
    book_id = await add(seller)
    page = f"/en/seller/books/{book_id}"
    typed = {**BOOK, "title": "El Llano en llamas", "etag": field(await seller.get(page), "etag")}
    await seller.send(f"{page}/retire")
    refused = await seller.send(page, **typed)
    await seller.send(f"{page}/restore")
    newer = await seller.send(page, **{**typed, "etag": field(refused, "etag")})
    saved = await seller.submit(page, **{**typed, "etag": field(newer, "etag")})

    assert refused.status_code == 410
    assert "This book was retired meanwhile, so nothing is saved." in text_of(refused)
    assert 'value="El Llano en llamas"' in refused.text
    assert f'action="{page}/restore" target="_blank"' in refused.text
    assert "The book is changed." in text_of(saved)
    assert "El Llano en llamas" in text_of(saved)


async def test_a_book_is_retired_and_brought_back(shop: ShopInProcess, seller: Visitor) -> None:
    """By a confirmed form; what staff retired has no way back on the page."""
    book_id = await add(seller)
    confirm = await seller.get(f"/en/seller/books/{book_id}/retire")
    retired = await seller.submit(f"/en/seller/books/{book_id}/retire")
    gone = await seller.get(f"/en/books/{book_id}")
    back = await seller.submit(f"/en/seller/books/{book_id}/restore")
    there = await seller.get(f"/en/books/{book_id}")
    await shop.call("catalog", "DELETE", f"/books/{book_id}", user="staff")
    by_staff = await seller.get("/en/seller/books?state=retired")
    forced = await seller.send(f"/en/seller/books/{book_id}/restore")

    assert "Retire “Pedro Páramo”?" in text_of(confirm)
    assert "Bring back" in text_of(retired)
    assert (gone.status_code, there.status_code) == (410, 200)
    assert "The book is on sale again." in text_of(back)
    assert "Retired by staff" in text_of(by_staff)
    assert "Bring back" not in text_of(by_staff)
    assert forced.status_code == 403


async def test_the_books_of_others_are_refused(shop: ShopInProcess, seller: Visitor) -> None:
    """Pages are not found; forms made by hand are refused by 403, and change nothing."""
    book_id = await shop.sell("Del mostrador")
    pages = [
        await seller.get(f"/en/seller/books/{book_id}{path}") for path in ("", "/stock", "/retire")
    ]
    forms = [
        await seller.send(f"/en/seller/books/{book_id}", **BOOK, etag='"1.1.1"'),
        await seller.send(f"/en/seller/books/{book_id}/stock", delta="-1", reason="x"),
        await seller.send(f"/en/seller/books/{book_id}/retire"),
        await seller.send(f"/en/seller/books/{book_id}/restore"),
    ]
    listed = await seller.get("/en/seller/books")
    book = (await shop.call("catalog", "GET", f"/books/{book_id}")).json()

    assert [each.status_code for each in pages] == [404, 404, 404]
    assert [each.status_code for each in forms] == [403, 403, 403, 403]
    assert "Del mostrador" not in text_of(listed)
    assert (book["title"], book["stock"]) == ("Del mostrador", 5)


async def test_staff_says_whose_a_book_is(
    shop: ShopInProcess, seller: Visitor, staff: Visitor
) -> None:
    """The shop's own book becomes a seller's and the shop's again; who is unknown is said so."""
    book_id = await shop.sell("Del mostrador")
    listed = await staff.get("/en/staff/sellers")
    (found,) = re.findall(r'href="/en/books\?seller=([0-9]+)"', listed.text)
    given = await staff.submit("/en/staff/sellers", book_id=str(book_id), seller_id=found)
    theirs = await seller.get("/en/seller/books")
    unknown = await staff.send("/en/staff/sellers", book_id=str(book_id), seller_id="999")
    no_book = await staff.send("/en/staff/sellers", book_id="999", seller_id=found)
    taken = await staff.submit("/en/staff/sellers", book_id=str(book_id), seller_id="")
    none = await seller.get("/en/seller/books")

    assert "The book has another seller now." in text_of(given)
    assert "Del mostrador" in text_of(theirs)
    assert (unknown.status_code, no_book.status_code) == (404, 404)
    assert 'id="p-seller_id"' in unknown.text
    assert 'id="p-book_id"' in no_book.text
    assert taken.status_code == 200
    assert "Del mostrador" not in text_of(none)


async def test_staff_have_no_pages_of_sellers(staff: Visitor) -> None:
    """They are told whom the page is for."""
    page = await staff.get("/en/seller/books")

    assert page.status_code == 403
    assert "people who sell in this shop" in text_of(page)


async def test_a_search_is_narrowed_down_by_seller(shop: ShopInProcess, seller: Visitor) -> None:
    """By a facet with its count; the filter in effect has the seller's name."""
    await add(seller)
    await shop.sell("Del mostrador")
    whole = await seller.get("/es/books")
    (link,) = re.findall(r'href="(/es/books\?seller=[0-9]+)"', whole.text)
    narrowed = await seller.get(link)

    assert "Pedro Páramo" in text_of(narrowed)
    assert "Del mostrador" not in text_of(narrowed)
    assert "Vendido por: Librería Norte" in text_of(narrowed)


async def test_hostile_texts_are_shown_as_texts(seller: Visitor) -> None:
    """In the list, the form, the stock and the file."""
    hostile = '=cmd|"<script>alert(1)</script>'
    book_id = await add(seller, title=hostile)
    pages = [
        await seller.get(f"/en/seller/books{path}")
        for path in ("", f"/{book_id}", f"/{book_id}/retire", f"/{book_id}/stock")
    ]
    exported = await seller.get("/en/seller/books.csv")

    assert all(each.status_code == 200 for each in pages)
    assert not any("<script>alert" in each.text for each in pages)
    assert "'=cmd|" in exported.text
