"""Request and response bodies. Names are the original's where it had them. `price` is a number with
two decimals; `price_minor` has the same in minor units."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Annotated, Any, ClassVar, Literal, Self

import msgspec
from msgspec import UNSET, Meta, UnsetType

from functions.catalog.domain.books import (
    DETAILS,
    MAX_AUTHOR,
    MAX_CATEGORY,
    MAX_DESCRIPTION,
    MAX_RATING,
    MAX_RATINGS,
    MAX_STOCK,
    MAX_TITLE,
    MAX_YEAR,
    MIN_YEAR,
    Book,
)
from functions.catalog.domain.languages import MAX_LANGUAGE
from functions.catalog.domain.ratings import Ratings
from functions.catalog.domain.sellers import MAX_NAME
from functions.catalog.domain.stock import KnownStock
from functions.kit.base.fields import (
    NO_CONTROLS,
    NOT_BLANK,
    Id,
    Strict,
    UncheckedAmount,
    line,
    prose,
)
from functions.kit.http.responses import encode

# Blank values pass here: the domain refuses them together with the other errors of a book.
Title = Annotated[str, line(MAX_TITLE, blank=True)]
Author = Annotated[str, line(MAX_AUTHOR, blank=True)]
Description = Annotated[str, prose(MAX_DESCRIPTION)]
Isbn = Annotated[str, line(40, blank=True)]
Category = Annotated[str, line(MAX_CATEGORY, blank=True)]
Year = Annotated[
    int,
    Meta(
        ge=MIN_YEAR,
        le=MAX_YEAR,
        description="Year of the original publication; BCE is negative, and there is no year 0",
    ),
]
Language = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_LANGUAGE,
        pattern=NO_CONTROLS,
        description="ISO 639 code of the text's language; `eng` and `en-US` are stored as `en`",
    ),
]
Rating = Annotated[
    int,
    Meta(
        ge=0,
        le=MAX_RATING,
        description="Average rating elsewhere, in hundredths of a star: 434 is 4.34 of five",
    ),
]
RatingsCount = Annotated[
    int, Meta(ge=0, le=MAX_RATINGS, description="Ratings that `external_rating_hundredths` is of")
]
Stock = Annotated[int, Meta(ge=0, le=MAX_STOCK)]
ReadOnly = Annotated[
    Any,
    Meta(description="Ignored where it is as `GET /books/{book_id}` shows it, refused where not"),
]
NotHere = Annotated[
    Any,
    Meta(
        description="Ignored where it is as `GET /books/{book_id}` shows it; it is changed by"
        " purchase's `POST /inventory/{book_id}/adjustments`"
    ),
]

READ_ONLY = (
    *("id", "stock", "currency", "price_minor", "stock_revision", "stock_as_of"),
    *("rating_hundredths", "reviews_count", "ratings_by_stars", "seller_id", "seller_name"),
)
"""Members of a `BookView` that are computed, or that another service or customers change."""

_BOOK = {
    "isbn": {"format": "isbn"},
    "year": {"not": {"const": 0}},
    "language": {"format": "language"},
    # Litestar drops a minimum of 0 from a member that may be null or left out.
    "external_rating_hundredths": {"minimum": 0},
    "external_ratings_count": {"minimum": 0},
    **{name: {"pattern": NOT_BLANK} for name in ("title", "author", "category")},
}

_EXAMPLE = {"title": "Rayuela", "author": "Julio Cortázar", "price": 21.90, "category": "Novel"}


_details = attrgetter(*DETAILS)


class BookView(msgspec.Struct, frozen=True, kw_only=True):
    """A book in responses."""

    id: int
    title: str
    author: str
    description: str | None
    price: Decimal
    stock: int
    isbn: str | None
    category: str | None
    currency: str
    price_minor: int
    year: int | None
    language: str | None
    external_rating_hundredths: int | None
    external_ratings_count: int
    stock_revision: int
    """0 until purchase has reported a stock; `stock` is the initial one until then."""
    stock_as_of: datetime
    rating_hundredths: int | None
    """Average of the shop's own reviews: 434 is 4.34 of five stars; null without a review."""
    reviews_count: int
    """Published reviews of the shop's customers."""
    ratings_by_stars: list[int]
    """How many of these reviews give 1, 2, 3, 4 and 5 stars."""
    seller_id: int | None
    """The seller's user id; null for the shop's own books."""
    seller_name: str | None

    @classmethod
    def of(
        cls, book: Book, reported: KnownStock | None, seller_name: str | None, **more: Any
    ) -> Self:
        """`more` are the members that a subclass adds."""
        stock = KnownStock.of(book, reported)
        return cls(
            id=book.id,
            # dataclasses.asdict copies deeply, which a page of 50 books notices.
            **dict(zip(DETAILS, _details(book.details), strict=True)),
            price=book.details.price,
            currency=book.currency,
            stock=stock.available,
            stock_revision=stock.revision,
            stock_as_of=stock.as_of,
            rating_hundredths=book.ratings.average_hundredths,
            reviews_count=book.ratings.reviews,
            ratings_by_stars=list(book.ratings),
            seller_id=book.seller_id,
            seller_name=seller_name,
            **more,
        )

    def differing(self, sent: Mapping[str, Any]) -> list[str]:
        """Names of the sent members whose value is another one here."""
        present = msgspec.json.decode(encode(self))
        return [name for name, value in sent.items() if not _is_same(value, present[name])]


