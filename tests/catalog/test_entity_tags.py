import contextlib
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.catalog.domain.books import Book, BookDetails
from functions.catalog.domain.ratings import Ratings
from functions.catalog.domain.stock import KnownStock
from functions.catalog.entity_tags import Version, parse_precondition
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
OTHER_RATINGS = (replace(BOOK, ratings=Ratings(stars_5=1)), replace(BOOK, ratings=Ratings(1)))
"""Each is another version, most of the same revision: a restored past may have them."""
OTHER_STOCKS = (
    None,
    KnownStock(8, 3, NOW),
    KnownStock(7, 4, NOW),
    KnownStock(7, 3, NOW + timedelta(seconds=1)),
)


@given(numbers, numbers, numbers)
def test_if_match_compares_the_books_revision_only(revision: int, stock: int, later: int) -> None:
    """Another revision of the book is refused, whichever stock the tag names."""
    book = replace(BOOK, revision=revision)
    seen = parse_precondition(Version.of(book, KnownStock(stock, 3, NOW)).etag)
    seen.check(book)

    if later != revision:
        with pytest.raises(PreconditionFailed):
            seen.check(replace(BOOK, revision=later))


@pytest.mark.parametrize("other", OTHERS)
def test_another_content_of_the_same_revision_is_refused(other: Book) -> None:
    """A restored database may have other content at the same revision."""
    seen = parse_precondition(Version.of(BOOK, STOCK).etag)

    with pytest.raises(PreconditionFailed):
        seen.check(other)


def test_every_member_of_a_book_changes_its_tag() -> None:
    """Each other book and each other stock has an ETag of its own."""
    tags = {Version.of(BOOK, stock).etag for stock in (STOCK, *OTHER_STOCKS)}
    tags |= {Version.of(book, STOCK).etag for book in (*OTHERS, *OTHER_RATINGS)}

    assert len(tags) == 1 + len(OTHER_STOCKS) + len(OTHERS) + len(OTHER_RATINGS)


@pytest.mark.parametrize("other", OTHER_RATINGS)
def test_a_review_does_not_change_the_version_that_staff_write_over(other: Book) -> None:
    """As a sale does not."""
    parse_precondition(Version.of(BOOK, STOCK).etag).check(other)


def test_the_previous_release_reads_present_tags() -> None:
    """During a canary both run; the previous one compares the number in the middle."""
    tag = Version.of(BOOK, STOCK).etag.strip('"')
    match = re.fullmatch(r"[0-9]{1,9}\.([0-9]{1,19})\.[0-9]{1,19}", tag)

    assert match is not None
    assert int(match[1]) == BOOK.revision


@pytest.mark.parametrize("tag", ['"x"', '"1.2"', 'W/"1.2.3"', '"1.2.3.4"', '"1.2.-3"', '""'])
def test_tags_of_another_form_match_nothing(tag: str) -> None:
    """Foreign and weak tags fail the precondition."""
    with pytest.raises(PreconditionFailed):
        parse_precondition(tag).check(BOOK)


def test_a_star_and_a_missing_header_match_any_version() -> None:
    """Neither restricts the version that is written over."""
    for if_match in ("*", None):
        parse_precondition(if_match).check(BOOK)


def test_a_required_precondition_must_be_sent() -> None:
    """A missing `If-Match` is refused where it is required."""
    with pytest.raises(PreconditionRequired):
        parse_precondition(None, required=True)


@given(st.text())
def test_any_if_match_is_parsed_or_refused(if_match: str) -> None:
    """Any header gives versions, any version, or `InvalidInput`."""
    with contextlib.suppress(InvalidInput):
        versions = parse_precondition(if_match).versions
        assert versions is None or all(each.revision >= 0 for each in versions)
