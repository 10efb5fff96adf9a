"""Sellers: their names, whose books they change, and what becomes of those when they leave."""

import asyncio
from typing import Any

import msgspec
import pytest
from piccolo.querystring import QueryString

from functions.catalog.commands import sellers as commands
from functions.catalog.commands.books import is_named
from functions.catalog.commands.sellers import retire_books_of_closed_sellers
from functions.kit.data.database import Database
from functions.kit.events.cloudevents import Event
from functions.kit.security.verifier import TokenRevoked
from tests.catalog.library import ISBN, OTHER_SELLER, SELLER, STAFF, Library, counts


async def add_own(library: Library, title: str = "Rayuela", user: int = SELLER, **more: Any) -> int:
    """The id of a new book of a seller."""
    body = {"title": title, "author": "Julio Cortázar", "price": 12.5, **more}
    response = await library.call("POST", "/books", body, user=user)
    assert response.status_code == 201, response.text
    book_id: int = response.json()["book_id"]
    return book_id


async def own_books(library: Library, query: str = "", user: int = SELLER) -> list[dict[str, Any]]:
    response = await library.call("GET", f"/sellers/me/books?{query}", user=user)
    assert response.status_code == 200, response.text
    books: list[dict[str, Any]] = response.json()
    return books


async def test_a_seller_needs_a_name_before_the_first_book(library: Library) -> None:
    """Without one, adding and importing are refused, with what to do."""
    body = {"title": "Rayuela", "author": "Julio Cortázar", "price": 1}
    added = await library.call("POST", "/books", body, user=SELLER)
    imported = await library.import_by(SELLER, "title,author,price\nA,B,1\n")
    unnamed = await library.call("GET", "/sellers/me", user=SELLER)

    assert (added.status_code, added.json()["code"]) == (409, "seller-name-needed")
    assert (imported.status_code, imported.json()["code"]) == (409, "seller-name-needed")
    assert (unnamed.status_code, unnamed.json()["code"]) == (404, "seller-not-found")
    assert await library.titles() == []


async def test_the_book_of_a_seller_says_so_everywhere(library: Library) -> None:
    """The list, the book, the facets, the filter and the event name the seller."""
    await library.name_seller()
    await library.add("Del mostrador")
    book_id = await add_own(library)
    book = (await library.get(f"/books/{book_id}")).json()
    (listed,) = (await library.get(f"/books?seller={SELLER}")).json()
    facets = (await library.get("/books/facets")).json()

    assert (book["seller_id"], book["seller_name"]) == (SELLER, "Librería Norte")
    assert listed == book
    assert facets["seller"] == [{"value": SELLER, "name": "Librería Norte", "count": 1}]
    assert (await library.get(f"/books/facets?seller={SELLER}")).json()["total"] == 1
    assert await library.titles("seller=999") == []
    assert [each["data"]["seller_id"] for each in await library.published()] == [None, SELLER]


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_sellers_are_listed_by_id_and_by_name(library: Library, limit: int) -> None:
    """Forwards and backwards, as a reader sorts names; a cursor is of one order alone."""
    names = {31: "Ánfora", 32: "zeta", 33: "Libros 10", 34: "Libros 9", 35: "Beta"}
    for user, name in names.items():
        await commands.name_seller(library.database, user, name)
    await commands.name_seller(library.database, 34, "Libros 2")
    orders = {sort: await ids(library, f"sort={sort}&limit={limit}") for sort in SORTS}
    cursor = (await library.get("/sellers?limit=1&sort=name")).links["next"]["url"]
    other = await library.get(cursor.replace("sort=name", "sort=-name"))

    assert orders["id"] == [31, 32, 33, 34, 35]
    assert orders["name"] == [31, 35, 34, 33, 32]
    assert orders["-id"] == orders["id"][::-1]
    assert orders["-name"] == orders["name"][::-1]
    assert other.status_code == 400


SORTS = ("id", "-id", "name", "-name")


async def ids(library: Library, query: str) -> list[int]:
    found: list[int] = []
    path: str | None = f"/sellers?{query}"
    while path is not None:
        response = await library.get(path)
        found += [each["id"] for each in response.json()]
        path = response.links.get("next", {}).get("url")
    return found


