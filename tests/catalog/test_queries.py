import pytest

from functions.catalog.queries import Sample


@pytest.mark.parametrize(
    ("books", "found", "with_each", "is_near"),
    [
        (10_000, 0, (34,), False),
        (10_000, 34, (34,), True),
        (10_000, 1, (1,), False),
        (1_000_000, 1, (2,), False),
        (1_000_000, 1, (3,), True),
        (10_000, 6, (34, 34), True),
        (10_000, 5, (34, 34), False),
        (1_000_000, 1, (34, 34), True),
        (1_000_000, 0, (34, 34), False),
        # Of the common word's books, a filter lets few through.
        (10_000, 2, (120,), True),
        (10_000, 1, (120,), False),
    ],
)
def test_a_page_is_near_where_a_scan_reads_fewer_books_than_the_index(
    books: int, found: int, with_each: tuple[int, ...], is_near: bool
) -> None:
    """A sample of 200 with n matches fills a page of 51 after 51 * 200 / n books."""
    assert Sample(books, 200, found, with_each).is_page_near(51) == is_near


def test_an_empty_sample_is_never_near() -> None:
    """Without books no page is near, and nothing is divided by zero."""
    assert not Sample(0, 0, 0, (0,)).is_page_near(51)
