"""What every answer carries and none does, and what callers may not do with headers and paths."""

import base64
import re
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest

from functions.kit.http.pagination import encode_cursor
from tests.journeys.shop_in_process import SERVICES, ShopInProcess
from tests.support.routes import routes_of

SAFE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}


async def every_answer(shop: ShopInProcess, **headers: str) -> dict[str, httpx.Response]:
    """Each route, asked by nobody and by an admin, and what has no route or no such method."""
    answers = {}
    for service in SERVICES:
        asked = {(route.method, route.path) for route in routes_of(shop.apps[service])}
        asked |= {("GET", "/nowhere"), ("TRACE", "/"), ("PUT", "/"), ("OPTIONS", "/nowhere")}
        asked |= {("OPTIONS", path) for _, path in asked}
        for method, template in sorted(asked):
            path = template.replace("{name}", "x")
            path = re.sub(r"\{\w+_id\}", "1", path)
            for user in (None, "admin"):
                if (method, path) != ("DELETE", "/me"):
                    body: dict[str, str] | None = {} if method in {"POST", "PUT", "PATCH"} else None
                    answer = await shop.call(service, method, path, body, user=user, **headers)
                    answers[f"{service} {method} {template} {user}"] = answer
    return answers


async def test_every_answer_has_the_safe_headers(shop: ShopInProcess) -> None:
    """Refusals, redirects and OPTIONS too; none names the server's software."""
    answers = await every_answer(shop)

    assert {answer.status_code for answer in answers.values()} >= {200, 308, 400, 401, 404, 405}
    for name, answer in answers.items():
        assert SAFE.items() <= dict(answer.headers).items(), name
        assert "default-src 'self'" in answer.headers["content-security-policy"], name
        assert not {"server", "x-powered-by", "set-cookie"} & answer.headers.keys(), name
        assert answer.status_code < 500, name


async def test_no_other_site_may_read_an_answer(shop: ShopInProcess) -> None:
    """CORS is off by default: neither requests nor preflights get `Access-Control-*`."""
    preflight = {
        "origin": "https://evil.example",
        "access_control_request_method": "POST",
        "access_control_request_headers": "authorization",
    }
    answers = await every_answer(shop, **preflight)
    allowed = {
        name: header
        for name, answer in answers.items()
        for header in answer.headers
        if header.startswith("access-control-")
    }

    assert allowed == {}
    assert not any("evil.example" in str(answer.headers) for answer in answers.values())


async def test_options_names_every_method_of_a_path(shop: ShopInProcess) -> None:
    """405 has the same `Allow`."""
    asked = await shop.call("catalog", "OPTIONS", "/books/1")
    refused = await shop.call("catalog", "POST", "/books/1", {})

    assert asked.status_code == 204
    assert asked.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"
    assert {each.strip() for each in refused.headers["allow"].split(",")} == {
        *("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "PUT")
    }


TRAVERSALS = [
    "..%2f..%2fsettings.py",
    "%2e%2e/%2e%2e/etc/passwd",
    "..%5c..%5csettings.py",
    "%2fetc%2fpasswd",
    "....//....//etc/passwd",
    "swagger-ui.css%00.js",
    "swagger-ui.css/../../__init__.py",
    "..%252f..%252fetc%252fpasswd",
    "index.html",
    "swagger-ui.css%2f..%2f..%2f__init__.py",
]


@pytest.mark.parametrize("name", TRAVERSALS)
@pytest.mark.parametrize("service", SERVICES)
async def test_no_file_but_swagger_uis_is_served(
    shop: ShopInProcess, service: str, name: str
) -> None:
    """Paths are looked up in a table and never in the file system."""
    answer = await shop.call(service, "GET", f"/apidocs/{name}")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "header",
    [
        "x_http_method_override",
        "x_http_method",
        "x_method_override",
        "x_original_url",
        "x_rewrite_url",
    ],
)
async def test_no_header_changes_method_or_path(shop: ShopInProcess, header: str) -> None:
    """Headers change neither the method nor the path."""
    value = "/users" if header.endswith("url") else "DELETE"
    book_id = await shop.sell()
    path = f"/books/{book_id}"
    answer = await shop.call("catalog", "GET", path, user="staff", **{header: value})

    assert answer.status_code == 200
    assert answer.json()["id"] == book_id
    assert (await shop.call("catalog", "GET", path)).status_code == 200


