"""Adding, correcting and retiring a book."""

from typing import Any

import pytest
from piccolo.querystring import QueryString

from tests.catalog.library import CUSTOMER, ISBN, OTHER_ISBN, Library, stock_event
from tests.support.contracts import violations

WHOLE: dict[str, Any] = {"title": "Ficciones", "author": "Jorge Luis Borges", "price": 9.9}


async def book(library: Library, book_id: int) -> dict[str, Any]:
    found: dict[str, Any] = (await library.get(f"/books/{book_id}")).json()
    return found


async def test_post_adds_a_book(library: Library) -> None:
    """The response has its id and its `Location`."""
    response = await library.call("POST", "/books", WHOLE)

    assert response.status_code == 201
    assert response.json() == {"message": "Libro agregado", "book_id": 1}
    assert response.headers["location"] == "/books/1"
    assert (await library.get(response.headers["location"])).json()["title"] == "Ficciones"


async def test_texts_are_normalized(library: Library) -> None:
    """Letters are composed, spaces single, line breaks LF."""
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
    """The refusal has the id of the other book, and nothing is published."""
    holder = await library.add(isbn=ISBN)
    response = await library.call("POST", "/books", {**WHOLE, "isbn": spelling})

    assert (409, "isbn-taken", holder) == (
        response.status_code,
        response.json()["code"],
        response.json()["book_id"],
    )
    assert len(await library.published()) == 1


async def test_an_isbn_is_unique_when_a_book_is_changed(library: Library) -> None:
    """PATCH and PUT are answered 409 with the id of the other book, and publish nothing."""
    holder = await library.add(isbn=ISBN)
    book_id = await library.add()
    for method, body in (("PATCH", {"isbn": ISBN}), ("PUT", {**WHOLE, "isbn": ISBN})):
        response = await library.call(method, f"/books/{book_id}", body, if_match="*")

        assert (409, holder) == (response.status_code, response.json()["book_id"])

    assert len(await library.published()) == 2


async def test_the_isbn_of_a_retired_book_is_free(library: Library) -> None:
    """Another book may have it."""
    first = await library.add(isbn=ISBN)
    await library.call("DELETE", f"/books/{first}")
    second = await library.add(isbn=ISBN)

    assert (await book(library, second))["isbn"] == ISBN


async def test_the_same_key_adds_one_book(library: Library) -> None:
    """The response is repeated with its `Location`; another body under the key is refused."""
    answers = [await library.call("POST", "/books", WHOLE, idempotency_key="k-1") for _ in range(2)]
    other = await library.call("POST", "/books", {**WHOLE, "price": 1}, idempotency_key="k-1")

    assert answers[0].content == answers[1].content
    assert [answer.status_code for answer in answers] == [201, 201]
    assert [answer.headers["location"] for answer in answers] == ["/books/1"] * 2
    assert other.status_code == 422
    assert await library.titles() == ["Ficciones"]


async def test_a_refused_request_does_not_use_its_idempotency_key(library: Library) -> None:
    """The same request may succeed under the key later."""
    holder = await library.add(isbn=ISBN)
    body = {**WHOLE, "isbn": ISBN}
    refused = await library.call("POST", "/books", body, idempotency_key="k-1")
    await library.call("DELETE", f"/books/{holder}")

    assert refused.status_code == 409
    assert (await library.call("POST", "/books", body, idempotency_key="k-1")).status_code == 201


