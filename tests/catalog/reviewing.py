"""Buyers, reviews and reports of catalog's tests."""

from typing import Any

import httpx
import msgspec
from piccolo.querystring import QueryString

from functions.kit.data.database import Row
from functions.kit.events.cloudevents import Event
from tests.catalog.library import CUSTOMER, Library

ORDERS = "/bookstore/purchase/orders"
SECURITY = "/bookstore/auth/security"
OTHER = 8
PAID, REFUNDED = "bookstore.purchase.paid.v1", "bookstore.purchase.refunded.v1"


def purchase_event(
    purchase_id: int = 1,
    *book_ids: int,
    user: int = CUSTOMER,
    kind: str = PAID,
    revision: int = 2,
    sequence: int | None = None,
    **state: Any,
) -> Event:
    """An event of purchase about an order; keywords are further fields of its data."""
    items = [
        {"book_id": book_id, "title": "t", "quantity": 1, "unit_price_minor": 1}
        for book_id in book_ids or (1,)
    ]
    data = {"purchase_id": purchase_id, "user_id": user, "status": "Paid", "items": items}
    return Event(
        id=f"purchase-{purchase_id}-{revision}",
        source=ORDERS,
        type=kind,
        subject=f"purchase/{purchase_id}",
        sequence=purchase_id * 100 + revision if sequence is None else sequence,
        revision=revision,
        data=msgspec.json.encode({**data, **state}),
    )


def closed_account(user: int = CUSTOMER, *, sequence: int = 1, closed: bool = True) -> Event:
    return Event(
        id=f"access-{user}-{sequence}",
        source=SECURITY,
        type="bookstore.user.disabled.v1",
        subject=f"user/{user}",
        sequence=sequence,
        revision=sequence,
        data=msgspec.json.encode(
            {
                "user_id": user,
                "disabled": True,
                "tokens_not_before": "2026-03-14T09:00:00Z",
                "closed": closed,
            }
        ),
    )


async def buy(library: Library, *users: int, book_id: int = 1) -> None:
    """Let users have bought a book."""
    for user in users:
        event = purchase_event(user * 1000 + book_id, book_id, user=user)
        assert (await library.deliver(event)).status_code == 202


async def post(
    library: Library, rating: int = 4, *, user: int = CUSTOMER, book_id: int = 1, **more: Any
) -> httpx.Response:
    return await library.call(
        "POST", f"/books/{book_id}/reviews", {"rating": rating, **more}, user=user
    )


async def posted(
    library: Library, rating: int = 4, *, user: int = CUSTOMER, book_id: int = 1, **more: Any
) -> int:
    """The id of a new review by somebody who has bought the book."""
    await buy(library, user, book_id=book_id)
    response = await post(library, rating, user=user, book_id=book_id, **more)
    assert response.status_code == 201, response.text
    review_id: int = response.json()["review_id"]
    return review_id


async def edit(
    library: Library, review_id: int, *, user: int = CUSTOMER, **changes: Any
) -> httpx.Response:
    return await library.call("PATCH", f"/reviews/{review_id}", changes, user=user, if_match="*")


async def listed(library: Library, query: str = "", *, book_id: int = 1) -> list[dict[str, Any]]:
    """The public list of a book's reviews."""
    response = await library.get(f"/books/{book_id}/reviews?{query}")
    assert response.status_code == 200, response.text
    reviews: list[dict[str, Any]] = response.json()
    return reviews


async def ratings(library: Library, book_id: int = 1) -> tuple[int | None, int, list[int]]:
    """The average in hundredths, the number and the stars that the book shows."""
    book = (await library.get(f"/books/{book_id}")).json()
    return book["rating_hundredths"], book["reviews_count"], book["ratings_by_stars"]


async def counted(library: Library, book_id: int = 1) -> list[int]:
    """The stars of a book's published reviews, counted anew."""
    rows = await query(
        library,
        "SELECT rating FROM reviews WHERE book_id = {} AND state = 'published'",
        book_id,
    )
    stars = [row["rating"] for row in rows]
    return [stars.count(each) for each in (1, 2, 3, 4, 5)]


async def query(library: Library, sql: str, *values: Any) -> list[Row]:
    rows: list[Row] = (await library.database.execute(QueryString(sql, *values))).rows
    return rows


async def review_events(library: Library) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = (await library.feed("reviews")).json()
    return events
