"""catalog: reviews of books."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from functions.storefront.clients.service import Caller, ServiceClient


class Review(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    book_id: int
    rating: int
    """Stars, 1 to 5."""
    text: str | None = None
    reviewer: str | None = None
    """The name that its author shows."""
    state: str = "published"
    hidden_reason: str | None = None
    created_at: datetime
    edited_at: datetime | None = None
    book_title: str = ""
    """In lists of reviews of several books."""

    @property
    def hidden(self) -> bool:
        return self.state == "hidden"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    reason: str
    note: str | None = None
    created_at: datetime


class ModeratedReview(Review, frozen=True, kw_only=True):
    """A review as staff see it."""

    open_reports: int
    reports: list[Report]


class ReviewPage(msgspec.Struct, frozen=True):
    reviews: list[Review]
    next_cursor: str | None


class Reviewing(msgspec.Struct, frozen=True):
    """Whether a customer may review a book, and their own review of it."""

    bought: bool
    review: Review | None = None


class OwnReview(msgspec.Struct, frozen=True):
    reviewing: Reviewing
    etag: str
    """Of the review, to edit it; empty where there is none."""


class ReviewClient:
    def __init__(self, service: ServiceClient) -> None:
        self._service = service

    async def of_book(self, caller: Caller, book_id: int, chosen: Mapping[str, Any]) -> ReviewPage:
        """A page of published reviews; `chosen` are parameters of `GET /books/{id}/reviews`."""
        answer = await self._service.request(
            "GET", f"/books/{book_id}/reviews", caller=caller, params=chosen
        )
        return ReviewPage(answer.read(list[Review]), answer.next_cursor)

    async def one(self, caller: Caller, review_id: int) -> Review:
        """Raises `Refused` with 404."""
        answer = await self._service.request("GET", f"/reviews/{review_id}", caller=caller)
        return answer.read(Review)

    async def own(self, caller: Caller, book_id: int) -> OwnReview:
        """Raises `Refused`: 404, 410."""
        answer = await self._service.request("GET", f"/books/{book_id}/reviews/own", caller=caller)
        return OwnReview(answer.read(Reviewing), answer.headers.get("etag", ""))

    async def all_own(self, caller: Caller, *, after: str | None) -> ReviewPage:
        answer = await self._service.request(
            "GET", "/me/reviews", caller=caller, params={"limit": 20, "after": after}
        )
        return ReviewPage(answer.read(list[Review]), answer.next_cursor)

    async def post(
        self, caller: Caller, book_id: int, content: Mapping[str, object], *, key: str
    ) -> None:
        """Raises `Refused`: 400 with its fields, 403, 409, 410, 429."""
        await self._service.request(
            *("POST", f"/books/{book_id}/reviews"),
            caller=caller,
            body=content,
            headers={"idempotency-key": key},
        )

    async def edit(
        self, caller: Caller, review_id: int, content: Mapping[str, object], *, etag: str
    ) -> None:
        """Raises `Refused`: 400 with its fields, 404, 412, 429."""
        await self._service.request(
            *("PATCH", f"/reviews/{review_id}"),
            caller=caller,
            body=content,
            headers={"if-match": etag},
        )

    async def delete(self, caller: Caller, review_id: int) -> None:
        """Raises `Refused`: 404, 409."""
        await self._service.request("DELETE", f"/reviews/{review_id}", caller=caller)

    async def report(
        self, caller: Caller, review_id: int, *, reason: str, note: str | None
    ) -> None:
        """Raises `Refused`: 400 with its fields, 404, 409, 429."""
        await self._service.request(
            *("POST", f"/reviews/{review_id}/reports"),
            caller=caller,
            body={"reason": reason, "note": note},
        )

    async def to_moderate(
        self, caller: Caller, filters: Mapping[str, Any]
    ) -> tuple[list[ModeratedReview], str | None]:
        """A page of `GET /reviews`, and the cursor of the next one."""
        answer = await self._service.request("GET", "/reviews", caller=caller, params=filters)
        return answer.read(list[ModeratedReview]), answer.next_cursor

    async def hide(self, caller: Caller, review_id: int, *, reason: str) -> None:
        """Raises `Refused`: 400 with its fields, 404."""
        await self._service.request(
            *("POST", f"/reviews/{review_id}/hide"),
            caller=caller,
            body={"reason": reason},
            repeatable=True,
        )

    async def restore(self, caller: Caller, review_id: int) -> None:
        """Raises `Refused`: 404."""
        await self._service.request(
            "POST", f"/reviews/{review_id}/restore", caller=caller, repeatable=True
        )