@pytest.mark.parametrize("member", ["title", "author", "price", "description", "isbn", "category"])
async def test_put_keeps_what_is_left_out(library: Library, member: str) -> None:
    """Omitted members are kept, as in the original; null empties optional ones."""
    book_id = await library.add(description="d", isbn=ISBN, category="c", stock=3)
    before = await book(library, book_id)
    others = {
        "title": "Otra",
        "author": "Otro",
        "price": 13.25,
        "description": "e",
        "isbn": OTHER_ISBN,
        "category": None,
    }
    changed = others[member]
    response = await library.call("PUT", f"/books/{book_id}", {member: changed})
    after = await book(library, book_id)

    assert (response.status_code, response.json()) == (200, {"message": "Libro actualizado"})
    assert response.headers["etag"] == (await library.get(f"/books/{book_id}")).headers["etag"]
    del before["price_minor"], after["price_minor"]
    assert {**before, member: changed} == after


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_the_body_of_get_can_be_sent_back(library: Library, method: str) -> None:
    """With or without a change, and with numbers and times in a client's notation."""
    book_id = await library.add(description="d", isbn=ISBN, category="c", stock=3)
    await library.deliver(stock_event(book_id, 2))
    shown = await book(library, book_id)
    same = await library.call(method, f"/books/{book_id}", shown, if_match="*")
    other_time = {**shown, "title": "Otra", "stock_as_of": "2026-03-14T11:00:00+01:00"}
    changed = await library.call(method, f"/books/{book_id}", other_time, if_match="*")
    new_price = {**shown, "title": "Otra", "price": 13, "price_minor": 1300}
    priced = await library.call(method, f"/books/{book_id}", new_price, if_match="*")

    assert [same.status_code, changed.status_code, priced.status_code] == [200, 200, 200]
    assert await book(library, book_id) == {**new_price, "price": 13.0}
    assert len(await library.published()) == 3


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("id", 2),
        ("id", "1"),
        ("currency", "EUR"),
        ("currency", None),
        ("price_minor", 1),
        ("stock_revision", 7),
        ("stock_revision", False),
        ("stock_as_of", "2026-03-14T10:00:01Z"),
        ("stock_as_of", "yesterday"),
    ],
)
async def test_a_changed_read_only_member_is_named(
    library: Library, method: str, member: str, value: Any
) -> None:
    """The whole request is refused."""
    book_id = await library.add()
    shown = await book(library, book_id)
    body = {**shown, "title": "Otra", member: value}
    response = await library.call(method, f"/books/{book_id}", body, if_match="*")

    assert (response.status_code, response.json()["code"]) == (400, "read-only-field")
    assert [each["field"] for each in response.json()["errors"]] == [member]
    assert await book(library, book_id) == shown


async def test_an_outdated_stock_is_ignored_where_the_etag_names_it(library: Library) -> None:
    """The ETag tells which stock the caller saw; any other number is a change."""
    book_id = await library.add(stock=5)
    await library.deliver(stock_event(book_id, 5, revision=1))
    seen = await library.get(f"/books/{book_id}")
    await library.deliver(stock_event(book_id, 4, revision=2))
    etag = seen.headers["etag"]

    async def put(**changes: Any) -> int:
        body = {**seen.json(), **changes}
        answer = await library.call("PUT", f"/books/{book_id}", body, if_match=etag)
        return answer.status_code

    assert await put(stock=9) == 400
    assert await put(stock=9, stock_as_of=None) == 400
    assert await put(stock=9, stock_revision=2) == 400
    assert await put(title="Otra") == 200
    assert (await book(library, book_id))["stock"] == 4


async def test_patch_changes_what_it_names(library: Library) -> None:
    """Null empties a member, and omitted members are kept."""
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


async def test_patch_requires_if_match(library: Library) -> None:
    """428 without `If-Match`, 412 for an older or foreign one; nothing is changed."""
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


async def test_put_and_delete_check_if_match_where_it_is_sent(library: Library) -> None:
    """An old tag is answered 412; without the header no version is checked."""
    book_id = await library.add()
    path = f"/books/{book_id}"
    old = (await library.get(path)).headers["etag"]
    await library.call("PATCH", path, {"price": 1}, if_match=old)

    assert (await library.call("PUT", path, WHOLE, if_match=old)).status_code == 412
    assert (await library.call("DELETE", path, if_match=old)).status_code == 412
    assert (await library.call("DELETE", path)).status_code == 200


