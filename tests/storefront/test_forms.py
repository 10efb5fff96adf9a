"""Every form of the shop, filled in as people, programs and attackers do.

The list of forms comes from the app's routes, their fields from the templates: a new form, or a new
field, fails here until it has a case.
"""

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import quote_from_bytes

import html5lib
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.storefront.rendering import FOLDER
from tests.journeys.shop_in_process import ShopInProcess, open_shop
from tests.storefront.staff_shop import add_order, add_provider, put_aside
from tests.storefront.visitor import (
    ADDRESS,
    SAME_ORIGIN,
    Visitor,
    fields_of,
    open_back_office,
    open_storefront,
)

KEY = "k" * 24
WRONG = "not-the-password"

FORMS: dict[str, dict[str, str]] = {
    "language": {"language": "en", "next": "/en/books"},
    "cart/items": {
        "book_id": "1",
        "quantity": "1",
        "key": "k" * 24,
        "next": "/en/books/1",
    },
    "cart/update": {"book_id": "1", "quantity": "2", "remove": "1"},
    "checkout/address": {
        **ADDRESS,
        "address_id": "1",
        "line2": "Apto 2",
        "phone": "+57 601 5550100",
        "key": KEY,
    },
    "checkout/delivery": {"address": "1", "provider": "1"},
    "checkout/payment": {
        "address": "1",
        "provider": "1",
        "expected_total": "35.00",
        "method": "tok_success",
        "key": KEY,
    },
    "orders/{id}/pay": {"method": "tok_success", "key": KEY},
    "orders/{id}/cancel": {},
    "orders/{id}/reorder": {},
    "sign-in": {"email": "eva@example.org", "password": WRONG, "next": "/en/cart"},
    "register": {
        "name": "Eva",
        "email": "eva@example.org",
        "password": "eva-has-a-password",
        "next": "/en/cart",
    },
    "sign-out": {},
    "forgot-password": {"email": "eva@example.org"},
    "reset-password": {"password": "another-password"},
    "account/name": {"name": "Ana"},
    "account/password": {"current_password": WRONG, "new_password": "another-password"},
    "account/addresses/delete": {"address_id": "1"},
    "account/mails": {
        "delivery_updates": "1",
        "review_requests": "1",
        "mail_language": "en",
    },
    "unsubscribe": {},
    "account/close": {"close_password": WRONG},
    "books/{id}/review": {
        "rating": "4",
        "text": "Se lee de un tirón.",
        "reviewer": "Eva",
        "key": KEY,
        "review_id": "1",
        "etag": '"abc"',
    },
    "books/{id}/review/delete": {"review_id": "1", "next": "/en/account/reviews"},
    "reviews/{id}/report": {"reason": "spam", "note": "Es publicidad."},
}
"""Paths without their language, and fields that a person would send."""

BOOK = {
    "title": "Rayuela",
    "author": "Julio Cortázar",
    "price": "21.90",
    "isbn": "",
    "category": "Novel",
    "year": "1963",
    "language": "es",
    "description": "",
    "rating": "4.25",
    "ratings": "12",
}

PROVIDER = {"name": "DHL", "contact": "dhl@example.org", "coverage": "CO, MX", "fee": "5"}
OWN_BOOK = {name: text for name, text in BOOK.items() if name not in {"rating", "ratings"}}

FILE = {"decimal": "comma", "default_price": "1", "default_stock": "1", "file": "a"}

