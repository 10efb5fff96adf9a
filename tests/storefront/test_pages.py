"""Pages of a visitor: what they show, how they are cached, and what protects them."""

import gzip
import re
from html import unescape
from urllib.parse import quote

import httpx
import pytest

from tests.journeys.shop_in_process import ShopInProcess
from tests.storefront.visitor import (
    ORIGIN,
    SAME_ORIGIN,
    Visitor,
    fields_of,
    open_storefront,
    text_of,
)

HOSTILE = '"><script>alert(1)</script>{{ 7 * 7 }}<img src=x onerror=alert(2)>'


@pytest.mark.parametrize(
    ("accepted", "language"), [("en", "en"), ("es-CO, en;q=0.5", "es"), ("fr", "es"), ("", "es")]
)
async def test_the_first_address_leads_to_the_browsers_language(
    visitor: Visitor, accepted: str, language: str
) -> None:
    """A redirect that depends on the header, and says so to caches."""
    response = await visitor.get("/", accept_language=accepted)

    assert (response.status_code, response.headers["location"]) == (302, f"/{language}")
    assert "Accept-Language" in response.headers["vary"]


async def test_a_chosen_language_is_remembered(visitor: Visitor) -> None:
    """It goes before what the browser asks for, and the page is shown in it at once."""
    chosen = await visitor.send("/es/language", language="en", next="/es/books?q=mar")
    again = await visitor.get("/", accept_language="es")

    assert (chosen.status_code, chosen.headers["location"]) == (303, "/en/books?q=mar")
    assert again.headers["location"] == "/en"


async def test_the_language_of_a_long_search_is_changed(visitor: Visitor) -> None:
    """A letter of most alphabets is six characters of the address."""
    query = f"q={quote('дом ' * 40)}&author={quote('Достоевский Фёдор Михайлович')}&sort=title"
    page = await visitor.get(f"/en/books?{query}")
    there = await visitor.send("/en/language", **fields_of(page, "/en/language"), language="es")

    assert there.headers["location"] == f"/es/books?{query}"


async def test_the_link_to_the_sign_in_does_not_grow(visitor: Visitor) -> None:
    """On the page of the sign-in itself it leads to where the visitor was going, too."""
    address = "/en/sign-in?next=/en/orders"
    page = await visitor.get(address)

    assert f'<a href="{address}">' in page.text


async def test_a_page_with_too_long_an_address_can_be_left_by_every_link(visitor: Visitor) -> None:
    """An address that no form takes is not repeated in others."""
    page = await visitor.get(f"/en/books?x={'x' * 5000}")

    assert fields_of(page, "/en/language")["next"] == "/en"
    assert '<a href="/en/sign-in?next=/en">' in page.text


async def test_the_first_page_shows_new_books(visitor: Visitor, shop: ShopInProcess) -> None:
    """With title, author, price and a cover."""
    await shop.sell("La vorágine", price=14.5)
    page = await visitor.get("/es")

    assert page.status_code == 200
    assert "La vorágine Autora" in text_of(page)
    assert "14.50" in text_of(page)


async def test_an_empty_shop_says_so(visitor: Visitor) -> None:
    """Instead of an empty list."""
    assert "Los estantes aún están vacíos" in text_of(await visitor.get("/es"))


