"""A page of the tour is printed as a curl command, read, and checked."""

import io

import pytest

from functions.local.console import Console
from functions.local.errors import ShopError
from functions.local.tour_pages import Page, TourBrowser, language_of
from tests.local.subscribers import CannedResponse, subscribing

PAGE = """<!DOCTYPE html><body>
<a href="/en/books/3">Pedro <b>Páramo</b></a><a href="/en/cart">Cart</a>
<p class="message success">Added to <i>the</i> cart.</p>
<h1>The &amp; cart</h1><p>Text</p>
<form method="post" action="/en/cart/items">
<input type="hidden" name="book_id" value="3"><input name="quantity" type="number" value="1">
<input type="radio" name="method" value="a"><input type="radio" name="method" value="b" checked>
<select name="country"><option value="AR">A</option><option value="CO" selected>C</option></select>
<select name="first"><option value="1">1</option><option value="2">2</option></select>
<button name="remove" value="1">Remove</button>
</form>"""


def test_a_page_is_read() -> None:
    """A form sends the checked radio button and the selected option, else the first option."""
    page = Page(200, "/en/cart", PAGE)
    form = page.form("/en/cart/items")

    assert page.heading == "The & cart"
    assert page.messages == ["Added to the cart."]
    assert page.link("/en/books/").text == "Pedro Páramo"
    assert form.fields == {
        "book_id": "3",
        "quantity": "1",
        "method": "b",
        "country": "CO",
        "first": "1",
    }


def test_what_a_page_lacks_is_named() -> None:
    """A missing link or form raises `ShopError` with its path, for a form with the page's text."""
    page = Page(200, "/en", "<h1>Empty</h1>")

    with pytest.raises(ShopError, match="no link to /en/books"):
        page.link("/en/books")
    with pytest.raises(ShopError, match=r"no form for /en/cart/items\. It says: Empty"):
        page.form("/en/cart/items")


async def test_a_form_is_printed_as_curl_without_its_password() -> None:
    """The command has `$PASSWORD` in its place; the request that is sent has the password."""
    out = io.StringIO()
    async with subscribing() as service, TourBrowser(Console(out), service.url) as browser:
        service.respond = lambda _: CannedResponse(200, body=PAGE.encode())
        page = await browser.get("/en")
        await browser.send(page.form("/en/cart/items"), quantity="2 3", password="a-secret")

    assert "a-secret" not in out.getvalue()
    assert (
        f"   $ curl -b jar -c jar {service.url}/en/cart/items --data-urlencode book_id=3"
        " --data-urlencode 'quantity=2 3' --data-urlencode method=b --data-urlencode country=CO"
        ' --data-urlencode first=1 --data-urlencode "password=$PASSWORD"\n'
        "     200 The & cart\n     “Added to the cart.”\n"
    ) in out.getvalue()
    assert service.received[1].body == (
        b"book_id=3&quantity=2+3&method=b&country=CO&first=1&password=a-secret"
    )


async def test_a_page_of_a_problem_ends_the_tour() -> None:
    """A status other than 200 raises `ShopError` with the status and the page's heading."""
    async with (
        subscribing() as service,
        TourBrowser(Console(io.StringIO()), service.url) as browser,
    ):
        service.respond = lambda _: CannedResponse(503, body=b"<h1>Away</h1>")

        with pytest.raises(ShopError, match="responded with 503 instead of 200: Away"):
            await browser.get("/en")


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "es_CO.UTF-8"}, "es"),
        ({"LANG": "es_CO.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_US", "LC_MESSAGES": "es"}, "es"),
        ({"LANG": "es_CO", "LC_ALL": ""}, "es"),
    ],
)
def test_pages_speak_the_language_of_the_terminal(environ: dict[str, str], language: str) -> None:
    """Spanish or English by LC_ALL, else LC_MESSAGES, else LANG; empty variables do not count."""
    assert language_of(environ) == language