BACK_OFFICE: dict[str, dict[str, str]] = {
    "staff/books/new": {**BOOK, "stock": "3", "key": KEY},
    "staff/books/{id}": {**BOOK, "etag": '"1.1.1"', "seen": ""},
    "staff/books/{id}/price": {"price": "12.50", "etag": '"1.1.1"', "next": "/en/staff/books?q=a"},
    "staff/books/{id}/stock": {
        "delta": "5",
        "reason": "delivery",
        "key": KEY,
        "next": "/en/staff/books",
    },
    "staff/import": FILE,
    "staff/providers/new": PROVIDER,
    "staff/providers/{id}": {**PROVIDER, "etag": '"0a"'},
    "staff/providers/{id}/retire": {},
    "staff/providers/{id}/restore": {},
    "staff/books/{id}/retire": {},
    "staff/books/{id}/restore": {},
    "staff/orders/{id}/cancel": {},
    "staff/orders/{id}/assign": {
        "provider": "1",
        "back": "/en/staff/deliveries/to-assign",
        "key": KEY,
    },
    "staff/deliveries/{id}/report": {"status": "in_transit", "back": "/en/staff/orders/1"},
    "staff/payments/{id}/refund": {"amount": "1.50", "reason": "torn", "whole": "1", "key": KEY},
    "staff/reviews/{id}/hide": {"reason": "Insulta."},
    "staff/reviews/{id}/restore": {},
    "staff/reviews/{id}/delete": {},
    "admin/dead-letters/{id}/{id}/replay": {},
    "admin/dead-letters/{id}/{id}/discard": {"reason": "Forged."},
    "admin/dead-letters/{id}/replay-all": {},
    "admin/users/{id}/roles": {"seen": "customer"},
    "admin/users/{id}/disable": {},
    "admin/users/{id}/enable": {},
    "admin/keys/rotate": {"replaces": "unknown"},
    "staff/sellers": {"book_id": "1", "seller_id": ""},
    "seller/books": {**OWN_BOOK, "stock": "5", "key": KEY},
    "seller/books/{id}": {**OWN_BOOK, "etag": '"1.1.1"'},
    "seller/books/{id}/stock": {"delta": "5", "reason": "delivery", "key": KEY},
    "seller/books/{id}/retire": {},
    "seller/books/{id}/restore": {},
    "seller/import": FILE,
    "seller/name": {"name": "Librería Norte"},
}
"""The same of the back office; the area is the first part of the path. `{id}` is any id."""

CONFIRMED = {
    *("staff/books/{id}/retire", "staff/providers/{id}/retire", "staff/orders/{id}/cancel"),
    "staff/reviews/{id}/delete",
    "seller/books/{id}/retire",
    "admin/dead-letters/{id}/replay-all",
    "admin/users/{id}/disable",
    "admin/keys/rotate",
}
"""Those of them that `confirm.html` sends, to the address of its own page."""

SHOWN_AGAIN = {"register", "sign-in", "forgot-password", "account/name", "checkout/address"}
"""Forms whose page of a refusal has what was typed."""

REFUSED_EMPTY = {
    *("checkout/address", "register", "forgot-password", "account/password", "account/close"),
    *("books/{id}/review", "reviews/{id}/report"),
}
"""Forms that are shown again where they are sent empty."""

REFUSED_EMPTY_IN_BACK_OFFICE = {
    *("staff/books/new", "staff/books/{id}", "staff/books/{id}/stock", "staff/sellers"),
    *("staff/providers/new", "staff/providers/{id}", "staff/orders/{id}/assign"),
    *("staff/payments/{id}/refund", "staff/reviews/{id}/hide"),
    *("seller/books", "seller/books/{id}", "seller/books/{id}/stock", "seller/name"),
    *("admin/dead-letters/{id}/{id}/discard", "admin/users/{id}/roles"),
}
"""The same of the back office."""

REFUSED_WITH = {"staff/books/{id}": [("title", b" ")]}
"""What is sent where an empty form changes nothing."""

OWN_BOOK_ID = "2"
"""Of the seller in these tests; 1 is the shop's."""

EXPECTED = {200, 303, 400, 401, 402, 403, 404, 409, 410, 412, 413, 422, 429}
"""Statuses of an answer; 500 and 503 say that the shop is at fault."""

HOSTILE = (
    '"><script>alert(1)</script>',
    "{{ 7 * 7 }}{% raw %}",
    "'; DROP TABLE users; --",
    "../../../etc/passwd",
    "//evil.example/",
    "https://evil.example/",
    "javascript:alert(1)",
    "\r\nset-cookie: a=b",
    "\x00",
    "\u202e\u0000\ufffe",
    "-1",
    "0",
    "1e9",
    "9" * 30,
    "NaN",
    "１２",
    "true",
    "[]",
    "a@b",
    "𝔸" * 300,
    "x" * 4999,
    "x" * 5001,
)

typed = st.one_of(
    st.just(b""),
    st.sampled_from([text.encode() for text in HOSTILE]),
    st.text(max_size=30).map(lambda text: text.encode("utf-8", "replace")),
    st.binary(max_size=12),
)


