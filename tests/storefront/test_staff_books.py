"""Staff's pages of books: changes in place, two people at once, retiring and bringing back."""

import asyncio
import re
from html import unescape

import httpx
import pytest

from tests.journeys.shop_in_process import ShopInProcess
from tests.storefront.visitor import Visitor, fields_of, open_back_office, text_of

HOSTILE = '"><script>alert(1)</script>{{ 7 * 7 }}'
LIST = "/en/staff/books"


def value_of(page: httpx.Response, field: str) -> str:
    """What a field of the book's form has."""
    found = re.search(rf'<input id="f-{field}"[^>]* value="([^"]*)"', page.text)
    assert found is not None, text_of(page)
    return unescape(found[1])


async def on_hand(shop: ShopInProcess, book_id: int) -> int:
    answer = await shop.call("purchase", "GET", f"/inventory/{book_id}", user="staff")
    on_hand: int = answer.json()["on_hand"]
    return on_hand


async def read_book(shop: ShopInProcess, book_id: int) -> dict[str, object]:
    answer = await shop.call("catalog", "GET", f"/books/managed?ids={book_id}", user="staff")
    book: dict[str, object] = answer.json()[0]
    return book


@pytest.mark.parametrize(("typed", "price"), [("12.5", 12.5), ("12,50", 12.5), (" 7 ", 7.0)])
async def test_a_price_is_changed_in_the_list(
    staff: Visitor, shop: ShopInProcess, typed: str, price: float
) -> None:
    """With a point or a comma; the way back has the list's filters."""
    book_id = await shop.sell("La vorágine")
    page = await staff.get(f"{LIST}?q=vor%C3%A1gine")
    form = fields_of(page, f"{LIST}/{book_id}/price")
    done = await staff.submit(f"{LIST}/{book_id}/price", **{**form, "price": typed})

    assert (await read_book(shop, book_id))["price"] == price
    assert str(done.url).endswith("/en/staff/books?q=vor%C3%A1gine")
    assert "The price is changed." in text_of(done)


@pytest.mark.parametrize("typed", ["", "cheap", "-1", "1e3", "0.001", "9" * 15])
async def test_a_price_that_is_none_goes_on_at_the_books_page(
    staff: Visitor, shop: ShopInProcess, typed: str
) -> None:
    """With what was typed, and the reason beside it."""
    book_id = await shop.sell()
    form = fields_of(await staff.get(LIST), f"{LIST}/{book_id}/price")
    page = await staff.send(f"{LIST}/{book_id}/price", **{**form, "price": typed})

    assert page.status_code == 400
    assert value_of(page, "price") == typed
    assert 'id="p-price"' in page.text
    assert (await read_book(shop, book_id))["price"] == 10


async def test_what_two_people_change_is_merged(staff: Visitor, shop: ShopInProcess) -> None:
    """The second one sees the first one's values, keeps their own, and decides where both wrote."""
    book_id = await shop.sell("La vorágine")
    path = f"{LIST}/{book_id}"
    mine = fields_of(await staff.get(path), path)
    async with open_back_office(shop, "admin") as admin:
        theirs = fields_of(await admin.get(path), path)
        theirs |= {"price": "14.00", "category": "Novel", "description": "Of a jungle."}
        await admin.submit(path, **theirs)
    mine |= {"price": "15.00", "year": "1924", "description": ""}
    page = await staff.send(path, **mine)
    unchanged = await read_book(shop, book_id)
    saved = await staff.submit(path, **{**fields_of(page, path), "description": "Of a jungle."})

    assert page.status_code == 412
    assert unchanged["price"] == 14
    assert "Somebody else has changed this book" in text_of(page)
    assert [value_of(page, name) for name in ("price", "category", "year")] == [
        *("15.00", "Novel", "1924")
    ]
    assert "Somebody else has written: 14.00" in text_of(page)
    assert text_of(page).count("Somebody else has written:") == 1
    assert text_of(page).count("Somebody else has changed this; you see their value.") == 2
    assert saved.status_code == 200
    book = await read_book(shop, book_id)
    assert [book[name] for name in ("price", "category", "year", "description")] == [
        *(15, "Novel", 1924, "Of a jungle.")
    ]