async def test_the_host_header_is_in_no_answer(shop: ShopInProcess) -> None:
    """Links are relative, and the address of catalog is a setting."""
    for title in ("Uno", "Dos"):
        await shop.sell(title)
    evil = {"host": "evil.example", "x_forwarded_host": "evil.example", "forwarded": "host=evil"}
    answers = [
        await shop.call("catalog", "GET", "/books?limit=1", **evil),
        await shop.call("purchase", "GET", "/books?limit=1", **evil),
        await shop.call("catalog", "GET", "/openapi.json", **evil),
        await shop.call("auth", "GET", "/apidocs", **evil),
        await shop.call("auth", "GET", "/nowhere", **evil),
    ]

    assert [answer.status_code for answer in answers] == [200, 308, 200, 200, 404]
    assert answers[1].headers["location"] == "http://catalog.test/books?limit=1"
    assert not any("evil" in answer.text + str(answer.headers) for answer in answers)


CURSORS: dict[str, str] = {
    "empty": "",
    "no base64": "***",
    "padded": base64.urlsafe_b64encode(b"[1]").decode() + "==",
    "a number": base64.urlsafe_b64encode(b"1").decode().rstrip("="),
    "an object": base64.urlsafe_b64encode(b'{"id":1}').decode().rstrip("="),
    "a text for a number": encode_cursor("1 OR 1=1"),
    "too many": encode_cursor(1, 2, 3),
    "too large": encode_cursor(2**63),
    "too small": encode_cursor(-(2**63) - 1),
    "a fraction": encode_cursor(1.5),
    "true": encode_cursor(True),
    "null": encode_cursor(None),
    "nested": base64.urlsafe_b64encode(b"[" * 300).decode().rstrip("="),
    "another list's": encode_cursor("id", 1, 1),
    "long": "W" * 601,
}
LISTS = {
    "auth": ["/users"],
    "catalog": ["/books", "/books?sort=title", "/internal/dead-letters"],
    "purchase": ["/purchases", "/payments", "/providers", "/assignments"],
}


@pytest.mark.parametrize("name", CURSORS)
async def test_an_altered_cursor_is_refused(shop: ShopInProcess, name: str) -> None:
    """Every list refuses an altered cursor, with the parameter's name."""
    answers: dict[str, tuple[int, Any]] = {}
    for service, paths in LISTS.items():
        for path in paths:
            joined = f"{path}{'&' if '?' in path else '?'}after={quote(CURSORS[name], safe='')}"
            answer = await shop.call(service, "GET", joined, user="admin")
            answers[joined] = (answer.status_code, answer.json()["errors"][0]["field"])

    assert set(answers.values()) == {(400, "after")}


async def test_a_cursor_shows_nothing_that_the_list_would_not(shop: ShopInProcess) -> None:
    """A forged cursor of a moment after another's purchase lists one's own only."""
    await shop.sign_up("other")
    book_id = await shop.sell(stock=5)
    bought = await shop.call(
        "purchase", "POST", "/purchase", {"book_id": book_id, "quantity": 1}, user="customer"
    )
    microseconds = 10**16  # in the year 2286
    cursor = encode_cursor("-created", microseconds, bought.json()["purchase_id"] + 1)
    own = await shop.call("purchase", "GET", f"/purchases?after={cursor}", user="customer")
    others = await shop.call("purchase", "GET", f"/purchases?after={cursor}", user="other")

    assert [each["id"] for each in own.json()] == [bought.json()["purchase_id"]]
    assert others.json() == []


ETAGS = {
    "no quotes": ("1.1.0", 400),
    "an open quote": ('"1.1.0', 400),
    "weak": ('W/"1.1.1"', 412),
    "another revision": ('"1.2.1"', 412),
    "revision 0": ('"1.0.1"', 412),
    "negative": ('"1.-1.0"', 412),
    "beyond 64 bits": ('"1.99999999999999999999.0"', 412),
    "a digit of another script": ('"1.\xb9.0"', 412),
    "SQL": ("\"1' OR '1'='1\"", 400),  # no space stands in a tag
    "SQL without spaces": ("\"1'OR'1'='1\"", 412),
    "endless": ('"' + "1." * 4000 + '"', 412),
    "ten thousand": (", ".join(['"0.0.0"'] * 1500), 412),
}