def templates() -> str:
    """The pages' templates, with what they take from `parts.html` in its place."""
    parts = (FOLDER / "parts.html").read_text()
    texts = [
        path.read_text() for path in sorted(FOLDER.rglob("*.html")) if path.name != "parts.html"
    ]
    texts = [
        re.sub(r"\{% include \"(.*?)\" %\}", lambda found: (FOLDER / found[1]).read_text(), text)
        for text in texts
    ]
    (methods,) = re.findall(r"macro payment_methods.*?endmacro", parts, re.DOTALL)
    whole = re.sub(r"\{\{ payment_methods\(.*?\}\}", methods, "\n".join(texts))
    for name in ("book_fields", "provider_fields"):
        fields = (FOLDER / "staff" / f"{name}.html").read_text()
        whole = re.sub(rf"\{{\{{ {name}\(.*?\}}\}}", fields.replace("\\", r"\\"), whole)
    return whole


def fields_in_templates() -> dict[str, set[str]]:
    """The names of the fields of each form that is sent, by its path."""
    found: dict[str, set[str]] = {}
    for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", templates(), re.DOTALL):
        action = re.search(r"action=\"\{\{ (?:visit\.(?:url\((.*?)\)|here)|action) \}\}\"", form)
        assert action is not None, form
        if action[1] is None:
            continue  # sent to the page's own address: of a problem, or a confirmation
        parts = [part.strip() for part in action[1].split(",")]
        parts = [part for part in parts if not re.match(r"\w+=", part)]  # those are the query
        path = "/".join(part.strip('"') if part[0] == '"' else "{id}" for part in parts)
        names = re.findall(r"name=\"([a-z_0-9]+)\"|\{\{ (?:field|area)\(\"([a-z_0-9]+)\"", form)
        found.setdefault(path, set()).update(first or second for first, second in names)
    return found


def test_every_form_has_a_case(visitor_routes: set[str]) -> None:
    """Each route that takes one, and each field of the templates."""
    cases = {**FORMS, **BACK_OFFICE}
    in_templates = {path: set(cases[path]) for path in cases.keys() - CONFIRMED}

    assert visitor_routes == set(cases)
    assert fields_in_templates() == in_templates


@pytest.fixture
async def lenient_shop(tmp_path: Path) -> AsyncIterator[ShopInProcess]:
    """A shop that refuses nobody for sending many forms."""
    limits = ("LOGIN_TRIES", "LOGIN_TRIES_PER_ADDRESS", "LOGIN_TRIES_PER_ACCOUNT")
    environ = dict.fromkeys(limits, "1000") | {"REGISTRATIONS_PER_ADDRESS": "0"}
    async with open_shop(tmp_path, **environ) as shop:
        yield shop


@pytest.fixture
async def customer(lenient_shop: ShopInProcess) -> AsyncIterator[Visitor]:
    """With a book in the cart, an address and a delivery to choose."""
    shop = lenient_shop
    await shop.sell(stock=1000)
    body = {"name": "DHL", "contact": "dhl@example.org", "coverage": ["*"], "fee": 5}
    await shop.call("purchase", "POST", "/providers", body, user="staff")
    async with open_storefront(shop) as visitor:
        await visitor.sign_up()
        await visitor.submit("/en/cart/items", book_id=1, quantity=3)
        await visitor.go_to_payment()
        yield visitor


@pytest.fixture
async def members(lenient_shop: ShopInProcess) -> AsyncIterator[dict[str, Visitor]]:
    """Somebody for each area, and a paid order in the shop."""
    shop = lenient_shop
    await shop.sell(stock=1000)
    await add_provider(shop)
    await add_order(shop)
    await shop.sign_up("seller", "customer", "seller")
    await shop.call("catalog", "PUT", "/sellers/me", {"name": "Librería Norte"}, user="seller")
    body = {"title": "La vorágine", "author": "Autora", "price": 10, "stock": 1000}
    await shop.call("catalog", "POST", "/books", body, user="seller")
    await shop.until(lambda: shop.stock_is_known(1))
    async with AsyncExitStack() as stack:
        yield {
            user: await stack.enter_async_context(open_back_office(shop, user))
            for user in ("staff", "seller", "admin")
        }


