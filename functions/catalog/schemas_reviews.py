"""Request and response bodies of reviews."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Self

import msgspec
from msgspec import UNSET, Meta, UnsetType

from functions.catalog.domain.ratings import MAX_STARS, MIN_STARS
from functions.catalog.domain.reviews import (
    AT,
    MAX_NOTE,
    MAX_REVIEWER,
    MAX_TEXT,
    ReportReason,
    Review,
    ReviewContent,
)
from functions.kit.base.fields import NOT_BLANK, Strict, line, prose

Stars = Annotated[int, Meta(ge=MIN_STARS, le=MAX_STARS, description="Stars, 1 to 5")]
ReviewText = Annotated[
    str, Meta(description="Plain text of several lines; null for a rating without words")
]
Reviewer = Annotated[
    str, Meta(description="The name that everybody sees; null: the review has no name")
]


_REVIEWER: dict[str, Any] = {"properties": {"reviewer": {"not": {"pattern": AT}}}}
"""An email address is refused."""


class ReviewView(msgspec.Struct, frozen=True, kw_only=True):
    """A review in responses. It has neither the account of its author nor an email address."""

    id: int
    book_id: int
    rating: int
    """Stars, 1 to 5."""
    text: str | None
    reviewer: str | None
    """The name that its author shows; null: none."""
    state: str
    """`published`, or `hidden` by staff: then its author and staff alone see it."""
    hidden_reason: str | None
    created_at: datetime
    edited_at: datetime | None

    @classmethod
    def of(cls, review: Review) -> Self:
        return cls(**_members(review))


class OwnReviewView(ReviewView, frozen=True, kw_only=True):
    """A review in the list of its author."""

    book_title: str

    @classmethod
    def of_book(cls, review: Review, book_title: str) -> Self:
        return cls(**_members(review), book_title=book_title)


class ReviewingView(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the caller may review a book, and the review that the caller has written."""

    bought: bool
    """Whether the caller has bought the book and was not refunded."""
    review: ReviewView | None


class ReportView(msgspec.Struct, frozen=True, kw_only=True):
    reason: str
    note: str | None
    created_at: datetime


class ModeratedReviewView(ReviewView, frozen=True, kw_only=True):
    """A review in the list of staff."""

    book_title: str
    user_id: int
    """The account of its author."""
    open_reports: int
    """Reports that staff have not decided on."""
    reports: list[ReportView]
    """These reports, the newest first; of very many, the newest ones."""

    @classmethod
    def of_row(
        cls, review: Review, book_title: str, open_reports: int, reports: list[ReportView]
    ) -> Self:
        return cls(
            **_members(review),
            book_title=book_title,
            user_id=review.user_id,
            open_reports=open_reports,
            reports=reports,
        )


def _members(review: Review) -> dict[str, Any]:
    return {
        "id": review.id,
        "book_id": review.book_id,
        "rating": review.content.rating,
        "text": review.content.text,
        "reviewer": review.content.reviewer,
        "state": str(review.state),
        "hidden_reason": review.hidden_reason,
        "created_at": review.created_at,
        "edited_at": review.edited_at,
    }


class NewReview(Strict, frozen=True, kw_only=True):
    rating: Stars
    text: Annotated[ReviewText, prose(MAX_TEXT)] | None = None
    reviewer: Annotated[Reviewer, line(MAX_REVIEWER, blank=True)] | None = None

    described: ClassVar[dict[str, Any]] = _REVIEWER
    example: ClassVar[dict[str, Any]] = {
        "rating": 5,
        "text": "Se lee de muchas maneras, y todas valen la pena.",
        "reviewer": "Úrsula",
    }

    def content(self) -> ReviewContent:
        """Raises `InvalidInput`, which names every invalid field."""
        return ReviewContent.checked(rating=self.rating, text=self.text, reviewer=self.reviewer)


class ReviewChanges(Strict, frozen=True, kw_only=True):
    """A JSON merge patch (RFC 7396): null empties a field, omitted members are not changed."""

    rating: Stars | UnsetType = UNSET
    text: Annotated[ReviewText, prose(MAX_TEXT)] | UnsetType | None = UNSET
    reviewer: Annotated[Reviewer, line(MAX_REVIEWER, blank=True)] | UnsetType | None = UNSET

    described: ClassVar[dict[str, Any]] = _REVIEWER
    example: ClassVar[dict[str, Any]] = {"rating": 4}

    def applied_to(self, content: ReviewContent) -> ReviewContent:
        """Raises `InvalidInput`, which names every invalid field."""
        return ReviewContent.checked(
            rating=content.rating if self.rating is UNSET else self.rating,
            text=content.text if self.text is UNSET else self.text,
            reviewer=content.reviewer if self.reviewer is UNSET else self.reviewer,
        )


class NewReport(Strict, frozen=True, kw_only=True):
    """Why staff should look at a review."""

    reason: ReportReason
    note: Annotated[str, line(MAX_NOTE, blank=True)] | None = None

    example: ClassVar[dict[str, Any]] = {"reason": "spam", "note": "Es publicidad."}


class HidingReason(Strict, frozen=True, kw_only=True):
    reason: Annotated[str, line(MAX_NOTE)]
    """The author of the review reads it."""

    described: ClassVar[dict[str, Any]] = {"properties": {"reason": {"pattern": NOT_BLANK}}}
    example: ClassVar[dict[str, Any]] = {"reason": "Insulta a otras personas."}


class ReviewPosted(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    review_id: int


class ReviewWritten(msgspec.Struct, frozen=True, kw_only=True):
    message: str
