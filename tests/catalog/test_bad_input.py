"""What no caller should send: a clear refusal, never a 5xx, never half a change."""

from typing import Any

import msgspec
import pytest

from tests.catalog.library import STAFF, Library

WHOLE: dict[str, Any] = {"title": "Ficciones", "author": "Jorge Luis Borges", "price": 9.9}

WRONG_MEMBERS: list[tuple[dict[str, Any], str]] = [
    ({"title": None}, "title"),
    ({"title": ""}, "title"),
    ({"title": "   "}, "title"),
    ({"title": 7}, "title"),
    ({"title": "x" * 256}, "title"),
    # U+0958 becomes two letters when it is normalised.
    ({"title": "\u0958" * 200}, "title"),
    ({"title": "a\x00b"}, "title"),
    ({"title": "a\nb"}, "title"),
    ({"title": "a\x85b"}, "title"),
    ({"author": ["Borges"]}, "author"),
    ({"author": "x" * 1001}, "author"),
    ({"description": "x" * 5001}, "description"),
    ({"description": "a\x00b"}, "description"),
    ({"price": None}, "price"),
    ({"price": True}, "price"),
    ({"price": -0.01}, "price"),
    ({"price": 9.999}, "price"),
    ({"price": 1e30}, "price"),
    ({"price": "NaN"}, "price"),
    ({"price": "Infinity"}, "price"),
    ({"price": "ten"}, "price"),
    ({"isbn": ""}, "isbn"),
    ({"isbn": "123"}, "isbn"),
    ({"isbn": "0439023482"}, "isbn"),
    ({"isbn": "9.78043902348e+12"}, "isbn"),
    ({"isbn": "\u0660" * 13}, "isbn"),
    ({"isbn": 9780439023481}, "isbn"),
    ({"category": ""}, "category"),
    ({"category": "x" * 101}, "category"),
    ({"year": 0}, "year"),
    ({"year": 3000}, "year"),
    ({"year": -4001}, "year"),
    ({"year": 1967.5}, "year"),
    ({"year": "1967"}, "year"),
    ({"language": ""}, "language"),
    ({"language": "english"}, "language"),
    ({"language": "xx"}, "language"),
    ({"language": "e\x00"}, "language"),
    ({"external_rating_hundredths": 501}, "external_rating_hundredths"),
    ({"external_rating_hundredths": -1}, "external_rating_hundredths"),
    ({"external_rating_hundredths": 4.34}, "external_rating_hundredths"),
    ({"external_ratings_count": None}, "external_ratings_count"),
    ({"external_ratings_count": -1}, "external_ratings_count"),
    ({"external_ratings_count": 10**13}, "external_ratings_count"),
    ({"id": 7}, "id"),
    ({"book_id": 7}, "book_id"),
]

WRONG_BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"7",
    b'"title"',
    b'{"title": "\\ud800", "author": "a", "price": 1}',
    b'{"title": "\xff", "author": "a", "price": 1}',
    b"[" * 60_000,
    b'{"title": ' * 5_000,
]


@pytest.mark.parametrize(("members", "field"), WRONG_MEMBERS)
async def test_an_invalid_member_is_named(
    library: Library, members: dict[str, Any], field: str
) -> None:
    """POST, PUT and PATCH answer 400 with the member's name, and the book is not changed."""
    await library.add()
    before = (await library.get("/books")).content
    for method, path, body in (
        ("POST", "/books", {**WHOLE, **members}),
        ("PUT", "/books/1", {**WHOLE, **members}),
        ("PATCH", "/books/1", members),
    ):
        response = await library.call(method, path, body, if_match="*")

        assert response.status_code == 400
        assert response.headers["content-type"] == "application/problem+json"
        assert [each["field"] for each in response.json()["errors"]] == [field]

    assert (await library.get("/books")).content == before
    assert len(await library.published()) == 1


@pytest.mark.parametrize("stock", [-1, 1.5, "3", None, 1_000_001, True])
async def test_initial_stock_is_a_whole_number_within_bounds(library: Library, stock: Any) -> None:
    """Any other stock is answered 400, with `stock` in `errors`."""
    response = await library.call("POST", "/books", {**WHOLE, "stock": stock})

    assert response.status_code == 400
    assert [each["field"] for each in response.json()["errors"]] == ["stock"]


async def test_every_invalid_member_is_named_at_once(library: Library) -> None:
    """One response has the errors of all members."""
    response = await library.call(
        "POST", "/books", {"title": "\u00a0", "author": "a", "price": 0.001, "isbn": "1"}
    )

    assert {each["field"] for each in response.json()["errors"]} == {"title", "price", "isbn"}


@pytest.mark.parametrize("body", WRONG_BODIES, ids=lambda body: body[:12])
async def test_a_body_that_is_no_object_is_refused(library: Library, body: bytes) -> None:
    """It is answered 400 by every write, and changes nothing."""
    await library.add()
    headers = {**library.issuer.bearer(STAFF, "staff"), "if-match": "*"}
    for method, path in (("POST", "/books"), ("PUT", "/books/1"), ("PATCH", "/books/1")):
        response = await library.client.request(method, path, content=body, headers=headers)

        assert response.status_code == 400
    assert await library.titles() == ["Rayuela"]


async def test_a_body_of_65_kib_is_too_large(library: Library) -> None:
    """JSON bodies are limited to 64 KiB."""
    response = await library.call("POST", "/books", {**WHOLE, "description": "x" * 65 * 1024})

    assert response.status_code == 413


async def test_json_labelled_as_a_form_is_read(library: Library) -> None:
    """`curl -d '{...}'` labels its body as a form; it is read as JSON."""
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        **library.issuer.bearer(STAFF, "staff"),
    }
    content = msgspec.json.encode(WHOLE)
    response = await library.client.post("/books", content=content, headers=headers)
    assert response.status_code == 201

    response = await library.client.post("/books", content=b"title=x", headers=headers)
    assert response.status_code == 415


@pytest.mark.parametrize(
    "query",
    ["q=%ff", "q=%ed%a0%80", "author=%ed%a0%80", "category=%f0%9f%98%80", "q=%F0%93%80%80"],
)
async def test_unusual_characters_in_a_query_find_nothing(library: Library, query: str) -> None:
    """They are answered with an empty list, never with an error."""
    await library.add()

    assert (await library.get(f"/books?{query}")).json() == []


@pytest.mark.parametrize("key", ["", " ", "x" * 201, "ñ"])
async def test_a_malformed_idempotency_key_is_refused(library: Library, key: str) -> None:
    """It is answered 400, and no book is added."""
    authorization = library.issuer.bearer(STAFF, "staff")["authorization"]
    response = await library.client.post(
        "/books",
        content=b'{"title": "t", "author": "a", "price": 1}',
        headers=[
            (b"authorization", authorization.encode()),
            (b"idempotency-key", key.encode("latin-1")),
        ],
    )

    assert response.status_code == 400
    assert await library.titles() == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/book", 404),
        ("GET", "/books/one", 404),
        ("GET", "/books/1.5", 404),
        ("GET", "/books/-1", 404),
        ("DELETE", "/books", 405),
        ("POST", "/books/1", 405),
    ],
)
async def test_unknown_routes_are_answered_with_problems(
    library: Library, method: str, path: str, status: int
) -> None:
    """404 for an unknown path and 405 for an unknown method are problem documents."""
    response = await library.call(method, path)

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