async def test_a_search_keeps_its_filters_in_the_next_page(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """Page by page, each book once."""
    for number in range(30):
        await shop.sell(f"Tomo {number}")
    first = await visitor.get("/en/books?q=tomo&sort=title")
    link = next(part for part in first.text.split('"') if "after=" in part).replace("&amp;", "&")
    second = await visitor.get(link)

    assert "q=tomo" in link
    assert first.text.count('class="card"') + second.text.count('class="card"') == 30


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("min_price=cheap", "Write an amount"),
        ("max_price=-1", "Write an amount"),
        ("max_price=1e9999", "Write an amount"),
        ("q=" + "x" * 201, "at most 200"),
    ],
)
async def test_a_filter_that_makes_no_sense_is_left_out(
    visitor: Visitor, query: str, problem: str
) -> None:
    """The rest of the search is done, with the reason beside the field."""
    page = await visitor.get(f"/en/books?{query}")

    assert page.status_code == 200
    assert problem in text_of(page)


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("min_price", "cheap"),
        ("max_price", '"><b>1'),
        ("max_price", "1,5,0"),
        ("q", "árbol " * 40),
        ("q", '"&lt;' * 60),
    ],
)
async def test_a_search_that_is_refused_keeps_what_was_typed(
    visitor: Visitor, name: str, typed: str
) -> None:
    """In its field, to be corrected."""
    page = await visitor.client.get("/es/books", params={name: typed})
    values = re.findall(rf'<input id="[^"]*" [^>]*name="{name}"[^>]* value="([^"]*)"', page.text)

    assert [unescape(value) for value in values] == [typed.strip()]
    assert 'class="wrong' in page.text or 'class="message problem' in page.text


@pytest.mark.parametrize(
    "typed",
    ["ray\u00aduela", "\u202eRayuela\u202c", "\ufeffRayuela\u200b", "Rayuela\x00", "\u200d"],
)
async def test_characters_that_nobody_sees_do_not_count(
    visitor: Visitor, shop: ShopInProcess, typed: str
) -> None:
    """As a title has them that was copied from a PDF, or an emoji and a Persian word inside."""
    await shop.sell("Rayuela")
    page = await visitor.client.get("/en/books", params={"q": typed})

    assert page.status_code == 200
    assert 'class="message problem' not in page.text
    assert page.text.count('class="card"') == 1


@pytest.mark.parametrize("typed", ["1,234.50", "1234,5", " 1234.5 ", "1,234.5"])
async def test_a_price_is_read_as_the_pages_write_it(
    visitor: Visitor, shop: ShopInProcess, typed: str
) -> None:
    """Or with the comma that other countries have before the cents; the filter is shown alike."""
    await shop.sell("Códice", price=1234.5)
    await shop.sell("Folleto", price=3)
    page = await visitor.client.get("/es/books", params={"min_price": typed})

    assert page.text.count('class="card"') == 1
    assert "desde 1,234.50" in text_of(page)


@pytest.mark.parametrize("query", ["utm_source=mail&fbclid=1", "q=a&q=b", "sort=nonsense", "x"])
async def test_parameters_that_are_not_known_change_nothing(visitor: Visitor, query: str) -> None:
    """Links from elsewhere carry some."""
    assert (await visitor.get(f"/en/books?{query}")).status_code == 200


async def test_a_cursor_of_nowhere_is_a_page_with_a_way_on(visitor: Visitor) -> None:
    """400, and the filters are there to search again."""
    page = await visitor.get("/en/books?after=nonsense")

    assert page.status_code == 400
    assert "Sort and filter" in text_of(page)
    assert "This part of the list is not there any more." in text_of(page)


async def test_hostile_texts_are_shown_as_texts(visitor: Visitor, shop: ShopInProcess) -> None:
    """In the list, on the book's page, in its cover and in the search."""
    body = {"title": HOSTILE, "author": HOSTILE, "price": 1, "stock": 1, "description": HOSTILE}
    made = await shop.call("catalog", "POST", "/books", body, user="staff")
    book_id = made.json()["book_id"]
    pages = [
        await visitor.get("/en"),
        await visitor.get(f"/en/books/{book_id}"),
        await visitor.client.get("/en/books", params={"q": HOSTILE}),
    ]

    for page in pages:
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
    cover = next(part for part in pages[1].text.split('"') if part.startswith("/covers/"))
    drawn = await visitor.get(cover)

    assert drawn.headers["content-type"] == "image/svg+xml"
    assert "<script" not in drawn.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/fr", 404),
        ("/en/nowhere", 404),
        ("/en/books/0", 404),
        ("/en/books/01", 404),
        ("/en/books/999999", 404),
        ("/en/books/9999999999999999999999", 404),
        ("/en/books/x", 404),
        ("/static/shop.css", 404),
        ("/static/..%2f..%2fapp.py", 404),
        ("/covers/x", 404),
        ("/covers/999999-00000000.svg", 404),
    ],
)
async def test_what_is_not_there_is_a_page(visitor: Visitor, path: str, status: int) -> None:
    """With a way on, and no trace of the code."""
    page = await visitor.get(path)

    assert page.status_code == status
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert 'href="/e' in page.text
    assert "Traceback" not in page.text