@pytest.mark.parametrize("name", ETAGS)
async def test_a_foreign_entity_tag_is_refused(shop: ShopInProcess, name: str) -> None:
    """400 for a malformed one, 412 for one of another book."""
    book_id = await shop.sell("Rayuela")
    tag, status = ETAGS[name]
    answer = await shop.clients["catalog"].patch(
        f"/books/{book_id}",
        content=msgspec.json.encode({"title": "changed"}),
        headers=[
            (b"authorization", f"Bearer {shop.tokens['staff']}".encode()),
            (b"if-match", tag.encode("latin-1")),
        ],
    )
    book = (await shop.call("catalog", "GET", f"/books/{book_id}")).json()

    assert answer.status_code == status
    assert book["title"] == "Rayuela"


@pytest.mark.parametrize(
    ("name", "status"),
    [("if-match", 200), ("idempotency-key", 400), ("content-type", 400), ("authorization", 400)],
)
async def test_a_header_that_is_sent_twice_gains_nothing(
    shop: ShopInProcess, name: str, status: int
) -> None:
    """Lists are joined; a repeated single-valued header is refused."""
    book_id = await shop.sell("Rayuela")
    etag = (await shop.call("catalog", "GET", f"/books/{book_id}")).headers["etag"]
    values = {
        "if-match": ('"1.9.9"', etag),
        "idempotency-key": ("a", "b"),
        "content-type": ("application/json", "text/html"),
        "authorization": (f"Bearer {shop.tokens['customer']}", f"Bearer {shop.tokens['staff']}"),
    }
    sent = [("authorization", f"Bearer {shop.tokens['staff']}"), ("if-match", "*")]
    sent = [(header, value) for header, value in sent if header != name]
    answer = await shop.clients["catalog"].patch(
        f"/books/{book_id}",
        content=b'{"title": "changed"}',
        headers=[*sent, *((name, value) for value in values[name])],
    )

    assert answer.status_code == status


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_if_none_match_star_refuses_a_change(shop: ShopInProcess, method: str) -> None:
    """`If-None-Match: *` refuses to change an existing book."""
    book_id = await shop.sell("Rayuela")
    body = {"title": "changed", "author": "otra", "price": 1}
    headers = {"if_none_match": "*"} | ({"if_match": "*"} if method == "PATCH" else {})
    answers = [
        await shop.call("catalog", method, f"/books/{each}", body, user="staff", **headers)
        for each in (book_id, book_id + 99)
    ]
    book = await shop.call("catalog", "GET", f"/books/{book_id}")

    assert [answer.status_code for answer in answers] == [412, 404]
    assert book.json()["title"] == "Rayuela"


IDS = ["1_0", "0", "-1", "01", "+1", "1.0", "9223372036854775808", "\uff11", "9" * 5000]


@pytest.mark.parametrize("text", IDS, ids=lambda text: text[:20])
async def test_no_route_takes_another_spelling_of_an_id(shop: ShopInProcess, text: str) -> None:
    """Other spellings are answered 404 by every route of every service."""
    answers = {}
    for service in SERVICES:
        for route in routes_of(shop.apps[service]):
            if "_id}" in route.path:
                path = re.sub(r"\{\w+_id\}", quote(text), route.path)
                body: dict[str, str] | None = None if route.method in {"GET", "DELETE"} else {}
                headers = {"if_match": "*", "idempotency_key": "k"}
                answer = await shop.call(service, route.method, path, body, user="admin", **headers)
                answers[f"{service} {route}"] = answer.status_code

    assert len(answers) > 10
    # A body without its members may be looked at first.
    assert {name: status for name, status in answers.items() if status not in {404, 400}} == {}
    assert {status for name, status in answers.items() if "GET" in name or "DELETE" in name} == {
        404
    }
