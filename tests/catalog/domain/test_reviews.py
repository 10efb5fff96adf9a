import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.catalog.domain.reviews import (
    MAX_REVIEWER,
    MAX_TEXT,
    Review,
    ReviewContent,
    ReviewState,
    checked_note,
    checked_reason,
)
from functions.catalog.errors import ReviewHidden
from functions.kit.base.errors import InvalidInput

NOW = datetime(2026, 3, 14, tzinfo=UTC)
CONTENT = ReviewContent.checked(rating=4, text="Sí", reviewer="Ana")
REVIEW = Review.post(1, 7, CONTENT, NOW)


def checked(rating: int = 3, text: str | None = None, reviewer: str | None = None) -> ReviewContent:
    return ReviewContent.checked(rating=rating, text=text, reviewer=reviewer)


@given(st.text(max_size=MAX_TEXT + 100), st.text(max_size=MAX_REVIEWER + 10))
def test_what_is_stored_is_normalized_and_bounded(text: str, reviewer: str) -> None:
    """Composed Unicode that is accepted again as it is, or a refusal that names the field."""
    try:
        content = checked(text=text, reviewer=reviewer)
    except InvalidInput as refusal:
        content = ReviewContent(rating=3, text=None, reviewer=None)
        refused = {each.field for each in refusal.errors}
    else:
        refused = set()

    assert refused <= {"text", "reviewer"}
    assert checked(text=content.text, reviewer=content.reviewer) == content
    for stored, most in ((content.text, MAX_TEXT), (content.reviewer, MAX_REVIEWER)):
        assert stored is None or 0 < len(stored) <= most
        assert stored is None or unicodedata.is_normalized("NFC", stored)


@pytest.mark.parametrize("blank", [None, "", " ", "\n\n", "\u200b", "\u2800"])
def test_blank_texts_are_none(blank: str | None) -> None:
    """A rating needs no words."""
    assert checked(text=blank).text is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rating", 0),
        ("rating", 6),
        ("text", "a\x00"),
        ("text", "x" * (MAX_TEXT + 1)),
        ("text", "\u0958" * MAX_TEXT),
        ("reviewer", "ana@example.org"),
        ("reviewer", "ana\uff20example.org"),
        ("reviewer", "ana\ufe6bexample.org"),
        ("reviewer", "x" * (MAX_REVIEWER + 1)),
        ("reviewer", "a\nb"),
    ],
)
def test_a_field_that_breaks_a_rule_is_named(field: str, value: object) -> None:
    """Others are read all the same, so that every error is named at once."""
    with pytest.raises(InvalidInput) as refused:
        ReviewContent.checked(**{"rating": 3, "text": None, "reviewer": None, field: value})  # type: ignore[arg-type]

    assert [each.field for each in refused.value.errors] == [field]


def test_every_error_is_named_at_once() -> None:
    """Nobody sends a form three times to learn three rules."""
    with pytest.raises(InvalidInput) as refused:
        checked(rating=9, text="\x07", reviewer="a@b")

    assert [each.field for each in refused.value.errors] == ["rating", "text", "reviewer"]


def test_only_what_changes_a_review_has_a_revision() -> None:
    """The same content, the same reason, a published one restored: the review itself."""
    hidden = REVIEW.hide("spam")

    assert REVIEW.edit(CONTENT, NOW) is REVIEW
    assert REVIEW.restore() is REVIEW
    assert hidden.hide("spam") is hidden
    assert [hidden.revision, hidden.restore().revision, hidden.remove().revision] == [2, 3, 3]


def test_a_hidden_review_counts_nothing_and_stays_hidden_when_edited() -> None:
    """Its author may not delete it, or could write it anew."""
    edited = REVIEW.hide("spam").edit(checked(5), NOW + timedelta(days=1))

    assert (edited.state, edited.counted_stars) == (ReviewState.HIDDEN, None)
    assert edited.restore().counted_stars == 5
    with pytest.raises(ReviewHidden):
        edited.check_removable_by_author()


def test_a_note_is_one_line() -> None:
    """Blank ones are none."""
    assert checked_note("  a  b ") == "a b"
    assert checked_note(" \u200b ") is None
    with pytest.raises(InvalidInput) as refused:
        checked_note("a\x00")
    assert [each.field for each in refused.value.errors] == ["note"]


@pytest.mark.parametrize("why", ["", "  ", "\u200b", "a\x00", "x" * 501])
def test_staff_give_a_reason(why: str) -> None:
    """Its author reads it, so it must show something."""
    with pytest.raises(InvalidInput) as refused:
        checked_reason(why)

    assert [each.field for each in refused.value.errors] == ["reason"]