async def test_of_two_prices_at_once_one_is_saved(staff: Visitor, shop: ShopInProcess) -> None:
    """The other person sees it beside their own."""
    book_id = await shop.sell()
    path = f"{LIST}/{book_id}/price"
    async with open_back_office(shop, "admin") as admin:
        forms = [fields_of(await each.get(LIST), path) for each in (staff, admin)]
        answers = await asyncio.gather(
            staff.send(path, **{**forms[0], "price": "11.00"}),
            admin.send(path, **{**forms[1], "price": "12.00"}),
        )
    refused = next(each for each in answers if each.status_code != 303)
    saved = (await read_book(shop, book_id))["price"]

    assert sorted(each.status_code for each in answers) == [303, 412]
    assert saved in {11, 12}
    assert f"Somebody else has written: {saved:.2f}" in text_of(refused)


@pytest.mark.parametrize(
    ("field", "typed", "reason"),
    [
        ("title", "", "Fill this in."),
        ("title", "x" * 256, "at most 255"),
        ("author", " ", "Fill this in."),
        ("price", "free", "Write an amount"),
        ("isbn", "978", "ISBN"),
        ("year", "soon", "Write a year"),
        ("year", "0", "0"),
        ("language", "Klingon, of course", "language"),
        ("rating", "6", "5"),
        ("rating", "many", "Write a number of stars"),
        ("ratings", "-5", "0"),
    ],
)
async def test_each_field_says_what_is_wrong_with_it(
    staff: Visitor, shop: ShopInProcess, field: str, typed: str, reason: str
) -> None:
    """What was typed stays in all of them, and nothing is changed."""
    book_id = await shop.sell("La vorágine")
    path = f"{LIST}/{book_id}"
    form = fields_of(await staff.get(path), path)
    page = await staff.send(path, **{**form, "category": "Novel", field: typed})
    said = re.search(rf'id="p-{field}">([^<]*)<', page.text)

    assert page.status_code == 400
    assert said is not None
    assert reason.lower() in said[1].lower()
    assert value_of(page, field) == typed.strip()
    assert value_of(page, "category") == "Novel"
    assert (await read_book(shop, book_id))["category"] is None


async def test_a_form_that_changes_nothing_says_so(staff: Visitor, shop: ShopInProcess) -> None:
    """And the book keeps its version."""
    book_id = await shop.sell()
    path = f"{LIST}/{book_id}"
    before = await read_book(shop, book_id)
    page = await staff.submit(path, **fields_of(await staff.get(path), path))

    assert "Nothing was changed." in text_of(page)
    assert await read_book(shop, book_id) == before


async def test_stock_is_adjusted_once_for_one_form(staff: Visitor, shop: ShopInProcess) -> None:
    """A double click, and the same form again after Back, adjust once; a new form once more."""
    book_id = await shop.sell(stock=5)
    path, page = f"{LIST}/{book_id}/stock", await staff.get(LIST)
    form = {**fields_of(page, path), "delta": "+3", "reason": "delivery"}
    twice = await asyncio.gather(staff.send(path, **form), staff.send(path, **form))
    again = await staff.submit(path, **form)
    other = await staff.send(path, **{**form, "delta": "4"})
    repeated = await staff.submit(path, **fields_of(other, path))

    assert {each.status_code for each in twice} <= {303, 409}
    assert "8 on hand" in text_of(again)
    assert other.status_code == 422
    assert "This form was sent before" in text_of(other)
    assert "12 on hand" in text_of(repeated)
    assert await on_hand(shop, book_id) == 12


@pytest.mark.parametrize(
    ("delta", "reason", "field"),
    [
        ("", "delivery", "delta"),
        ("0", "delivery", "delta"),
        ("many", "delivery", "delta"),
        ("1.5", "delivery", "delta"),
        ("1" * 4999, "delivery", "delta"),
        ("1000001", "delivery", "delta"),
        ("-6", "lost", "delta"),
        ("1", "", "reason"),
        ("1", "x" * 201, "reason"),
    ],
)
async def test_an_adjustment_that_cannot_be_is_refused(
    staff: Visitor, shop: ShopInProcess, delta: str, reason: str, field: str
) -> None:
    """Beside its field, with what was typed; the stock stays."""
    book_id = await shop.sell(stock=5)
    path = f"{LIST}/{book_id}/stock"
    form = fields_of(await staff.get(LIST), path)
    page = await staff.send(path, **{**form, "delta": delta, "reason": reason})

    assert page.status_code in {400, 409}
    assert f'id="p-{field}"' in page.text
    assert value_of(page, "reason") == reason
    assert await on_hand(shop, book_id) == 5


