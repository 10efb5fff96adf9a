"""A review of a book by somebody who bought it here, and what its author and staff may do."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Self

from functions.catalog.domain.books import one_line, prose
from functions.catalog.domain.field_checks import FieldChecks, reason
from functions.catalog.domain.ratings import MAX_STARS, MIN_STARS
from functions.catalog.errors import ReviewHidden
from functions.kit.base.characters import is_visible
from functions.kit.base.errors import FieldError, InvalidInput, Text
from functions.kit.base.language import listed

MAX_TEXT = 4000
MAX_REVIEWER = 60
MAX_NOTE = 500
"""Of a report, and of the reason why staff hide a review."""

AT = "[@\uff20\ufe6b]"
"""A pattern of the sign of an email address, also as keyboards of East Asia type it."""
_AT = re.compile(AT)


class ReviewState(StrEnum):
    PUBLISHED = "published"
    HIDDEN = "hidden"
    """By staff: its author and staff still see it, and it is not counted."""
    REMOVED = "removed"
    """Of an event: the review is deleted. No stored review has this state."""


class ReportReason(StrEnum):
    SPAM = "spam"
    OFFENSIVE = "offensive"
    OFF_TOPIC = "off-topic"
    PRIVATE = "private"
    """It has personal data of somebody."""
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewContent:
    """What the author of a review writes; constructed by `checked` only."""

    rating: int
    """Stars, 1 to 5."""
    text: str | None
    """None for a rating without words."""
    reviewer: str | None
    """The name that the author shows with the review; None: no name is shown."""

    @classmethod
    def checked(cls, *, rating: int, text: str | None, reviewer: str | None) -> Self:
        """Normalized: composed Unicode, no blanks around it; blank texts become None.

        Raises `InvalidInput`, which names every invalid field.
        """
        checks = FieldChecks()
        read = checks.read
        content = cls(
            rating=read("rating", lambda: _stars(rating), MIN_STARS),
            text=read("text", lambda: text and prose(text, MAX_TEXT), None) or None,
            reviewer=read("reviewer", lambda: _name(reviewer), None),
        )
        checks.refuse()
        return content


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A review at a revision. `id` is 0 until it is stored."""

    id: int = 0
    book_id: int
    user_id: int
    content: ReviewContent
    state: ReviewState
    hidden_reason: str | None
    """Why staff have hidden it, for its author."""
    revision: int
    created_at: datetime
    edited_at: datetime | None

    @classmethod
    def post(cls, book_id: int, user_id: int, content: ReviewContent, now: datetime) -> Self:
        return cls(
            book_id=book_id,
            user_id=user_id,
            content=content,
            state=ReviewState.PUBLISHED,
            hidden_reason=None,
            revision=1,
            created_at=now,
            edited_at=None,
        )

    @property
    def counted_stars(self) -> int | None:
        """Its stars where they count in the ratings of its book."""
        return self.content.rating if self.state is ReviewState.PUBLISHED else None

    def edit(self, content: ReviewContent, now: datetime) -> "Review":
        """With other content; the review itself where it is the same. A hidden one stays so."""
        if content == self.content:
            return self
        return replace(self, content=content, edited_at=now, revision=self.revision + 1)

    def hide(self, why: str) -> "Review":
        """The review itself where it is hidden for the same reason."""
        if self.state is ReviewState.HIDDEN and self.hidden_reason == why:
            return self
        return replace(
            self, state=ReviewState.HIDDEN, hidden_reason=why, revision=self.revision + 1
        )

    def restore(self) -> "Review":
        """The review itself where it is published."""
        if self.state is ReviewState.PUBLISHED:
            return self
        return replace(
            self, state=ReviewState.PUBLISHED, hidden_reason=None, revision=self.revision + 1
        )

    def remove(self) -> "Review":
        return replace(self, state=ReviewState.REMOVED, revision=self.revision + 1)

    def check_removable_by_author(self) -> None:
        """Raises `ReviewHidden`: otherwise its author could write what was hidden once more."""
        if self.state is ReviewState.HIDDEN:
            raise ReviewHidden(
                Text(
                    "La tienda ha ocultado esta reseña. Corríjala y la tienda podrá publicarla; se"
                    " borra con su cuenta.",
                    "The shop has hidden this review. Edit it, and the shop can publish it"
                    " again; it is deleted with your account.",
                )
            )


def checked_note(note: str | None) -> str | None:
    """The line that somebody adds to a report; None where it renders nothing.

    Raises `InvalidInput`.
    """
    return _one_line("note", note) if note and is_visible(note) else None


def checked_reason(why: str) -> str:
    """Why staff hide a review. Raises `InvalidInput`, also where it renders nothing."""
    return _one_line("reason", why)


def _one_line(field: str, text: str) -> str:
    try:
        return one_line(text, MAX_NOTE)
    except ValueError as error:
        why = reason(error)
        raise InvalidInput(listed([(field, why)]), errors=[FieldError(field, why)]) from error


def _stars(rating: int) -> int:
    if not MIN_STARS <= rating <= MAX_STARS:
        raise ValueError(
            Text(
                f"debe ser de {MIN_STARS} a {MAX_STARS} estrellas",
                f"must be {MIN_STARS} to {MAX_STARS} stars",
            )
        )
    return rating


def _name(reviewer: str | None) -> str | None:
    if not reviewer or not is_visible(reviewer):
        return None
    if _AT.search(reviewer):
        raise ValueError(
            Text(
                "no debe ser una dirección de correo: todo el mundo lo ve",
                "must not be an email address: everybody sees it",
            )
        )
    return one_line(reviewer, MAX_REVIEWER)