@pytest.mark.parametrize("user", [SELLER, OTHER_SELLER])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/books/{}", {"price": 1}),
        ("PATCH", "/books/{}", {"price": 1}),
        ("DELETE", "/books/{}", None),
        ("POST", "/books/{}/restore", None),
    ],
)
async def test_a_seller_changes_own_books_only(
    library: Library, user: int, method: str, path: str, body: Any
) -> None:
    """The book of another seller and the shop's own are refused by 403; nothing is published."""
    await library.name_seller()
    await library.name_seller(OTHER_SELLER, "Librería Sur")
    book_id = await add_own(library)
    shops_own = await library.add()
    told = len(await library.published())
    answers = [
        await library.call(method, path.format(each), body, user=user, if_match="*")
        for each in (book_id, shops_own)
    ]

    if user == SELLER:
        assert answers[0].status_code == 200
    else:
        assert (answers[0].status_code, answers[0].json()["code"]) == (403, "not-your-book")
        assert len(await library.published()) == told
    assert (answers[1].status_code, answers[1].json()["code"]) == (403, "not-your-book")


async def test_a_seller_brings_back_what_the_seller_retired(library: Library) -> None:
    """What staff retired stays retired until staff brings it back."""
    await library.name_seller()
    mine, theirs = await add_own(library, "Mía"), await add_own(library, "De ellos")
    await library.call("DELETE", f"/books/{mine}", user=SELLER)
    await library.call("DELETE", f"/books/{theirs}", user=STAFF)
    listed = {each["id"]: each for each in await own_books(library, "retired=true")}
    restored = await library.call("POST", f"/books/{mine}/restore", user=SELLER)
    refused = await library.call("POST", f"/books/{theirs}/restore", user=SELLER)

    assert {key: each["may_restore"] for key, each in listed.items()} == {mine: True, theirs: False}
    assert restored.status_code == 200
    assert (refused.status_code, refused.json()["code"]) == (403, "retired-by-staff")
    assert [each["id"] for each in await own_books(library, "retired=false")] == [mine]
    assert (await library.call("POST", f"/books/{theirs}/restore")).status_code == 200


async def test_the_list_of_own_books_has_no_others(library: Library) -> None:
    """Retired ones included, in pages and by words; a seller without books has none."""
    await library.name_seller()
    await library.name_seller(OTHER_SELLER, "Librería Sur")
    ids = [await add_own(library, f"Libro {number}") for number in range(3)]
    await add_own(library, "Ajeno", user=OTHER_SELLER)
    await library.add("Del mostrador")
    await library.call("DELETE", f"/books/{ids[1]}", user=SELLER)
    first = await library.call("GET", "/sellers/me/books?limit=2", user=SELLER)
    path = first.links["next"]["url"]
    last = await library.call("GET", path, user=SELLER)

    assert [each["id"] for each in (*first.json(), *last.json())] == ids[::-1]
    assert [each["id"] for each in await own_books(library, "q=libro&sort=title")] == ids
    assert [each["title"] for each in await own_books(library, user=OTHER_SELLER)] == ["Ajeno"]


async def test_staff_assigns_books(library: Library) -> None:
    """The event and the ETag follow; assigning the same again publishes nothing."""
    await library.name_seller()
    book_id = await library.add()
    before = await library.get(f"/books/{book_id}")
    answers = [
        await library.call("PUT", f"/books/{book_id}/seller", {"seller_id": each})
        for each in (SELLER, SELLER, None, 999)
    ]
    events = await library.published()

    assert [each.status_code for each in answers] == [200, 200, 200, 404]
    assert answers[0].headers["etag"] != before.headers["etag"]
    assert [each["data"]["seller_id"] for each in events] == [None, SELLER, None]
    assert (await library.get(f"/books/{book_id}")).json()["seller_id"] is None


async def test_a_new_name_changes_the_etag_and_fails_no_write(library: Library) -> None:
    """A cached answer with the old name is not served, and `If-Match` of before still matches."""
    await library.name_seller()
    book_id = await add_own(library)
    seen = (await library.get(f"/books/{book_id}")).headers["etag"]
    page = (await library.get("/books")).headers["etag"]
    await library.name_seller(name="Librería Sur")
    now = await library.get(f"/books/{book_id}", if_none_match=seen)
    listed = await library.get("/books", if_none_match=page)
    written = await library.call(
        "PATCH", f"/books/{book_id}", {"price": 1}, user=SELLER, if_match=seen
    )

    assert (now.status_code, now.json()["seller_name"]) == (200, "Librería Sur")
    assert listed.status_code == 200
    assert written.status_code == 200


