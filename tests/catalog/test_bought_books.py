"""Who bought what, from purchase's orders; and what is erased with an account."""

import asyncio
import itertools

import msgspec
import pytest

from functions.catalog.commands.bought_books import delete_stale_purchases, mark_purchases_stale
from functions.catalog.commands.reviews import erase_reviewer
from tests.catalog.library import CUSTOMER, Library, open_library
from tests.catalog.reviewing import (
    OTHER,
    PAID,
    REFUNDED,
    buy,
    closed_account,
    counted,
    post,
    posted,
    purchase_event,
    query,
    ratings,
    review_events,
)


async def may_review(library: Library, book_id: int = 1, user: int = CUSTOMER) -> bool:
    answer = await library.call("GET", f"/books/{book_id}/reviews/own", user=user)
    bought: bool = answer.json()["bought"]
    return bought


@pytest.mark.parametrize("order", list(itertools.permutations((2, 4))))
async def test_a_refund_counts_whatever_arrives_first(
    library: Library, order: tuple[int, ...]
) -> None:
    """Each event twice, in either order: the newest revision remains."""
    await library.add()
    kinds = {2: PAID, 4: REFUNDED}
    for revision in (*order, *order):
        event = purchase_event(5, 1, kind=kinds[revision], revision=revision)
        assert (await library.deliver(event)).status_code == 202

    assert not await may_review(library)


async def test_one_refund_of_two_purchases_leaves_the_other(library: Library) -> None:
    """A book that was bought twice counts until both are refunded."""
    await library.add()
    for purchase_id in (1, 2):
        await library.deliver(purchase_event(purchase_id, 1, 2, 2))
    await library.deliver(purchase_event(1, 1, 2, 2, kind=REFUNDED, revision=3))
    assert await may_review(library)
    await library.deliver(purchase_event(2, 1, 2, 2, kind=REFUNDED, revision=3))

    assert not await may_review(library)


async def test_a_purchase_may_arrive_before_its_book(library: Library) -> None:
    """The streams are independent of each other."""
    await buy(library, CUSTOMER)
    await library.add()

    assert await may_review(library)


@pytest.mark.parametrize(
    "state",
    [
        {"user_id": 0},
        {"user_id": "7"},
        {"purchase_id": None},
        {"items": []},
        {"items": [{"title": "t"}]},
        {"items": [{"book_id": 2**63}]},
        {"items": "1"},
    ],
)
async def test_an_invalid_state_is_quarantined(library: Library, state: dict[str, object]) -> None:
    """With 202, and later events are consumed."""
    await library.add()
    event = purchase_event(5, 1)
    data = msgspec.json.encode({**msgspec.json.decode(event.data), **state})
    response = await library.deliver(msgspec.structs.replace(event, data=data))
    await library.deliver(purchase_event(5, 1, revision=3))

    assert response.status_code == 202
    assert len(await query(library, "SELECT id FROM dead_letters")) == 1
    assert await may_review(library)


async def test_other_events_of_orders_count_nothing(library: Library) -> None:
    """A purchase that is placed is not bought yet."""
    await library.add()
    placed = purchase_event(5, 1, kind="bookstore.purchase.placed.v1", revision=1)

    assert (await library.deliver(placed)).status_code == 202
    assert not await may_review(library)
    assert await query(library, "SELECT id FROM dead_letters") == []


async def test_a_snapshot_replaces_what_is_stored(library: Library) -> None:
    """Revisions that are too new are replaced, and purchases that are not in it are removed."""
    await library.add()
    await library.add("Ficciones")
    await library.deliver(purchase_event(5, 1, revision=900))
    await library.deliver(purchase_event(6, 2, revision=2))
    await mark_purchases_stale(library.database)
    subscriptions = library.app.state.services.subscriptions
    state = purchase_event(5, 1, kind=REFUNDED, revision=3)
    await subscriptions.apply(library.database, state, clock=library.clock)
    await delete_stale_purchases(library.database)
    rows = await query(library, "SELECT purchase_id, revision, bought FROM bought_books")

    assert [tuple(row.values()) for row in rows] == [(5, 3, False)]


