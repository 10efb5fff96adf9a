"""Reviews: who writes them, what they count, how they are listed and edited."""

import asyncio
import random
from typing import Any

import pytest

from tests.catalog.library import CUSTOMER, STAFF, Library, open_library
from tests.catalog.reviewing import (
    OTHER,
    REFUNDED,
    buy,
    counted,
    edit,
    listed,
    post,
    posted,
    purchase_event,
    query,
    ratings,
    review_events,
)
from tests.support.contracts import violations


async def test_a_buyer_reviews_a_book_once(library: Library) -> None:
    """The review is public without the account of its author."""
    await library.add()
    await buy(library, CUSTOMER)
    made = await post(library, 4, text=" Muy\nbueno ", reviewer="Ana")
    again = await post(library, 5)

    assert (made.status_code, made.headers["location"]) == (201, "/reviews/1")
    assert (again.status_code, again.json()["code"]) == (409, "already-reviewed")
    assert again.json()["review_id"] == 1
    assert await listed(library) == [
        {
            "id": 1,
            "book_id": 1,
            "rating": 4,
            "text": "Muy\nbueno",
            "reviewer": "Ana",
            "state": "published",
            "hidden_reason": None,
            "created_at": "2026-03-14T09:26:53.589793Z",
            "edited_at": None,
        }
    ]
    assert await ratings(library) == (400, 1, [0, 0, 0, 1, 0])


async def test_who_has_not_bought_the_book_may_not_review_it(library: Library) -> None:
    """Neither by another's purchase, nor by that of another book, nor after a refund."""
    await library.add()
    await library.add("Ficciones")
    await buy(library, OTHER)
    await buy(library, CUSTOMER, book_id=2)
    refused = await post(library)
    await library.deliver(purchase_event(5, 1, revision=2))
    allowed = (await library.call("GET", "/books/1/reviews/own", user=CUSTOMER)).json()
    await library.deliver(purchase_event(5, 1, kind=REFUNDED, revision=3))
    refunded = await post(library)

    assert (refused.status_code, refused.json()["code"]) == (403, "not-bought")
    assert allowed == {"bought": True, "review": None}
    assert (refunded.status_code, refunded.json()["code"]) == (403, "not-bought")
    assert await listed(library) == []


async def test_a_review_stays_when_its_purchase_is_refunded(library: Library) -> None:
    """Its author may still edit and delete it."""
    await library.add()
    review_id = await posted(library)
    refund = purchase_event(CUSTOMER * 1000 + 1, 1, kind=REFUNDED, revision=3)
    await library.deliver(refund)

    assert (await edit(library, review_id, rating=1)).status_code == 200
    assert await ratings(library) == (100, 1, [1, 0, 0, 0, 0])
    deleted = await library.call("DELETE", f"/reviews/{review_id}", user=CUSTOMER)
    assert deleted.status_code == 200
    assert await ratings(library) == (None, 0, [0, 0, 0, 0, 0])


async def test_an_edit_names_the_version_that_it_changes(library: Library) -> None:
    """Omitted members are not changed; an outdated version is refused."""
    await library.add()
    review_id = await posted(library, 4, text="a", reviewer="Ana")
    first = (await library.get(f"/reviews/{review_id}")).headers["etag"]
    path = f"/reviews/{review_id}"
    missing = await library.call("PATCH", path, {"rating": 2}, user=CUSTOMER)
    library.clock.advance(minutes=5)
    done = await library.call("PATCH", path, {"rating": 2}, user=CUSTOMER, if_match=first)
    late = await library.call("PATCH", path, {"rating": 3}, user=CUSTOMER, if_match=first)
    (review,) = await listed(library)

    assert [each.status_code for each in (missing, done, late)] == [428, 200, 412]
    assert done.headers["etag"] == (await library.get(path)).headers["etag"] != first
    assert (review["rating"], review["text"], review["reviewer"]) == (2, "a", "Ana")
    assert review["edited_at"] == "2026-03-14T09:31:53.589793Z"
    assert await ratings(library) == (200, 1, [0, 1, 0, 0, 0])


