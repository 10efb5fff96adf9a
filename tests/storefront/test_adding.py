"""Adding to the cart: nothing is lost or doubled by clicks, tabs and answers that get lost."""

import asyncio
import re

import pytest

from functions.kit.base.orders import MAX_QUANTITY
from tests.journeys.shop_in_process import ShopInProcess
from tests.storefront.visitor import Visitor, Wire, fields_of, open_storefront, text_of

ITEMS = "/en/cart/items"
SIGNED_IN = pytest.mark.parametrize("signed_in", [False, True], ids=["visitor", "customer"])


async def copies(visitor: Visitor) -> dict[str, int]:
    """Copies in the cart by book."""
    page = await visitor.get("/en/cart")
    cells = page.text.split('name="book_id" value="')[1:]
    return {
        cell.partition('"')[0]: int(re.findall(r'max="\d+" value="(\d+)"', cell)[0])
        for cell in cells
    }


async def form_of(visitor: Visitor, book_id: int) -> dict[str, str]:
    """The fields of a book's form, with the key of this page."""
    return fields_of(await visitor.get(f"/en/books/{book_id}"), ITEMS)


async def test_what_two_tabs_add_at_the_same_time_is_all_in_the_cart(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """Of a customer, whose cart purchase keeps: of one book and of others."""
    first, second = await shop.sell("Rayuela"), await shop.sell("Ficciones")
    await visitor.sign_up()
    forms = [await form_of(visitor, book_id) for book_id in (first, second) * 5]
    sent = await asyncio.gather(*[visitor.send(ITEMS, **form) for form in forms])

    assert {each.status_code for each in sent} == {303}
    assert await copies(visitor) == {str(first): 5, str(second): 5}


@SIGNED_IN
async def test_a_form_that_is_sent_twice_adds_once(
    visitor: Visitor, shop: ShopInProcess, signed_in: bool
) -> None:
    """A double click, and the page that Back has brought back; the visitor is told. Another
    quantity, and the form of another page, add again."""
    book = await shop.sell()
    if signed_in:
        await visitor.sign_up()
    form = await form_of(visitor, book)
    first = await visitor.submit(ITEMS, **form)
    again = await visitor.submit(ITEMS, **form)
    once = await copies(visitor)
    await visitor.submit(ITEMS, **{**form, "quantity": "2"})
    await visitor.submit(ITEMS, **await form_of(visitor, book))

    assert "Added to the cart." in text_of(first)
    assert "This was added to the cart before." in text_of(again)
    assert once == {str(book): 1}
    assert await copies(visitor) == {str(book): 4}


@SIGNED_IN
async def test_copies_that_do_not_fit_are_refused_and_the_number_is_named(
    visitor: Visitor, shop: ShopInProcess, signed_in: bool
) -> None:
    """Nothing is added, and the visitor stays on the book's page."""
    book = await shop.sell()
    if signed_in:
        await visitor.sign_up()
    for quantity in (MAX_QUANTITY - 1, 1):
        await visitor.send(ITEMS, book_id=book, quantity=quantity)
    page = await visitor.submit(ITEMS, book_id=book, quantity=1)

    assert page.request.url.path == f"/en/books/{book}"
    assert "The cart has 1000 copies of this book" in text_of(page)
    assert await copies(visitor) == {str(book): MAX_QUANTITY}


async def test_an_addition_whose_answer_was_lost_is_sent_again_and_adds_once(
    shop: ShopInProcess,
) -> None:
    """purchase has added; the storefront sends the request again under its key."""
    wire = Wire(shop)
    book = await shop.sell()
    async with open_storefront(shop, wire.client) as visitor:
        await visitor.sign_up()
        form = await form_of(visitor, book)
        wire.losing["POST /cart/items"] = 1
        await visitor.send(ITEMS, **form)

        assert wire.sent.count("POST /cart/items") == 2
        assert await copies(visitor) == {str(book): 1}


async def test_a_page_that_was_slow_brings_no_old_cart_back(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """It was asked for with a message to show, and before a book was added in another tab."""
    book = await shop.sell()
    await visitor.send(ITEMS, book_id=book, quantity=2000)  # refused: the next page says so
    before = visitor.client.cookies
    slow = await visitor.client.get(f"/en/books/{book}", headers={})
    visitor.client.cookies = before
    await visitor.send(ITEMS, book_id=book, quantity=2)
    names = {cookie.split("=")[0] for cookie in slow.headers.get_list("set-cookie")}

    assert "Choose a quantity from 1 to 1000." in text_of(slow)
    assert names == {"notes"}
    assert await copies(visitor) == {str(book): 2}