class ManagedBook(BookView, frozen=True, kw_only=True):
    """A book as staff see it."""

    retired: bool
    etag: str
    """The `If-Match` of a change of this version."""


class OwnBook(ManagedBook, frozen=True, kw_only=True):
    """A book in the list of its seller."""

    may_restore: bool
    """Whether the seller may bring it back: not where staff retired it."""


class NewBook(Strict, frozen=True, kw_only=True):
    title: Title
    author: Author
    price: UncheckedAmount
    description: Description | None = None
    isbn: Isbn | None = None
    category: Category | None = None
    year: Year | None = None
    language: Language | None = None
    external_rating_hundredths: Rating | None = None
    external_ratings_count: RatingsCount = 0
    stock: Stock = 0
    """The stock that purchase starts from."""

    described: ClassVar[dict[str, Any]] = {"properties": _BOOK}
    example: ClassVar[dict[str, Any]] = {
        **_EXAMPLE,
        "isbn": "9788437604947",
        "year": 1963,
        "language": "es",
        "stock": 5,
    }

    def details(self) -> dict[str, Any]:
        """The book's details, as arguments of `BookDetails.checked`."""
        return {
            name: value for name, value in msgspec.structs.asdict(self).items() if name != "stock"
        }


class BookChanges(Strict, frozen=True, kw_only=True):
    """A JSON merge patch (RFC 7396): null empties a field, omitted members are not changed.

    The body of `GET` is accepted too: read-only members are ignored where their value is the same.
    """

    title: Title | UnsetType = UNSET
    author: Author | UnsetType = UNSET
    price: UncheckedAmount | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    isbn: Isbn | UnsetType | None = UNSET
    category: Category | UnsetType | None = UNSET
    year: Year | UnsetType | None = UNSET
    language: Language | UnsetType | None = UNSET
    external_rating_hundredths: Rating | UnsetType | None = UNSET
    external_ratings_count: RatingsCount | UnsetType = UNSET
    id: ReadOnly = UNSET
    stock: NotHere = UNSET
    currency: ReadOnly = UNSET
    price_minor: ReadOnly = UNSET
    stock_revision: ReadOnly = UNSET
    stock_as_of: ReadOnly = UNSET
    rating_hundredths: ReadOnly = UNSET
    reviews_count: ReadOnly = UNSET
    ratings_by_stars: ReadOnly = UNSET
    seller_id: ReadOnly = UNSET
    seller_name: ReadOnly = UNSET

    described: ClassVar[dict[str, Any]] = {
        "properties": {**_BOOK, **{name: {"readOnly": True} for name in READ_ONLY}}
    }
    example: ClassVar[dict[str, Any]] = {"price": 14.50}

    def details(self) -> dict[str, Any]:
        """The book's details, as arguments of `BookDetails.checked`."""
        return {name: value for name, value in self._given() if name not in READ_ONLY}

    def read_only(self) -> dict[str, Any]:
        """The read-only members that the caller sent."""
        return {name: value for name, value in self._given() if name in READ_ONLY}

    def _given(self) -> Iterator[tuple[str, Any]]:
        return (
            (name, value)
            for name, value in msgspec.structs.asdict(self).items()
            if value is not UNSET
        )