async def test_anothers_review_is_not_there_to_be_changed(library: Library) -> None:
    """404 for its edit and deletion; staff delete any."""
    await library.add()
    review_id = await posted(library)
    answers = [
        await edit(library, review_id, user=OTHER, rating=1),
        await library.call("DELETE", f"/reviews/{review_id}", user=OTHER),
        await edit(library, review_id, user=STAFF, rating=1),
        await library.call("DELETE", f"/reviews/{review_id}"),
        await library.call("DELETE", f"/reviews/{review_id}"),
    ]

    assert [each.status_code for each in answers] == [404, 404, 404, 200, 404]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "rating"),
        ({"rating": 0}, "rating"),
        ({"rating": 6}, "rating"),
        ({"rating": 4.5}, "rating"),
        ({"rating": "5"}, "rating"),
        ({"rating": True}, "rating"),
        ({"rating": None}, "rating"),
        ({"rating": 3, "text": "x" * 4001}, "text"),
        ({"rating": 3, "text": "a\x00"}, "text"),
        ({"rating": 3, "text": "\u0958" * 4000}, "text"),
        ({"rating": 3, "reviewer": "a\nb"}, "reviewer"),
        ({"rating": 3, "reviewer": "x" * 61}, "reviewer"),
        ({"rating": 3, "reviewer": "a@b.c"}, "reviewer"),
        ({"rating": 3, "state": "hidden"}, "state"),
        ({"rating": 3, "user_id": 8}, "user_id"),
    ],
)
async def test_an_invalid_review_is_refused_by_its_field(
    library: Library, body: dict[str, Any], field: str
) -> None:
    """400, and nothing is stored."""
    await library.add()
    await buy(library, CUSTOMER)
    response = await library.call("POST", "/books/1/reviews", body, user=CUSTOMER)

    assert response.status_code == 400, response.text
    assert [each["field"] for each in response.json()["errors"]] == [field]
    assert await listed(library) == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/books/9/reviews", 404),
        ("GET", "/books/2/reviews", 410),
        ("POST", "/books/9/reviews", 404),
        ("POST", "/books/2/reviews", 410),
        ("GET", "/books/9/reviews/own", 404),
        ("GET", "/reviews/9", 404),
        ("GET", "/books/1/reviews?sort=best", 400),
        ("GET", "/books/1/reviews?rating=6", 400),
        ("GET", "/books/1/reviews?after=x", 400),
        ("GET", "/me/reviews?after=x", 400),
        ("GET", "/books/99999999999999999999999/reviews", 404),
        ("DELETE", "/reviews/99999999999999999999999", 404),
    ],
)
async def test_what_is_not_there_is_refused(
    library: Library, method: str, path: str, status: int
) -> None:
    """Unknown and retired books, unknown reviews, lists in unknown orders."""
    await library.add()
    await library.add("Retired")
    await library.call("DELETE", "/books/2")
    await buy(library, CUSTOMER, book_id=2)
    body = {"rating": 3} if method == "POST" else None

    assert (await library.call(method, path, body, user=CUSTOMER)).status_code == status


async def test_a_list_is_walked_in_every_order(database_url: str) -> None:
    """Each review once, whatever the size of a page; `rating` leaves those of so many stars."""
    async with open_library(database_url, LIST_CACHE_SECONDS="0") as library:
        await library.add()
        stars = [random.Random(7).randint(1, 5) for _ in range(17)]
        for user, rating in enumerate(stars, 100):
            await posted(library, rating, user=user)
        pairs = list(zip(stars, range(1, 18), strict=True))
        expected = {
            "newest": sorted(range(1, 18), reverse=True),
            "highest": [each for _, each in sorted(pairs, reverse=True)],
            "lowest": [each for _, each in sorted(pairs)],
        }
        for sort, ids in expected.items():
            for limit in (1, 4, 17):
                assert await _walk(library, f"sort={sort}&limit={limit}") == ids
        fours = [each for rating, each in reversed(pairs) if rating == 4]
        assert await _walk(library, "rating=4&limit=2&sort=highest") == fours
        of_another = await library.get(
            f"/books/1/reviews?sort=lowest&after={await _cursor(library, 'sort=highest&limit=1')}"
        )

    assert of_another.status_code == 400


async def _walk(library: Library, query: str) -> list[int]:
    ids: list[int] = []
    path: str | None = f"/books/1/reviews?{query}"
    while path is not None:
        response = await library.get(path)
        ids += [each["id"] for each in response.json()]
        path = response.links.get("next", {}).get("url")
    return ids


async def _cursor(library: Library, query: str) -> str:
    response = await library.get(f"/books/1/reviews?{query}")
    return str(response.links["next"]["url"]).partition("after=")[2]


async def test_answers_change_their_etag_with_the_reviews(library: Library) -> None:
    """The list, the book and the list of books: 304 until a review is written."""
    await library.add()
    paths = ("/books/1/reviews", "/books/1", "/books")
    before = [(await library.get(path)).headers["etag"] for path in paths]
    known = [
        await library.get(path, if_none_match=tag) for path, tag in zip(paths, before, strict=True)
    ]
    await posted(library)
    after = [
        await library.get(path, if_none_match=tag) for path, tag in zip(paths, before, strict=True)
    ]

    assert [each.status_code for each in known] == [304, 304, 304]
    assert [each.status_code for each in after] == [200, 200, 200]


async def test_a_review_between_reading_and_writing_a_book_refuses_nothing(
    library: Library,
) -> None:
    """PUT takes the whole book back with the ratings that its tag names, but no invented ones."""
    await library.add()
    read = await library.get("/books/1")
    await posted(library)
    book = {**read.json(), "title": "Otra"}
    etag = read.headers["etag"]
    written = await library.call("PUT", "/books/1", book, if_match=etag)
    invented = await library.call("PUT", "/books/1", {**book, "reviews_count": 99})

    assert written.status_code == 200, written.text
    assert (invented.status_code, invented.json()["code"]) == (400, "read-only-field")


