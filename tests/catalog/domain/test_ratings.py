import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.catalog.domain.ratings import Ratings

stars = st.integers(1, 5)


def ratings_of(given_stars: list[int]) -> Ratings:
    ratings = Ratings()
    for each in given_stars:
        ratings = ratings.changed(None, each)
    return ratings


@given(st.lists(stars, max_size=200))
def test_the_average_is_that_of_the_reviews(given_stars: list[int]) -> None:
    """Rounded half up to hundredths; None without a review."""
    ratings = ratings_of(given_stars)
    expected = int(sum(given_stars) * 100 / len(given_stars) + 0.5) if given_stars else None

    assert (ratings.reviews, ratings.average_hundredths) == (len(given_stars), expected)


@given(st.lists(stars, min_size=1), st.data())
def test_a_change_is_a_removal_and_an_addition(given_stars: list[int], data: st.DataObject) -> None:
    """The order of changes does not matter."""
    before = data.draw(st.sampled_from(given_stars))
    after = data.draw(st.none() | stars)
    others = list(given_stars)
    others.remove(before)

    assert ratings_of(given_stars).changed(before, after) == ratings_of(
        others + ([] if after is None else [after])
    )


def test_a_review_that_is_not_counted_cannot_be_removed() -> None:
    """It would make a count negative."""
    with pytest.raises(ValueError, match="4 stars"):
        Ratings(stars_5=1).changed(4, None)


@given(st.lists(stars, min_size=1, max_size=50), stars)
def test_the_order_grows_with_better_reviews(given_stars: list[int], index: int) -> None:
    """One star more for one review never puts a book further back; any review is before none."""
    worst = sorted(given_stars)
    better = [min(worst[0] + index, 5), *worst[1:]]

    assert 0 < ratings_of(worst).order <= ratings_of(better).order <= 5000


def test_many_good_reviews_come_before_one_that_is_perfect() -> None:
    """A few reviews say less than many."""
    assert Ratings(stars_5=180, stars_4=20).order > Ratings(stars_5=1).order
    assert Ratings().order == 0
