"""Adding, correcting and retiring a book."""

from typing import Any

import pytest
from piccolo.querystring import QueryString

from tests.catalog.library import CUSTOMER, ISBN, OTHER_ISBN, Library, stock_event

WHOLE: dict[str, Any] = {"title": "Ficciones", "author": "Jorge Luis Borges", "price": 9.9}


async def book(library: Library, book_id: int) -> dict[str, Any]:
    found: dict[str, Any] = (await library.get(f"/books/{book_id}")).json()
    return found


async def test_a_book_is_added(library: Library) -> None:
    response = await library.call("POST", "/books", WHOLE)

    assert response.status_code == 201
    assert response.json() == {"message": "Libro agregado", "book_id": 1}
    assert response.headers["location"] == "/books/1"
    assert (await library.get(response.headers["location"])).json()["title"] == "Ficciones"


async def test_texts_are_tidied(library: Library) -> None:
    """Composed letters, single spaces, LF between lines."""
    book_id = await library.add(
        "  La   Vora\u0301gine ", "J. E.  Rivera", description="Uno\r\ndos\n", category=" Novela "
    )
    found = await book(library, book_id)

    assert (
        found["title"],
        found["author"],
        found["description"],
        found["category"],
    ) == ("La Vor\u00e1gine", "J. E. Rivera", "Uno\ndos", "Novela")


@pytest.mark.parametrize("spelling", ["0439023483", "0-439-02348-3", "978 0 439 02348 1", ISBN])
async def test_an_isbn_is_unique_however_it_is_spelt(library: Library, spelling: str) -> None:
    """The refusal names the book that has it, and nothing is published."""
    holder = await library.add(isbn=ISBN)
    response = await library.call("POST", "/books", {**WHOLE, "isbn": spelling})

    assert (409, "isbn-taken", holder) == (
        response.status_code,
        response.json()["code"],
        response.json()["book_id"],
    )
    assert len(await library.published()) == 1


async def test_an_isbn_is_unique_when_a_book_is_changed(library: Library) -> None:
    holder = await library.add(isbn=ISBN)
    book_id = await library.add()
    for method, body in (("PATCH", {"isbn": ISBN}), ("PUT", {**WHOLE, "isbn": ISBN})):
        response = await library.call(method, f"/books/{book_id}", body, if_match="*")

        assert (409, holder) == (response.status_code, response.json()["book_id"])

    assert len(await library.published()) == 2


async def test_the_isbn_of_a_retired_book_is_free(library: Library) -> None:
    first = await library.add(isbn=ISBN)
    await library.call("DELETE", f"/books/{first}")
    second = await library.add(isbn=ISBN)

    assert (await book(library, second))["isbn"] == ISBN


async def test_the_same_key_adds_one_book(library: Library) -> None:
    """The answer comes again, with its Location; another body with the key is refused."""
    answers = [await library.call("POST", "/books", WHOLE, idempotency_key="k-1") for _ in range(2)]
    other = await library.call("POST", "/books", {**WHOLE, "price": 1}, idempotency_key="k-1")

    assert answers[0].content == answers[1].content
    assert [answer.status_code for answer in answers] == [201, 201]
    assert [answer.headers["location"] for answer in answers] == ["/books/1"] * 2
    assert other.status_code == 422
    assert await library.titles() == ["Ficciones"]


async def test_a_refused_request_leaves_its_key_free(library: Library) -> None:
    holder = await library.add(isbn=ISBN)
    body = {**WHOLE, "isbn": ISBN}
    refused = await library.call("POST", "/books", body, idempotency_key="k-1")
    await library.call("DELETE", f"/books/{holder}")

    assert refused.status_code == 409
    assert (await library.call("POST", "/books", body, idempotency_key="k-1")).status_code == 201


async def test_put_replaces_the_whole_book(library: Library) -> None:
    """What is left out is emptied; stock stays what it was."""
    book_id = await library.add(description="d", isbn=ISBN, category="c", stock=3)
    response = await library.call("PUT", f"/books/{book_id}", WHOLE)
    found = await book(library, book_id)

    assert (response.status_code, response.json()) == (200, {"message": "Libro actualizado"})
    assert response.headers["etag"] == (await library.get(f"/books/{book_id}")).headers["etag"]
    assert {name: found[name] for name in (*WHOLE, "description", "isbn", "category", "stock")} == {
        **WHOLE,
        "description": None,
        "isbn": None,
        "category": None,
        "stock": 3,
    }


async def test_patch_changes_what_it_names(library: Library) -> None:
    """null empties, what is left out stays."""
    book_id = await library.add(description="d", isbn=ISBN, category="c")
    response = await library.call(
        "PATCH",
        f"/books/{book_id}",
        {"title": "Otra", "description": None},
        if_match="*",
        content_type="application/merge-patch+json",
    )
    found = await book(library, book_id)

    assert response.json() == {"message": "Libro actualizado"}
    assert (
        found["title"],
        found["description"],
        found["isbn"],
        found["category"],
        found["price_minor"],
    ) == ("Otra", None, ISBN, "c", 1250)