async def test_a_book_as_read_may_be_sent_back_by_its_seller(library: Library) -> None:
    """The seller's id and name are read-only members."""
    await library.name_seller()
    book_id = await add_own(library)
    book = (await library.get(f"/books/{book_id}")).json()
    same = await library.call("PUT", f"/books/{book_id}", book, user=SELLER)
    taken = await library.call("PUT", f"/books/{book_id}", {"seller_id": OTHER_SELLER}, user=SELLER)

    assert same.status_code == 200
    assert (taken.status_code, taken.json()["code"]) == (400, "read-only-field")


async def test_an_import_by_a_seller_touches_no_other_book(library: Library) -> None:
    """Its new books are the seller's; an ISBN of somebody else's book is refused by line."""
    await library.name_seller()
    others = await library.add("Rayuela", isbn=ISBN, price=12.5)
    await library.add("Ficciones", "Jorge Luis Borges", price=9)
    mine = await add_own(library, "El aleph")
    content = (
        "title,author,isbn,price\n"
        f"Rayuela,Julio Cortázar,{ISBN},1\n"
        "Ficciones,Jorge Luis Borges,,7\n"
        "El aleph,Julio Cortázar,,8\n"
    )
    report = (await library.import_by(SELLER, content)).json()
    again = (await library.import_by(SELLER, content)).json()

    assert counts(report) == (3, 1, 1, 0, 1, 0)
    assert [(each["line"], str(others) in each["reason"]) for each in report["errors"]] == [
        (2, True)
    ]
    assert counts(again) == (3, 0, 0, 2, 1, 0)
    assert (await library.get(f"/books/{others}")).json()["price"] == 12.5
    assert {each["id"]: each["price"] for each in await own_books(library)} == {
        mine: 8,
        mine + 1: 7,
    }


async def test_names_of_sellers_are_unique(library: Library) -> None:
    """Case, accents and spaces do not tell two names apart; of two at once one gets the name."""
    answers = await asyncio.gather(
        library.call("PUT", "/sellers/me", {"name": "Librería Norte"}, user=SELLER),
        library.call("PUT", "/sellers/me", {"name": " LIBRERIA  norte"}, user=OTHER_SELLER),
    )
    listed = (await library.get("/sellers")).json()

    assert sorted(each.status_code for each in answers) == [200, 409]
    (refused,) = [each for each in answers if each.status_code == 409]
    assert refused.json()["code"] == "seller-name-taken"
    assert len(listed) == 1
    assert (await library.get(f"/sellers/{listed[0]['id']}")).json() == listed[0]


@pytest.mark.parametrize(
    "name", ["", "   ", "\u200b", "a\nb", "x" * 101, None, 5, "\ud800", ["a"], {"a": 1}]
)
async def test_a_name_that_shows_nothing_is_refused(library: Library, name: Any) -> None:
    """Blank, invisible, too long, of several lines, or no text at all."""
    body = msgspec.json.encode({"name": "x"}).replace(b'"x"', _json(name))
    response = await library.client.put(
        "/sellers/me",
        content=body,
        headers={
            "content-type": "application/json",
            **library.issuer.bearer(SELLER, "seller"),
        },
    )

    assert response.status_code == 400
    assert (await library.get("/sellers")).json() == []


def _json(value: Any) -> bytes:
    import json

    return json.dumps(value).encode()


@pytest.mark.parametrize("seller_id", ["0", "-1", "x", "1.5", str(2**63)])
async def test_a_malformed_seller_is_refused(library: Library, seller_id: str) -> None:
    """In the filter by 400, in the path by 404."""
    listed = await library.get(f"/books?seller={seller_id}")
    counted = await library.get(f"/books/facets?seller={seller_id}")
    one = await library.get(f"/sellers/{seller_id}")

    assert (listed.status_code, counted.status_code, one.status_code) == (400, 400, 404)