async def test_a_book_is_retired_and_brought_back(staff: Visitor, shop: ShopInProcess) -> None:
    """A page asks first; a form that is sent twice does no harm."""
    book_id = await shop.sell(HOSTILE)
    path = f"{LIST}/{book_id}"
    asked = await staff.get(f"{path}/retire")
    first = await staff.submit(f"{path}/retire")
    second = await staff.submit(f"{path}/retire")
    gone = await staff.get(f"/en/books/{book_id}")
    retired = await staff.get(f"{LIST}?state=retired")
    change = await staff.submit(path, price="3", title="Rayuela", etag='"1.1.1"')
    back = await staff.submit(f"{path}/restore")
    again = await staff.submit(f"{path}/restore")

    assert "Nobody can buy it then." in text_of(asked)
    assert "The book is out of sale." in text_of(first)
    assert (second.status_code, gone.status_code) == (200, 410)
    assert f'href="{path}"' in retired.text
    assert change.status_code == 410
    assert "This book was retired meanwhile, so nothing is saved." in text_of(change)
    assert (value_of(change, "title"), value_of(change, "price")) == ("Rayuela", "3")
    assert f'action="{path}/restore" target="_blank"' in change.text
    assert "The book is on sale again." in text_of(back)
    assert again.status_code == 200
    assert (await staff.get(f"/en/books/{book_id}")).status_code == 200
    for page in (asked, first, retired, back):
        assert "<script>" not in page.text


async def test_a_book_whose_isbn_is_taken_is_not_brought_back(
    staff: Visitor, shop: ShopInProcess
) -> None:
    """The reason names the other book."""
    body = {"title": "A", "author": "B", "price": 1, "isbn": "9780439023481"}
    first = (await shop.call("catalog", "POST", "/books", body, user="staff")).json()["book_id"]
    await shop.call("catalog", "DELETE", f"/books/{first}", user="staff")
    other = (await shop.call("catalog", "POST", "/books", body, user="staff")).json()["book_id"]
    page = await staff.submit(f"{LIST}/{first}/restore")

    assert f"Book {other} has the ISBN" in text_of(page)
    assert (await read_book(shop, first))["retired"] is True


async def test_a_book_is_added_once(staff: Visitor, shop: ShopInProcess) -> None:
    """By a form that is sent twice; its page follows, and the stock is purchase's."""
    path = f"{LIST}/new"
    typed = {"title": "Rayuela", "author": "Julio Cortázar", "price": "21,90", "stock": "4"}
    form = {**fields_of(await staff.get(path), path), **typed}
    page = await staff.submit(path, **form)
    again = await staff.submit(path, **form)
    other = await staff.send(path, **{**form, "title": "62"})
    found = await shop.call("catalog", "GET", "/books/managed", user="staff")

    assert page.url.path == "/en/staff/books/1"
    assert again.url.path == "/en/staff/books/1"
    assert (other.status_code, value_of(other, "title")) == (422, "62")
    assert "This form has added a book already." in text_of(other)
    assert fields_of(other, path)["key"] != form["key"]
    assert [(book["title"], book["price"]) for book in found.json()] == [("Rayuela", 21.9)]
    await shop.until(lambda: shop.stock_is_known(1))
    assert await on_hand(shop, 1) == 4


@pytest.mark.parametrize("path", ["/0", "/01", "/x", "/999999", "/999999/retire"])
async def test_a_book_that_never_was_is_not_found(staff: Visitor, path: str) -> None:
    """404, on every page of it."""
    assert (await staff.get(LIST + path)).status_code == 404


async def test_a_page_without_purchase_shows_the_rest(staff: Visitor, shop: ShopInProcess) -> None:
    """The details can be changed; the stock says when to look again."""
    book_id = await shop.sell()
    await shop.drain("purchase")
    page = await staff.get(f"{LIST}/{book_id}")

    assert page.status_code == 200
    assert "The stock cannot be shown right now." in text_of(page)