@pytest.fixture
async def visitor_routes(visitor: Visitor) -> set[str]:
    return {
        re.sub(r"\{\w+:\w+\}", "{id}", route.path).removeprefix("/{id}/")
        for route in visitor.app.routes
        if "POST" in getattr(route, "methods", ())
    }


@st.composite
def bodies(draw: st.DrawFn, fields: dict[str, str]) -> list[tuple[str, bytes]]:
    """The fields, of which some are missing, repeated, or filled in with something else."""
    sent: list[tuple[str, bytes]] = []
    for name, value in fields.items():
        kind = draw(st.sampled_from(("kept", "kept", "typed", "missing", "repeated")))
        if kind != "missing":
            sent.append((name, draw(typed) if kind == "typed" else value.encode()))
        if kind == "repeated":
            sent.append((name, draw(typed)))
    if draw(st.booleans()):
        sent.append(("unknown", draw(typed)))
    return sent


async def post(visitor: Visitor, path: str, sent: list[tuple[str, bytes]]) -> httpx.Response:
    body = "&".join(f"{name}={quote_from_bytes(value)}" for name, value in sent)
    media_type = {"content-type": "application/x-www-form-urlencoded"}
    return await visitor.client.post(path, content=body, headers=SAME_ORIGIN | media_type)


def check_page(page: httpx.Response, sent: list[tuple[str, bytes]], path: str) -> None:
    """A page of the shop that says what to do, and holds what was typed as text."""
    assert page.status_code in EXPECTED, page.text
    assert "set-cookie" not in page.headers or "a=b" not in page.headers["set-cookie"]
    location = page.headers.get("location", "")
    assert (page.status_code == 303) == bool(location)
    assert not location or re.match(r"/e[sn](/|$)", location), location
    if page.status_code == 303:
        return
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Traceback" not in page.text
    assert "<script>" not in page.text
    # What a service says of its own body or query is not for people.
    assert not re.search("(Correct|Corrija) (the|el|la) (body|query|cuerpo|consulta)", page.text)
    parser = html5lib.HTMLParser(strict=False)
    document = parser.parse(page.text)
    hostile_codes = {"control-character-in-input-stream", "invalid-codepoint"}
    assert {code for _, code, _ in parser.errors} <= hostile_codes
    shown = {
        each.get("name"): each.get("value")
        for each in document.iter("{http://www.w3.org/1999/xhtml}input")
        if each.get("type") not in {"password", "radio", "hidden", "search"}
    }
    says_that_fields_are_marked = "fields that are marked" in page.text or "marcados" in page.text
    assert not says_that_fields_are_marked or 'class="wrong' in page.text
    refused_at_the_edge = "problem-page" in page.text
    if path in SHOWN_AGAIN and not refused_at_the_edge:
        last = {name: value.decode() for name, value in sent if name in shown}
        for name, text in last.items():
            if not re.search(r"[\x00-\x1f\ufffe\uffff\ud800-\udfff]", text):
                assert shown[name] == text


@pytest.mark.parametrize("path", FORMS)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
async def test_any_contents_of_a_form_get_a_clear_answer(
    customer: Visitor, path: str, data: st.DataObject
) -> None:
    """A customer's; the language is one that the path has."""
    sent = data.draw(bodies(FORMS[path]))
    language = data.draw(st.sampled_from(("es", "en")))
    order = data.draw(st.sampled_from(("1", "0", "7", "x", "99999999999999999999")))
    address = f"/{language}/{path.format(id=order)}"
    check_page(await post(customer, address, sent), sent, path)


@pytest.mark.parametrize("path", BACK_OFFICE)
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
async def test_any_contents_of_a_form_of_the_back_office_get_a_clear_answer(
    members: dict[str, Visitor], path: str, data: st.DataObject
) -> None:
    """Of somebody who has its role."""
    sent = data.draw(bodies(BACK_OFFICE[path]))
    language = data.draw(st.sampled_from(("es", "en")))
    number = data.draw(st.sampled_from(("1", "0", "7", "x", "99999999999999999999")))
    visitor = members[path.partition("/")[0]]
    check_page(await post(visitor, f"/{language}/{path.format(id=number)}", sent), sent, path)