def closed_event(user_id: int) -> Event:
    return Event(
        id=f"closed-{user_id}",
        source="/bookstore/auth/security",
        type="bookstore.user.disabled.v1",
        subject=f"user/{user_id}",
        sequence=1,
        revision=1,
        data=msgspec.json.encode(
            {
                "user_id": user_id,
                "disabled": True,
                "tokens_not_before": "2026-03-14T09:00:00Z",
                "closed": True,
            }
        ),
    )


async def test_the_books_of_a_closed_account_are_retired(library: Library) -> None:
    """Its name is erased at once, by each event once; the books of others stay for sale."""
    await library.name_seller()
    await library.name_seller(OTHER_SELLER, "Librería Sur")
    for number in range(3):
        await add_own(library, f"Libro {number}")
    await add_own(library, "Ajeno", user=OTHER_SELLER)
    for _ in range(2):
        await library.deliver(closed_event(SELLER))
    erased = await library.get(f"/sellers/{SELLER}")
    outbox = library.app.state.services.outbox
    retired = [
        await retire_books_of_closed_sellers(library.database, outbox=outbox, clock=library.clock)
        for _ in range(2)
    ]

    assert erased.status_code == 404
    # The service's own background task may have retired them before.
    assert retired[1] == 0
    assert await library.titles() == ["Ajeno"]
    last = [each for each in await library.published() if each["type"].endswith("retired.v1")]
    assert len(last) == 3
    rows = (await library.database.execute(QueryString("SELECT name FROM sellers"))).rows
    assert sorted(row["name"] for row in rows) == ["", "Librería Sur"]


async def test_a_book_of_a_closed_account_comes_back_as_the_shops_own(library: Library) -> None:
    """Staff may sell it on; what was sold before stays the seller's, in purchase."""
    await library.name_seller()
    book_id = await add_own(library)
    await library.deliver(closed_event(SELLER))
    await retire_now(library)
    restored = await library.call("POST", f"/books/{book_id}/restore")
    book = (await library.get(f"/books/{book_id}")).json()
    last = (await library.published())[-1]

    assert restored.status_code == 200
    assert (book["seller_id"], book["seller_name"]) == (None, None)
    assert (last["type"], last["data"]["seller_id"]) == ("bookstore.book.updated.v1", None)
    assert restored.headers["etag"] == (await library.get(f"/books/{book_id}")).headers["etag"]


async def retire_now(library: Library) -> None:
    outbox = library.app.state.services.outbox
    await retire_books_of_closed_sellers(library.database, outbox=outbox, clock=library.clock)


async def test_no_book_is_for_sale_by_a_closed_account(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that staff assigns while the account is being closed."""
    await library.name_seller()
    book_id = await library.add()
    found, go_on = asyncio.Event(), asyncio.Event()

    async def slow_is_named(database: Database, seller_id: int) -> bool:
        named = await is_named(database, seller_id)
        found.set()
        await go_on.wait()
        return named

    monkeypatch.setattr(commands, "is_named", slow_is_named)
    path, body = f"/books/{book_id}/seller", {"seller_id": SELLER}
    assigning = asyncio.create_task(library.call("PUT", path, body))
    await found.wait()
    closing = asyncio.create_task(close_and_retire(library))
    # Closing has to wait for the assignment. Where it does not, it ends here and retires nothing.
    await asyncio.wait({closing}, timeout=0.5)
    go_on.set()
    assigned, _ = await asyncio.gather(assigning, closing)

    assert assigned.status_code == 200
    assert (await library.get("/books")).json() == []
    late = await library.call("PUT", f"/books/{await library.add()}/seller", body)
    assert (late.status_code, late.json()["code"]) == (404, "seller-not-found")


async def close_and_retire(library: Library) -> None:
    await library.deliver(closed_event(SELLER))
    await retire_now(library)


async def test_a_request_of_a_closed_account_leaves_no_name(library: Library) -> None:
    """Its token was accepted before; the shop had no name of the account to erase."""
    await library.deliver(closed_event(SELLER))
    with pytest.raises(TokenRevoked):
        await commands.name_seller(library.database, SELLER, "Ana Pérez")

    assert (await library.get("/sellers")).json() == []
