"""The ratings of a book's published reviews: how many gave each number of stars."""

from typing import NamedTuple

MIN_STARS, MAX_STARS = 1, 5

NOTIONAL_REVIEWS = 5
NOTIONAL_STARS = 3
"""`Ratings.order` adds this many reviews of this many stars."""


class Ratings(NamedTuple):
    """Published reviews of a book, counted by their stars."""

    stars_1: int = 0
    stars_2: int = 0
    stars_3: int = 0
    stars_4: int = 0
    stars_5: int = 0

    @property
    def reviews(self) -> int:
        return sum(self)

    @property
    def total_stars(self) -> int:
        return sum(stars * reviews for stars, reviews in enumerate(self, MIN_STARS))

    @property
    def average_hundredths(self) -> int | None:
        """The average, rounded half up, in hundredths of a star; None without a review."""
        if not self.reviews:
            return None
        return (200 * self.total_stars + self.reviews) // (2 * self.reviews)

    @property
    def order(self) -> int:
        """What books are sorted by: a damped average in thousandths; 0 without a review.

        A few reviews say less than many, so that one review of five stars does not put a book
        before another with an average of 4.8 by two hundred people.
        """
        if not self.reviews:
            return 0
        stars = self.total_stars + NOTIONAL_REVIEWS * NOTIONAL_STARS
        return 1000 * stars // (self.reviews + NOTIONAL_REVIEWS)

    def changed(self, before: int | None, after: int | None) -> "Ratings":
        """The ratings after one review changed its stars; None: it was not, or is not, published.

        Raises `ValueError` where no review had the stars `before`.
        """
        counts = list(self)
        if before is not None:
            counts[before - MIN_STARS] -= 1
        if after is not None:
            counts[after - MIN_STARS] += 1
        if min(counts) < 0:
            raise ValueError(f"no review of {before} stars is counted")
        return Ratings(*counts)


NO_RATINGS = Ratings()
