"""Everything that happens to reviews, at the same time: what is counted is what is stored."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest

from tests.catalog.library import STAFF, Library, open_library
from tests.catalog.reviewing import (
    PAID,
    REFUNDED,
    buy,
    closed_account,
    counted,
    edit,
    post,
    purchase_event,
    query,
    ratings,
)

WRITERS = range(21, 26)
BOOKS = (1, 2)
ROUNDS, AT_ONCE = 6, 10
ANSWERS = {200, 201, 202, 401, 403, 404, 409, 410, 412}
"""The second one is refused; 500 and 503 say that the service is at fault."""

Step = Callable[[Library, random.Random, int, int, int], Coroutine[Any, Any, httpx.Response]]
"""Of a writer, on a book, on a review that may exist."""


async def _post(
    library: Library, chance: random.Random, user: int, book: int, _: int
) -> httpx.Response:
    return await post(library, chance.randint(1, 5), user=user, book_id=book, text="x")


async def _edit(
    library: Library, chance: random.Random, user: int, _: int, review: int
) -> httpx.Response:
    return await edit(library, review, user=user, rating=chance.randint(1, 5))


async def _delete(
    library: Library, chance: random.Random, user: int, _: int, review: int
) -> httpx.Response:
    return await library.call(
        "DELETE", f"/reviews/{review}", user=chance.choice([user, user, STAFF])
    )


async def _report(
    library: Library, _: random.Random, user: int, __: int, review: int
) -> httpx.Response:
    body = {"reason": "spam"}
    return await library.call("POST", f"/reviews/{review}/reports", body, user=user)


async def _moderate(
    library: Library, chance: random.Random, _: int, __: int, review: int
) -> httpx.Response:
    move, body = chance.choice([("hide", {"reason": "r"}), ("restore", None)])
    return await library.call("POST", f"/reviews/{review}/{move}", body)


async def _retire(
    library: Library, chance: random.Random, _: int, book: int, __: int
) -> httpx.Response:
    if chance.random() < 0.3:
        return await library.call("DELETE", f"/books/{book}")
    return await library.call("POST", f"/books/{book}/restore")


async def _refund(
    library: Library, chance: random.Random, user: int, book: int, _: int
) -> httpx.Response:
    """Or pay once more: the revisions come in any order."""
    number, revision = user * 1000 + book, chance.randint(2, 9)
    kind = REFUNDED if revision % 3 == 0 else PAID
    event = purchase_event(number, book, user=user, kind=kind, revision=revision)
    return await library.deliver(event)


async def _close(library: Library, _: random.Random, user: int, __: int, ___: int) -> Any:
    """The last writer only, so that others still write."""
    del user
    return await library.deliver(closed_account(WRITERS[-1], sequence=1))


STEPS: tuple[Step, ...] = (
    *(_post, _post, _post, _edit, _edit, _delete, _report, _report, _moderate, _moderate),
    *(_retire, _refund, _close),
)


async def exact(library: Library) -> None:
    for book_id in BOOKS:
        await library.call("POST", f"/books/{book_id}/restore")
        stars = await counted(library, book_id)
        average, number, shown = await ratings(library, book_id)
        total = sum(count * rating for rating, count in enumerate(stars, 1))

        assert (shown, number) == (stars, sum(stars))
        assert average == ((200 * total + number) // (2 * number) if number else None)
    wrong = await query(
        library,
        "SELECT r.id, r.open_reports FROM reviews r WHERE r.open_reports <> (SELECT COUNT(*)"
        " FROM review_reports x WHERE x.review_id = r.id AND x.is_open = {})",
        True,
    )
    twice = await query(
        library, "SELECT user_id FROM reviews GROUP BY user_id, book_id HAVING COUNT(*) > 1"
    )

    assert (wrong, twice) == ([], [])


@pytest.mark.parametrize("seed", range(3))
async def test_what_is_counted_is_what_is_stored(database_url: str, seed: int) -> None:
    """After every round of requests and events that meet; nothing fails or is put aside."""
    chance = random.Random(seed)
    async with open_library(database_url, REVIEW_WRITES_PER_HOUR="0") as library:
        for book_id in BOOKS:
            await library.add(f"b{book_id}")
            await buy(library, *WRITERS, book_id=book_id)
        for _ in range(ROUNDS):
            known = [row["id"] for row in await query(library, "SELECT id FROM reviews")] or [1]
            steps = [
                chance.choice(STEPS)(
                    library,
                    chance,
                    chance.choice(WRITERS),
                    chance.choice(BOOKS),
                    chance.choice(known),
                )
                for _ in range(AT_ONCE)
            ]
            answers = await asyncio.gather(*steps)

            assert {each.status_code for each in answers} <= ANSWERS
            await exact(library)
        await library.deliver(closed_account(WRITERS[-1], sequence=1))
        left = [
            *await query(library, "SELECT 1 FROM reviews WHERE user_id = {}", WRITERS[-1]),
            *await query(library, "SELECT 1 FROM review_reports WHERE user_id = {}", WRITERS[-1]),
            *await query(library, "SELECT 1 FROM bought_books WHERE user_id = {}", WRITERS[-1]),
        ]

        assert left == []
        assert await query(library, "SELECT reason FROM dead_letters") == []