async def test_books_are_sorted_by_their_reviews(library: Library) -> None:
    """Best first, and page by page; books without a review come last."""
    for title in "abcd":
        await library.add(title)
    for user in (100, 101, 102):
        await posted(library, 5, user=user, book_id=3)
    await posted(library, 5, user=100, book_id=2)
    await posted(library, 1, user=100, book_id=4)

    assert await library.walk("sort=rating&limit=1") == [3, 2, 4, 1]


async def test_parallel_reviews_are_all_counted(database_url: str) -> None:
    """Reviewers, editors and staff at the same time: the book's counts are those of its reviews."""
    async with open_library(database_url, REVIEW_WRITES_PER_HOUR="0") as library:
        await library.add()
        users = range(100, 112)
        await buy(library, *users)
        first = await asyncio.gather(*(post(library, 1 + each % 5, user=each) for each in users))
        ids = {user: each.json()["review_id"] for user, each in zip(users, first, strict=True)}
        await asyncio.gather(
            *(edit(library, ids[each], user=each, rating=5) for each in users if each % 3),
            *(
                library.call("DELETE", f"/reviews/{ids[each]}", user=each)
                for each in users
                if not each % 3
            ),
            *(
                library.call("POST", f"/reviews/{ids[each]}/hide", {"reason": "r"})
                for each in users
                if each % 4 == 0
            ),
        )
        _, reviews, stars = await ratings(library)

        assert {each.status_code for each in first} == {201}
        assert stars == await counted(library)
        assert reviews == sum(stars) > 0


async def test_two_reviews_of_one_person_in_parallel_are_one(library: Library) -> None:
    """The other is refused as a second one."""
    await library.add()
    await buy(library, CUSTOMER)
    answers = await asyncio.gather(*(post(library, 5) for _ in range(4)))

    assert sorted(each.status_code for each in answers) == [201, 409, 409, 409]
    assert await ratings(library) == (500, 1, [0, 0, 0, 0, 1])


async def test_a_request_that_is_sent_again_has_its_effect_once(library: Library) -> None:
    """With an `Idempotency-Key` the answer is the same."""
    await library.add()
    await buy(library, CUSTOMER)
    answers = [
        await library.call(
            "POST", "/books/1/reviews", {"rating": 3}, user=CUSTOMER, idempotency_key="k"
        )
        for _ in range(2)
    ]

    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    assert answers[1].headers["idempotency-replayed"] == "true"


async def test_an_account_writes_only_so_many_in_an_hour(database_url: str) -> None:
    """429 with the time to wait; refused writes are not counted, and the next hour begins anew."""
    async with open_library(database_url, REVIEW_WRITES_PER_HOUR="2") as library:
        await library.add()
        await post(library)
        review_id = await posted(library)
        statuses = [(await edit(library, review_id, rating=each)).status_code for each in (1, 2)]
        refused = await edit(library, review_id, rating=3)
        library.clock.advance(hours=1)
        later = await edit(library, review_id, rating=3)

    assert statuses == [200, 429]
    assert (refused.status_code, refused.json()["code"]) == (429, "too-many-reviews")
    assert 0 < int(refused.headers["retry-after"]) <= 3600
    assert later.status_code == 200


async def test_own_reviews_are_listed_with_their_books(library: Library) -> None:
    """Hidden ones too, newest first, page by page; nobody else's."""
    for title in "abc":
        await library.add(title)
    for book_id in (1, 2, 3):
        await posted(library, book_id=book_id)
    await posted(library, user=OTHER)
    await library.call("POST", "/reviews/2/hide", {"reason": "spam"})
    first = await library.call("GET", "/me/reviews?limit=2", user=CUSTOMER)
    second = await library.call("GET", first.links["next"]["url"], user=CUSTOMER)

    assert [
        (each["book_title"], each["state"], each["hidden_reason"])
        for each in (*first.json(), *second.json())
    ] == [("c", "published", None), ("b", "hidden", "spam"), ("a", "published", None)]
    assert first.headers["cache-control"] == "private, no-store"


async def test_every_change_publishes_the_state_without_words(library: Library) -> None:
    """Posted, changed, hidden, restored, removed, as the contracts say; an equal edit is none."""
    await library.add()
    review_id = await posted(library, 4, text="secreto", reviewer="Úrsula")
    await edit(library, review_id, rating=4)
    await edit(library, review_id, rating=5)
    await library.call("POST", f"/reviews/{review_id}/hide", {"reason": "r"})
    await library.call("POST", f"/reviews/{review_id}/restore")
    await library.call("DELETE", f"/reviews/{review_id}", user=CUSTOMER)
    events = await review_events(library)

    assert [
        (each["type"], each["revision"], each["data"]["state"], each["data"]["rating"])
        for each in events
    ] == [
        ("bookstore.review.posted.v1", "1", "published", 4),
        ("bookstore.review.changed.v1", "2", "published", 5),
        ("bookstore.review.changed.v1", "3", "hidden", 5),
        ("bookstore.review.changed.v1", "4", "published", 5),
        ("bookstore.review.removed.v1", "5", "removed", 5),
    ]
    assert violations(events) == []
    assert "secreto" not in str(events)
    assert "rsula" not in str(events)
    assert await query(library, "SELECT id FROM reviews") == []