async def test_a_sale_does_not_fail_if_match(library: Library) -> None:
    """`If-Match` ignores the stock's part of a tag."""
    book_id = await library.add(stock=2)
    path = f"/books/{book_id}"
    seen = (await library.get(path)).headers["etag"]
    await library.deliver(stock_event(book_id, 1))
    response = await library.call("PATCH", path, {"price": 2}, if_match=seen)

    assert response.status_code == 200
    assert response.headers["etag"] == (await library.get(path)).headers["etag"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_tag_from_before_a_restore_is_refused(library: Library, method: str) -> None:
    """A tag from before a restore fails, although the revision is the same."""
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
    """The ETag stays the same."""
    book_id = await library.add(**WHOLE)
    before = (await library.get(f"/books/{book_id}")).headers["etag"]
    body = {**WHOLE, "title": " Ficciones ", "price": 9.90}
    response = await library.call(method, f"/books/{book_id}", body, if_match=before)

    assert (200, before) == (response.status_code, response.headers["etag"])
    assert len(await library.published()) == 1


@pytest.mark.parametrize("stock", [5, 0, None, "x", True, 1.5])
async def test_stock_is_not_changed_here(library: Library, stock: Any) -> None:
    """The refusal has the present stock and the operation of purchase."""
    book_id = await library.add(stock=1)
    for method, body in (("PUT", {**WHOLE, "stock": stock}), ("PATCH", {"stock": stock})):
        response = await library.call(method, f"/books/{book_id}", body, if_match="*")

        assert (response.status_code, response.json()["code"]) == (400, "stock-not-here")
        assert (
            f"es 1; en purchase lo cambia POST /inventory/{book_id}/adjustments"
            in (response.json()["detail"])
        )

    assert (await book(library, book_id))["stock"] == 1


async def test_a_book_is_retired_once(library: Library) -> None:
    """Writes to a retired book are answered 410, and say that it can be restored."""
    book_id = await library.add()
    path = f"/books/{book_id}"

    first = await library.call("DELETE", path)
    assert (first.status_code, first.json()) == (200, {"message": "Libro eliminado"})
    for method, body in (("DELETE", None), ("PUT", WHOLE), ("PATCH", {"price": 1})):
        response = await library.call(method, path, body, if_match="*")

        assert (response.status_code, response.json()["code"]) == (410, "book-retired")
        assert "Se puede reponer." in response.json()["detail"]


async def test_a_retired_book_is_restored(library: Library) -> None:
    """The book is listed and sold again; repeating it changes nothing."""
    book_id = await library.add(isbn=ISBN, category="c")
    shown = await book(library, book_id)
    await library.call("DELETE", f"/books/{book_id}")
    answers = [await library.call("POST", f"/books/{book_id}/restore") for _ in range(2)]
    published = await library.published()

    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (200, {"message": "Libro restaurado"})
    ] * 2
    assert answers[0].headers["etag"] == (await library.get(f"/books/{book_id}")).headers["etag"]
    assert await book(library, book_id) == shown
    assert await library.walk("q=rayuela") == [book_id]
    assert [(each["type"].split(".")[2], each["data"]["retired"]) for each in published] == [
        ("created", False),
        ("retired", True),
        ("updated", False),
    ]
    assert violations(published) == []


async def test_a_book_whose_isbn_was_taken_is_not_restored(library: Library) -> None:
    """It is answered 409 with the id of the other book, and stays retired."""
    first = await library.add(isbn=ISBN)
    await library.call("DELETE", f"/books/{first}")
    second = await library.add(isbn=ISBN)
    refused = await library.call("POST", f"/books/{first}/restore")
    missing = await library.call("POST", "/books/99/restore")

    assert (409, "isbn-taken", second) == (
        refused.status_code,
        refused.json()["code"],
        refused.json()["book_id"],
    )
    assert missing.status_code == 404
    assert (await library.get(f"/books/{first}")).status_code == 410
    assert len(await library.published()) == 3


@pytest.mark.parametrize("book_id", [99, 0, 2**63])
async def test_a_write_to_an_unknown_book_is_not_found(library: Library, book_id: int) -> None:
    """DELETE, PUT and PATCH are answered 404."""
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
        ("POST", "/books/1/restore"),
        ("POST", "/books/import?default_price=1"),
    ],
)
async def test_only_staff_may_write(library: Library, method: str, path: str) -> None:
    """401 without a token, 403 for customers, and nothing is changed."""
    await library.add()
    nobody = await library.call(method, path, WHOLE, user=None)
    customer = await library.call(method, path, WHOLE, user=CUSTOMER)

    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, "Bearer")
    assert customer.status_code == 403
    assert await library.titles() == ["Rayuela"]


async def test_messages_are_in_the_language_of_accept_language(library: Library) -> None:
    """English is used where it is preferred, Spanish by default."""
    response = await library.call("POST", "/books", WHOLE, accept_language="en-GB,en;q=0.9")

    assert response.json()["message"] == "Book added"


async def test_two_isbns_of_one_book(library: Library) -> None:
    """A book may take another free ISBN, and its former one again."""
    book_id = await library.add(isbn=ISBN)
    for isbn in (OTHER_ISBN, ISBN):
        response = await library.call("PATCH", f"/books/{book_id}", {"isbn": isbn}, if_match="*")

        assert response.status_code == 200
    assert (await book(library, book_id))["isbn"] == ISBN