async def test_everything_of_a_closed_account_is_erased(library: Library) -> None:
    """Reviews, hidden ones too, reports and bought books; others' stay, and ratings are exact."""
    for title in "ab":
        await library.add(title)
    mine = [await posted(library, 5, text="mío", book_id=book_id) for book_id in (1, 2)]
    theirs = await posted(library, 1, user=OTHER, text="suyo")
    await library.call("POST", f"/reviews/{mine[1]}/hide", {"reason": "r"})
    for review_id, user in ((mine[0], OTHER), (theirs, CUSTOMER), (theirs, 9)):
        await library.call("POST", f"/reviews/{review_id}/reports", {"reason": "spam"}, user=user)
    for event in (closed_account(), closed_account(), closed_account(sequence=2)):
        assert (await library.deliver(event)).status_code == 202
    reports = await query(library, "SELECT review_id, user_id FROM review_reports")
    (left,) = await query(library, "SELECT id, text, open_reports FROM reviews")

    assert tuple(left.values()) == (theirs, "suyo", 1)
    assert [tuple(row.values()) for row in reports] == [(theirs, 9)]
    assert await query(library, "SELECT 1 FROM bought_books WHERE user_id = {}", CUSTOMER) == []
    assert await ratings(library) == (100, 1, [1, 0, 0, 0, 0])
    removed = [each for each in await review_events(library) if "removed" in each["type"]]
    assert [each["subject"] for each in removed] == [f"review/{each}" for each in mine]
    everything = [
        str(await query(library, f"SELECT * FROM {table}"))  # noqa: S608 - names
        for table in ("reviews", "review_reports", "outbox", "idempotency_keys", "inbox")
    ]
    assert "mío" not in "".join(everything)


async def test_a_disabled_account_keeps_its_reviews(library: Library) -> None:
    """It may be enabled again."""
    await library.add()
    await posted(library)
    await library.deliver(closed_account(closed=False))

    assert await ratings(library) == (400, 1, [0, 0, 0, 1, 0])


async def test_events_of_orders_bring_nothing_of_a_closed_account_back(library: Library) -> None:
    """Neither a late one, nor a snapshot."""
    await library.add()
    await library.deliver(closed_account())
    await library.deliver(purchase_event(5, 1))

    assert await query(library, "SELECT 1 FROM bought_books") == []


async def test_closing_in_the_middle_of_writes_leaves_nothing(database_url: str) -> None:
    """A request whose token was accepted before adds nothing after the erasure."""
    async with open_library(database_url, REVIEW_WRITES_PER_HOUR="0") as library:
        for number in range(6):
            await library.add(f"b{number}")
            await buy(library, CUSTOMER, book_id=number + 1)
        services = library.app.state.services
        answers = await asyncio.gather(
            *(post(library, 5, book_id=each) for each in (1, 2, 3)),
            erase_reviewer(library.database, CUSTOMER, outbox=services.outbox, now=library.clock()),
            *(post(library, 5, book_id=each) for each in (4, 5, 6)),
        )
        statuses = {each.status_code for each in answers if each is not None}
        late = await post(library, 5)

        assert statuses <= {201, 401, 403}
        assert (late.status_code, late.json()["code"]) == (401, "token-revoked")
        assert await query(library, "SELECT id FROM reviews") == []
        for book_id in range(1, 7):
            assert (await ratings(library, book_id))[2] == await counted(library, book_id)


async def test_staff_may_delete_what_is_being_erased(database_url: str) -> None:
    """An account closes while staff deletes its reviews, and those that it reported."""
    async with open_library(database_url, REVIEW_WRITES_PER_HOUR="0") as library:
        books = range(1, 13)
        for book_id in books:
            await library.add(f"b{book_id}")
        mine = [await posted(library, 5, book_id=book_id) for book_id in books]
        theirs = [await posted(library, 1, user=OTHER, book_id=book_id) for book_id in books]
        for review_id in theirs:
            body = {"reason": "spam"}
            await library.call("POST", f"/reviews/{review_id}/reports", body, user=CUSTOMER)
        closing, *deleted = await asyncio.gather(
            library.deliver(closed_account()),
            *(library.call("DELETE", f"/reviews/{each}") for each in (*mine[::-1], *theirs[::-1])),
        )

        assert closing.status_code == 202
        assert {each.status_code for each in deleted} <= {200, 404}
        assert await query(library, "SELECT reason FROM dead_letters") == []
        for table in ("reviews", "review_reports"):
            assert await query(library, f"SELECT user_id FROM {table}") == []  # noqa: S608 - names
