import contextlib
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.catalog.domain.books import Book, BookDetails
from functions.catalog.domain.versions import KnownStock, Version, expected
from functions.kit.base.errors import InvalidInput, PreconditionFailed, PreconditionRequired

numbers = st.integers(0, 2**63 - 1)
NOW = datetime(2026, 3, 14, tzinfo=UTC)
DETAILS = BookDetails.checked(title="Rayuela", author="Julio Cortázar", price=Decimal("12.5"))
BOOK = Book(
    id=1,
    details=DETAILS,
    currency="USD",
    initial_stock=5,
    revision=4,
    retired=False,
    created_at=NOW,
    uid="",
)
STOCK = KnownStock(7, 3, NOW)
OTHERS = (
    replace(BOOK, revision=5),
    replace(BOOK, currency="EUR"),
    replace(BOOK, details=replace(DETAILS, title="Otra")),
    replace(BOOK, details=replace(DETAILS, author="Otra")),
    replace(BOOK, details=replace(DETAILS, description="")),
    replace(BOOK, details=replace(DETAILS, isbn="9780439023481")),
    replace(BOOK, details=replace(DETAILS, category="c")),
    replace(BOOK, details=replace(DETAILS, price_minor=1251)),
)
"""Each is another version, most of the same revision: a restored past may have them."""
OTHER_STOCKS = (
    None,
    KnownStock(8, 3, NOW),
    KnownStock(7, 4, NOW),
    KnownStock(7, 3, NOW + timedelta(seconds=1)),
)


@given(numbers, numbers, numbers)
def test_only_the_books_own_revision_is_asked_for(revision: int, stock: int, later: int) -> None:
    """Any other revision of the book is refused, whatever the stock's is."""
    book = replace(BOOK, revision=revision)
    seen = expected(Version.of(book, KnownStock(stock, 3, NOW)).etag)
    seen.check(book)

    if later != revision:
        with pytest.raises(PreconditionFailed):
            seen.check(replace(BOOK, revision=later))


@pytest.mark.parametrize("other", OTHERS)
def test_another_content_of_the_same_revision_is_refused(other: Book) -> None:
    """Who writes over it has not seen it."""
    seen = expected(Version.of(BOOK, STOCK).etag)

    with pytest.raises(PreconditionFailed):
        seen.check(other)


def test_whatever_is_shown_makes_another_tag() -> None:
    tags = {Version.of(BOOK, stock).etag for stock in (STOCK, *OTHER_STOCKS)}
    tags |= {Version.of(book, STOCK).etag for book in OTHERS}

    assert len(tags) == 1 + len(OTHER_STOCKS) + len(OTHERS)


def test_the_revision_before_reads_the_tags_of_this_one() -> None:
    """Both are at work during a canary; it looks at the number in the middle."""
    tag = Version.of(BOOK, STOCK).etag.strip('"')
    match = re.fullmatch(r"[0-9]{1,9}\.([0-9]{1,19})\.[0-9]{1,19}", tag)

    assert match is not None
    assert int(match[1]) == BOOK.revision


@pytest.mark.parametrize("tag", ['"x"', '"1.2"', 'W/"1.2.3"', '"1.2.3.4"', '"1.2.-3"', '""'])
def test_tags_of_others_match_nothing(tag: str) -> None:
    with pytest.raises(PreconditionFailed):
        expected(tag).check(BOOK)


def test_a_star_and_none_match_anything() -> None:
    for if_match in ("*", None):
        expected(if_match).check(BOOK)


def test_where_it_must_be_sent() -> None:
    with pytest.raises(PreconditionRequired):
        expected(None, required=True)


@given(st.text())
def test_no_header_surprises(if_match: str) -> None:
    """Some versions, any, or a refusal."""
    with contextlib.suppress(InvalidInput):
        versions = expected(if_match).versions
        assert versions is None or all(each.revision >= 0 for each in versions)
