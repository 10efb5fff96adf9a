import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.catalog.domain.versions import Version, expected
from functions.kit.errors import InvalidInput, PreconditionFailed, PreconditionRequired

numbers = st.integers(0, 2**63 - 1)


@given(numbers, numbers, numbers)
def test_only_the_books_own_revision_is_asked_for(revision: int, stock: int, later: int) -> None:
    """Any other revision of the book is refused, whatever the stock's is."""
    seen = expected(Version(revision, stock).etag)
    seen.check(revision)

    if later != revision:
        with pytest.raises(PreconditionFailed):
            seen.check(later)


@given(numbers, numbers)
def test_either_part_makes_another_tag(revision: int, stock: int) -> None:
    tags = {
        Version(*parts).etag
        for parts in ((revision, stock), (revision + 1, stock), (revision, stock + 1))
    }

    assert len(tags) == 3


@pytest.mark.parametrize("tag", ['"x"', '"1.2"', 'W/"1.2.3"', '"1.2.3.4"', '"1.2.-3"', '""'])
def test_tags_of_others_match_nothing(tag: str) -> None:
    with pytest.raises(PreconditionFailed):
        expected(tag).check(2)


def test_a_star_and_none_match_anything() -> None:
    for if_match in ("*", None):
        expected(if_match).check(7)


def test_where_it_must_be_sent() -> None:
    with pytest.raises(PreconditionRequired):
        expected(None, required=True)


@given(st.text())
def test_no_header_surprises(if_match: str) -> None:
    """Some revisions, any, or a refusal."""
    with contextlib.suppress(InvalidInput):
        revisions = expected(if_match).revisions
        assert revisions is None or all(revision >= 0 for revision in revisions)