@pytest.mark.parametrize("path", ["/en/books/", "//en/books", "///en///books//", "/en/%62ooks"])
async def test_a_page_names_its_one_address(visitor: Visitor, path: str) -> None:
    """However it was spelt: a path that begins with two slashes would be another host's."""
    page = await visitor.client.get(f"{ORIGIN}{path}?q=a")
    names = re.findall(r'(?:href|action|src|value)="([^"]*)"', page.text)

    assert page.status_code == 200
    assert [name for name in names if name.startswith("//")] == []
    assert {"/en/sign-in?next=/en/books%3Fq%3Da", f"{ORIGIN}/es/books?q=a"} <= set(names)


async def test_a_redirect_depends_on_the_session_as_a_page_does(visitor: Visitor) -> None:
    """So that no cache gives somebody the way that another visitor was shown."""
    paths = ("/", "/en", "/en/orders", "/en/checkout", "/en/nowhere")
    answers = [await visitor.get(path) for path in paths]

    assert [each.headers["vary"] for each in answers] == ["Cookie, Accept-Language"] * len(paths)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/en", "GET, HEAD, OPTIONS"),
        ("DELETE", "/en/sign-in", "GET, HEAD, OPTIONS, POST"),
        ("GET", "/en/cart/items", "OPTIONS, POST"),
    ],
)
async def test_a_refused_method_is_told_which_there_are(
    visitor: Visitor, method: str, path: str, allowed: str
) -> None:
    """HEAD is answered wherever GET is; OPTIONS says the same (RFC 9110, 10.2.1)."""
    refused = await visitor.client.request(method, path)
    asked = await visitor.client.options(path)

    assert (refused.status_code, refused.headers["allow"]) == (405, allowed)
    assert asked.headers["allow"] == allowed


@pytest.mark.parametrize(
    ("path", "language"), [("/es/nowhere", "es"), ("/en/nowhere/at/all", "en")]
)
async def test_a_missing_page_is_in_the_language_of_its_address(
    visitor: Visitor, path: str, language: str
) -> None:
    """Whatever the browser asks for."""
    page = await visitor.get(path, accept_language="en, es")

    assert page.status_code == 404
    assert f'<html lang="{language}">' in page.text


async def test_a_missing_page_knows_who_has_signed_in(visitor: Visitor) -> None:
    """A wrong address does not look like a session that has ended, and no cache keeps it."""
    await visitor.sign_up()
    page = await visitor.get("/en/nowhere")

    assert (page.status_code, page.headers["cache-control"]) == (404, "no-store")
    assert 'href="/en/account"' in page.text
    assert 'href="/en/sign-in' not in page.text


async def test_a_missing_file_uses_up_no_message(visitor: Visitor) -> None:
    """Its page is seen by nobody."""
    await visitor.send("/en/sign-out")
    missing = await visitor.get("/static/nothing.css")
    page = await visitor.get("/en")

    assert "set-cookie" not in missing.headers
    assert "You have signed out." in text_of(page)


async def test_a_retired_book_is_gone(visitor: Visitor, shop: ShopInProcess) -> None:
    """410: a search engine forgets it."""
    book_id = await shop.sell()
    await shop.call("catalog", "DELETE", f"/books/{book_id}", user="staff")

    assert (await visitor.get(f"/en/books/{book_id}")).status_code == 410