async def test_patch_needs_the_version_that_was_seen(library: Library) -> None:
    """428 without, 412 with an older or foreign one; nothing is changed."""
    book_id = await library.add()
    path = f"/books/{book_id}"
    old = (await library.get(path)).headers["etag"]
    changed = await library.call("PATCH", path, {"price": 1}, if_match=old)
    new = changed.headers["etag"]

    refused = {
        if_match: (await library.call("PATCH", path, {"price": 2}, if_match=if_match)).status_code
        for if_match in (old, '"x"', f"W/{new}", '"1.99.0"')
    }
    assert {412} == set(refused.values())
    assert (await library.call("PATCH", path, {"price": 2})).status_code == 428
    assert (await library.call("PATCH", path, {"price": 2}, if_match="x")).status_code == 400
    assert (await book(library, book_id))["price_minor"] == 100
    assert (
        await library.call("PATCH", path, {"price": 2}, if_match=f'"x", {new}')
    ).status_code == 200


async def test_put_and_delete_look_at_if_match_where_it_is_sent(library: Library) -> None:
    book_id = await library.add()
    path = f"/books/{book_id}"
    old = (await library.get(path)).headers["etag"]
    await library.call("PATCH", path, {"price": 1}, if_match=old)

    assert (await library.call("PUT", path, WHOLE, if_match=old)).status_code == 412
    assert (await library.call("DELETE", path, if_match=old)).status_code == 412
    assert (await library.call("DELETE", path)).status_code == 200


async def test_a_sale_in_between_does_not_refuse_the_writer(library: Library) -> None:
    """If-Match looks at the book's revision; the stock's has moved."""
    book_id = await library.add(stock=2)
    path = f"/books/{book_id}"
    seen = (await library.get(path)).headers["etag"]
    await library.tell(stock_event(book_id, 1))
    response = await library.call("PATCH", path, {"price": 2}, if_match=seen)

    assert response.status_code == 200
    assert response.headers["etag"] == (await library.get(path)).headers["etag"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_what_a_lost_past_has_shown_was_not_seen(library: Library, method: str) -> None:
    """A restored catalogue comes to the same revision again, with other details."""
    book_id = await library.add()
    path = f"/books/{book_id}"
    seen = (await library.get(path)).headers["etag"]
    await library.database.execute(QueryString("UPDATE books SET title = 'Otra'"))
    body = {"PUT": WHOLE, "PATCH": {"price": 2}, "DELETE": None}[method]
    response = await library.call(method, path, body, if_match=seen)
    again = (await library.get(path)).headers["etag"]

    assert response.status_code == 412
    assert (await library.call(method, path, body, if_match=again)).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_write_that_changes_nothing_publishes_nothing(
    library: Library, method: str
) -> None:
    book_id = await library.add(**WHOLE)
    before = (await library.get(f"/books/{book_id}")).headers["etag"]
    body = {**WHOLE, "title": " Ficciones ", "price": 9.90}
    response = await library.call(method, f"/books/{book_id}", body, if_match=before)

    assert (200, before) == (response.status_code, response.headers["etag"])
    assert len(await library.published()) == 1


@pytest.mark.parametrize("stock", [5, 0, None, "x"])
async def test_stock_is_not_changed_here(library: Library, stock: Any) -> None:
    """The refusal shows the way to purchase."""
    book_id = await library.add(stock=1)
    for method, body in (("PUT", {**WHOLE, "stock": stock}), ("PATCH", {"stock": stock})):
        response = await library.call(method, f"/books/{book_id}", body, if_match="*")

        assert (response.status_code, response.json()["code"]) == (400, "stock-not-here")
        assert "/inventory/{book_id}/adjustments" in response.json()["detail"]

    assert (await book(library, book_id))["stock"] == 1


async def test_a_book_is_retired_once(library: Library) -> None:
    """For who writes, a retired book is not there."""
    book_id = await library.add()
    path = f"/books/{book_id}"

    first = await library.call("DELETE", path)
    assert (first.status_code, first.json()) == (200, {"message": "Libro eliminado"})
    for method, body in (("DELETE", None), ("PUT", WHOLE), ("PATCH", {"price": 1})):
        response = await library.call(method, path, body, if_match="*")

        assert (response.status_code, response.json()["error"]) == (404, "libro no encontrado")


@pytest.mark.parametrize("book_id", [99, 0, 2**63])
async def test_writing_to_no_book_is_not_found(library: Library, book_id: int) -> None:
    for method, body in (("DELETE", None), ("PUT", WHOLE), ("PATCH", {"price": 1})):
        response = await library.call(method, f"/books/{book_id}", body, if_match="*")

        assert response.status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/books"),
        ("PUT", "/books/1"),
        ("PATCH", "/books/1"),
        ("DELETE", "/books/1"),
        ("POST", "/books/import?default_price=1"),
    ],
)
async def test_only_staff_write(library: Library, method: str, path: str) -> None:
    await library.add()
    nobody = await library.call(method, path, WHOLE, user=None)
    customer = await library.call(method, path, WHOLE, user=CUSTOMER)

    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, "Bearer")
    assert customer.status_code == 403
    assert await library.titles() == ["Rayuela"]


async def test_messages_in_english_for_who_asks(library: Library) -> None:
    response = await library.call("POST", "/books", WHOLE, accept_language="en-GB,en;q=0.9")

    assert response.json()["message"] == "Book added"


async def test_two_isbns_of_one_book(library: Library) -> None:
    """A book may take another free ISBN, and its own old one back."""
    book_id = await library.add(isbn=ISBN)
    for isbn in (OTHER_ISBN, ISBN):
        response = await library.call("PATCH", f"/books/{book_id}", {"isbn": isbn}, if_match="*")

        assert response.status_code == 200
    assert (await book(library, book_id))["isbn"] == ISBN