@pytest.mark.parametrize("path", [*FORMS, *BACK_OFFICE])
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
async def test_any_contents_of_a_form_from_somebody_unknown_get_a_clear_answer(
    visitor: Visitor, path: str, data: st.DataObject
) -> None:
    """Nobody has signed in: a form of customers leads to the sign-in."""
    sent = data.draw(bodies({**FORMS, **BACK_OFFICE}[path]))
    check_page(await post(visitor, f"/en/{path.format(id=1)}", sent), sent, path)


async def in_the_other_language(visitor: Visitor, page: httpx.Response) -> httpx.Response:
    """Where the button of the footer leads to."""
    return await visitor.submit("/en/language", **fields_of(page, "/en/language"), language="es")


def address_of(path: str) -> str:
    """Of a form that there is: of a book of the seller, or of a dead letter of catalog."""
    if path.startswith("admin/dead-letters/"):
        path = path.replace("{id}", "catalog", 1)
    return path.format(id=OWN_BOOK_ID if path.startswith("seller/") else "1")


async def found_in_spanish(visitor: Visitor, paths: Iterable[str]) -> dict[str, bool]:
    """The forms that are sent empty and shown again, and whether the button of the
    language leads to them.
    """
    found = {}
    for path in paths:
        address = address_of(path)
        page = await post(visitor, f"/en/{address}", REFUSED_WITH.get(path, []))
        if f'action="/en/{address}"' not in page.text or 'rel="alternate"' not in page.text:
            continue
        there = await in_the_other_language(visitor, page)
        found[path] = f'action="/es/{address}"' in there.text
    return found


async def review_a_book(customer: Visitor, shop: ShopInProcess) -> None:
    """Buy what is in the cart, review book 1, and fill the cart again."""
    bought = fields_of(await customer.go_to_payment(), "/en/checkout/payment")
    await customer.submit("/en/checkout/payment", **{**bought, "method": "tok_success"})

    async def known() -> bool:
        return 'name="rating"' in (await customer.get("/en/books/1/review")).text

    await shop.until(known)
    await customer.submit("/en/books/1/review", rating=4, key=KEY)
    await customer.submit("/en/cart/items", book_id=1, quantity=3)


async def test_the_language_is_changed_on_a_page_of_a_refused_form(
    customer: Visitor, lenient_shop: ShopInProcess
) -> None:
    """Such a page has no address of its own: the page of its form is shown."""
    await review_a_book(customer, lenient_shop)
    forms = FORMS.keys() - {"sign-out", "sign-in"}  # the next test has that page

    assert await found_in_spanish(customer, forms) == dict.fromkeys(REFUSED_EMPTY, True)


async def test_the_language_is_changed_on_a_page_of_the_back_office(
    members: dict[str, Visitor], lenient_shop: ShopInProcess
) -> None:
    """As on any other."""
    shop = lenient_shop
    await shop.until(lambda: shop.stock_is_known(int(OWN_BOOK_ID)))
    await put_aside(shop, "catalog", "nonsense")

    async def reviewed() -> bool:
        body = {"rating": 4}
        made = await shop.call("catalog", "POST", "/books/1/reviews", body, user="ana")
        return made.status_code == 201

    await shop.until(reviewed)
    found: dict[str, bool] = {}
    for area, member in members.items():
        # What moves a book or a letter out of the way comes last.
        forms = sorted(
            (path for path in BACK_OFFICE if path.startswith(f"{area}/")),
            key=lambda path: path.endswith(("/replay", "-all", "/retire", "/cancel")),
        )
        found |= await found_in_spanish(member, forms)

    assert found == dict.fromkeys(REFUSED_EMPTY_IN_BACK_OFFICE, True)


async def test_the_language_is_changed_on_a_page_of_a_refused_sign_in(visitor: Visitor) -> None:
    """With where the visitor was going."""
    forms = ("sign-in", "register", "forgot-password")
    found = await found_in_spanish(visitor, forms)
    refused = await visitor.send("/en/sign-in", email="a@b.es", password=WRONG, next="/en/orders")
    there = await in_the_other_language(visitor, refused)

    assert found == dict.fromkeys(forms, True)
    assert fields_of(there, "/es/sign-in")["next"] == "/es/orders"