async def test_a_cover_is_kept_for_ever_under_its_title(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """Another title has another address; the old one leads there, and one without a title."""
    book_id = await shop.sell("Rayuela")
    page = await visitor.get(f"/en/books/{book_id}")
    path = next(part for part in page.text.split('"') if part.startswith("/covers/"))
    cover = await visitor.get(path)
    moved = [await visitor.get(f"/covers/{book_id}{end}") for end in ("-00000000.svg", ".svg")]

    assert "immutable" in cover.headers["cache-control"]
    assert "Rayuela" in cover.text
    assert [(each.status_code, each.headers["location"]) for each in moved] == [(302, path)] * 2


async def test_a_cover_follows_a_title_that_another_process_changed(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """Two processes that remember different titles redirect to each other otherwise."""
    book_id = await shop.sell("Rayuela")
    old = await visitor.get(f"/covers/{book_id}")
    body = {"title": "Bestiario"}
    changed = await shop.call(
        "catalog", "PATCH", f"/books/{book_id}", body, user="staff", if_match="*"
    )

    assert changed.status_code == 200, changed.text
    async with open_storefront(shop) as other:
        page = await other.get(f"/en/books/{book_id}")
    path = next(part for part in page.text.split('"') if part.startswith("/covers/"))
    cover = await visitor.get(path)
    moved = await visitor.get(old.headers["location"])

    assert cover.status_code == 200
    assert "Bestiario" in cover.text
    assert (moved.status_code, moved.headers["location"]) == (302, path)


async def test_static_files_are_immutable_and_compressed(visitor: Visitor) -> None:
    """Their names change with their content."""
    page = await visitor.get("/en")
    names = [part for part in page.text.split('"') if part.startswith("/static/")]
    files = [await visitor.get(name, accept_encoding="gzip") for name in names]

    assert len(names) == 3
    assert {file.status_code for file in files} == {200}
    assert all("immutable" in file.headers["cache-control"] for file in files)
    assert all(file.headers["content-encoding"] == "gzip" for file in files)


@pytest.mark.parametrize("refused", ["gzip;q=0", "gzip; q=0.0", "gzip ; Q = 0.000", "identity", ""])
async def test_a_refused_coding_is_not_used(visitor: Visitor, refused: str) -> None:
    """A client that cannot read gzip gets the file as it is."""
    page = await visitor.get("/en")
    name = next(part for part in page.text.split('"') if part.endswith(".css"))
    file = await visitor.get(name, accept_encoding=refused)

    assert "content-encoding" not in file.headers


async def test_a_media_type_names_its_charset_once(visitor: Visitor) -> None:
    """A parameter that is repeated makes it invalid (RFC 9110, 5.6.6)."""
    page = await visitor.get("/en")
    names = [part for part in page.text.split('"') if part.startswith("/static/")]
    types = [
        (await visitor.get(name)).headers["content-type"] for name in [*names, "/robots.txt", "/en"]
    ]

    assert [each for each in types if each.count("charset") > 1] == []
    assert "text/css; charset=utf-8" in types


async def test_pages_allow_nothing_from_elsewhere(visitor: Visitor) -> None:
    """No inline script or style, no other host, no frame."""
    page = await visitor.get("/en")
    policy = page.headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<style" not in page.text
    assert 'style="' not in page.text
    assert page.text.count("<script") == page.text.count('<script type="module" src="/static/')


@pytest.mark.parametrize(("secure", "sent"), [("true", True), ("false", False)])
async def test_a_browser_keeps_to_https_where_the_cookie_does(
    shop: ShopInProcess, secure: str, sent: bool
) -> None:
    """Also on pages of problems, files and redirects; a shop on plain http stays reachable."""
    async with open_storefront(shop, SECURE_COOKIES=secure) as visitor:
        answers = [await visitor.get(path) for path in ("/", "/en", "/en/nowhere", "/robots.txt")]

    assert {"strict-transport-security" in answer.headers for answer in answers} == {sent}


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site", "origin": ORIGIN},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ORIGIN + ".evil.example"},
        {"origin": "http://[shop.test"},
        {"origin": "http://shop.test@evil.example"},
        {"origin": "http://evil.example/shop.test"},
        {"origin": "shop.test"},
        {"origin": "ftp://shop.test"},
        {"origin": ""},
    ],
)
async def test_another_site_changes_nothing(visitor: Visitor, headers: dict[str, str]) -> None:
    """403 to every form of the shop, as Go's CrossOriginProtection decides."""
    paths = sorted(
        route.path.replace("{language:str}", "en").replace("{order_id:str}", "1")
        for route in visitor.app.routes
        if "POST" in getattr(route, "methods", ())
    )
    statuses = {
        path: (await visitor.client.post(path, data={"a": "b"}, headers=headers)).status_code
        for path in paths
    }

    assert len(paths) > 10
    assert set(statuses.values()) == {403}, statuses


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("shop.test", "http://shop.test"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ('evil"><script>', ""),
        ("a b", ""),
    ],
)
async def test_a_page_names_its_other_language_by_a_whole_address(
    visitor: Visitor, host: str, origin: str
) -> None:
    """Search engines pass over a path; what is no host is not repeated."""
    page = await visitor.get("/en/books?q=mar", host=host)

    assert f'hreflang="es" href="{origin}/es/books?q=mar"' in page.text
    assert f'hreflang="en" href="{origin}/en/books?q=mar"' in page.text