def _is_same(one: object, other: object) -> bool:
    """Equality of JSON values: 1 is not true, and times are equal in any notation."""
    if type(one) is type(other) and one == other:
        return True
    try:
        return msgspec.convert(one, datetime) == msgspec.convert(other, datetime)
    except msgspec.ValidationError:
        return False


def sent_stock(sent: Mapping[str, Any]) -> KnownStock | None:
    """The stock that a caller sends back; None where a member is missing or malformed."""
    try:
        return KnownStock(
            msgspec.convert(sent.get("stock_revision"), int),
            msgspec.convert(sent.get("stock"), int),
            msgspec.convert(sent.get("stock_as_of"), Annotated[datetime, Meta(tz=True)]),
        )
    except msgspec.ValidationError:
        return None


def sent_ratings(sent: Mapping[str, Any]) -> Ratings | None:
    """The ratings that a caller sends back; None where they are missing or malformed."""
    try:
        return Ratings(
            *msgspec.convert(sent.get("ratings_by_stars"), tuple[int, int, int, int, int])
        )
    except msgspec.ValidationError:
        return None


class FacetValue(msgspec.Struct, frozen=True, kw_only=True):
    """A value of a filter, and how many books it leaves."""

    value: str
    count: int


class SellerCount(msgspec.Struct, frozen=True, kw_only=True):
    """A seller, and how many books the filter by them leaves."""

    value: int
    """The seller's id, as the filter `seller` takes it."""
    name: str
    count: int


class PriceRange(msgspec.Struct, frozen=True, kw_only=True):
    """Prices from `min_price` to `max_price`, both included, as the filters take them."""

    min_price: Decimal
    max_price: Decimal
    count: int


class StockCount(msgspec.Struct, frozen=True, kw_only=True):
    value: bool
    count: int


class Facets(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of the books that a search finds."""

    total: int
    """Books that meet every filter."""
    exact: bool
    """False where the search finds too many books to be counted: each number is then estimated from
    a random sample."""
    category: list[FacetValue]
    language: list[FacetValue]
    author: list[FacetValue]
    price: list[PriceRange]
    in_stock: list[StockCount]
    seller: list[SellerCount]
    """Sellers of the books that are found; the shop's own books have none."""


class Suggestion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A text that completes what was typed."""

    kind: Literal["author", "book"]
    text: str
    """Name of the author, or title of the book."""
    author: str | None = None
    """Of a book."""
    book_id: int | None = None
    """Of a book."""


class BookAdded(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    book_id: int


class BookWritten(msgspec.Struct, frozen=True, kw_only=True):
    message: str


class SellerName(Strict, frozen=True, kw_only=True):
    name: Annotated[str, line(MAX_NAME)]
    """As the shop shows it: "Sold by ...". Two sellers do not have the same name."""

    example: ClassVar[dict[str, Any]] = {"name": "Librería El Ateneo"}


class SellerView(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    name: str


class BookSeller(Strict, frozen=True, kw_only=True):
    seller_id: Id | None
    """Null for the shop itself."""

    example: ClassVar[dict[str, Any]] = {"seller_id": None}


class LineReport(msgspec.Struct, frozen=True, kw_only=True):
    """An error or a warning about a line of a file."""

    line: int
    field: str
    """Empty where it concerns the whole line."""
    reason: str


class ImportReport(msgspec.Struct, kw_only=True):
    """The outcome of an import; `lines` = `created` + `updated` + `unchanged` + `refused`."""

    lines: int = 0
    """Records after the header."""
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0
    warned: int = 0
    """Lines that were accepted with a warning."""
    errors: list[LineReport] = []
    """Why lines were refused; the first thousand."""
    warnings: list[LineReport] = []
    """What was ignored of accepted lines; the first thousand."""
    truncated: bool = False
    """Whether more errors or warnings occurred than are listed."""
    unused_columns: list[str] = []
    """Columns of the file that were ignored."""