async def test_a_page_without_a_session_sets_no_cookie(visitor: Visitor) -> None:
    """So that caches may keep it, and nobody needs to be asked."""
    page = await visitor.get("/en")

    assert "set-cookie" not in page.headers
    assert page.headers["cache-control"] == "no-cache"


async def test_a_form_in_another_coding_is_refused(visitor: Visitor) -> None:
    """400, with a page."""
    answers: list[httpx.Response] = [
        await visitor.client.post("/en/sign-in", content=content, headers=headers)
        for content, headers in (
            (b"{}", {"content-type": "application/json"}),
            (b"\xff\xfe", {"content-type": "application/x-www-form-urlencoded"}),
            (b"a=" + b"x" * 6000, {"content-type": "application/x-www-form-urlencoded"}),
            (b"&".join([b"a=1"] * 300), {"content-type": "application/x-www-form-urlencoded"}),
        )
    ]

    assert [answer.status_code for answer in answers] == [400] * 4


async def test_a_compressed_form_is_refused(visitor: Visitor) -> None:
    """415, whether it is compressed or only said to be."""
    fields = b"language=en"
    answers = [
        await visitor.client.post(
            "/en/language",
            content=content,
            headers={
                **SAME_ORIGIN,
                "content-type": "application/x-www-form-urlencoded",
                "content-encoding": "gzip",
            },
        )
        for content in (gzip.compress(fields), fields)
    ]

    assert [answer.status_code for answer in answers] == [415] * 2
    assert {answer.headers["content-type"] for answer in answers} == {"text/html; charset=utf-8"}


async def test_a_title_turns_around_nothing_but_itself(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """Where it stands in a line with others it is isolated, whatever directions it has."""
    titles = ["\u202eRayuela", "\u05e9\u05dc\u05d5\u05dd!"]
    books = [await shop.sell(title, stock=5) for title in titles]
    body = {"name": "DHL", "contact": "dhl@example.org", "coverage": ["*"], "fee": 5}
    await shop.call("purchase", "POST", "/providers", body, user="staff")
    await visitor.sign_up()
    for book in books:
        await visitor.submit("/en/cart/items", book_id=book, quantity=1)
    payment = await visitor.go_to_payment()
    await visitor.submit(
        "/en/checkout/payment",
        **fields_of(payment, "/en/checkout/payment") | {"method": "tok_success"},
    )
    orders = await visitor.get("/en/orders")
    isolated = [set(re.findall(r"<bdi>(.*?)</bdi>", page.text)) for page in (payment, orders)]
    book_page = await visitor.get(f"/en/books/{books[1]}")

    assert isolated == [{"DHL", *titles}, set(titles)]
    assert f'<h1 dir="auto">{titles[1]}</h1>' in book_page.text
