"""Read and search books; public."""

from decimal import Decimal
from typing import Annotated

from litestar import Response, get
from litestar.params import FromPath, QueryParameter

from functions.catalog import queries
from functions.catalog.controllers.answers import (
    CACHE,
    NOT_MODIFIED_RESPONSE,
    cached,
    unless_known,
)
from functions.catalog.domain.listing import IDS, MAX_IDS, Filters, Sort
from functions.catalog.response_cache import CachedAnswer
from functions.catalog.schemas import BookView, Facets, Suggestion
from functions.catalog.services import services_of
from functions.kit.base.fields import NO_CONTROLS
from functions.kit.base.money import MAX_ID
from functions.kit.http.operations import ETAG, IF_MATCH, IF_NONE_MATCH, Link, described
from functions.kit.http.pagination import After, Limit, link_to_next
from functions.kit.http.problems import problems
from functions.kit.http.requests import AnyRequest
from functions.kit.http.responses import JSONResponse, encode
from functions.kit.http.shared_parameters import with_parameters_of

Words = Annotated[
    str | None,
    QueryParameter(
        max_length=200,
        pattern=NO_CONTROLS,
        description="Each word begins one of the title or the author: `harr pott` finds Harry"
        " Potter. Accents, case and punctuation do not count: `spiderman` finds Spider-Man."
        " An ISBN is found too, of 10 or 13 digits, with or without hyphens.",
    ),
]
Isbn = Annotated[
    str | None,
    QueryParameter(
        description="ISBN of 10 or 13 digits, with or without hyphens",
        schema_extra={"format": "isbn"},
    ),
]
Author = Annotated[
    str | None,
    QueryParameter(
        max_length=200,
        pattern=NO_CONTROLS,
        description="Whole name of an author, in any order: `J.R.R. Tolkien`, `Tolkien, J.R.R.`;"
        " several with commas or semicolons",
    ),
]
Category = Annotated[str | None, QueryParameter(max_length=100, pattern=NO_CONTROLS)]
Language = Annotated[
    str | None,
    QueryParameter(
        description="ISO 639 code of the text's language: `es`, `en`; `eng` and `en-US` are `en`",
        schema_extra={"format": "language", "examples": ["es"]},
    ),
]
Price = Annotated[Decimal | None, QueryParameter(description="An amount, such as 12.50")]
InStock = Annotated[bool | None, QueryParameter(description="Whether there are copies left")]
SortName = Annotated[
    str, QueryParameter(schema_extra={"enum": [*Sort]}, description="What the list is sorted by")
]
SellerId = Annotated[
    int | None, QueryParameter(ge=1, le=MAX_ID, description="Only the books of this seller")
]
Ids = Annotated[
    str | None,
    QueryParameter(
        description=f"Only these books: up to {MAX_IDS} ids with commas between",
        schema_extra={"pattern": f"^{IDS}$"},
    ),
]


Typed = Annotated[
    str,
    QueryParameter(
        max_length=100,
        pattern=NO_CONTROLS,
        description="Beginnings of words of a title or an author, as in `q` of `GET /books`",
    ),
]


def search_filters(
    q: Words = None,
    isbn: Isbn = None,
    author: Author = None,
    category: Category = None,
    language: Language = None,
    min_price: Price = None,
    max_price: Price = None,
    in_stock: InStock = None,
    ids: Ids = None,
    seller: SellerId = None,
) -> Filters:
    """The filters of a search: the query parameters of every route that searches."""
    return Filters.parse(
        q=q,
        isbn=isbn,
        author=author,
        category=category,
        language=language,
        min_price=min_price,
        max_price=max_price,
        in_stock=in_stock,
        ids=ids,
        seller=seller,
    )


with_filters = with_parameters_of(filters=search_filters)

_IDENTITY = {"book_id": "$request.path.book_id", IF_MATCH.name: "$response.header.ETag"}


@get(
    "/books",
    responses={**NOT_MODIFIED_RESPONSE, **problems(400)},
    opt=described(request_headers=[IF_NONE_MATCH], response_headers=[ETAG]),
)
@with_filters
async def list_books(
    request: AnyRequest,
    filters: Filters,
    sort: SortName = Sort.ID,
    limit: Limit = 50,
    after: After = None,
) -> Response[list[BookView]]:
    """List the books on sale, page by page.

    `stock` is the stock that purchase had at `stock_as_of`; purchase alone decides a sale.
    """

    async def read() -> CachedAnswer:
        page = await queries.list_books(
            services_of(request).database, filters, Sort.parse(sort), after=after, limit=limit
        )
        headers = {**CACHE, "etag": page.etag, **link_to_next(request, page.cursor)}
        return CachedAnswer(headers, lambda: encode(page.books()))

    return await cached(request, read, services_of(request).answers)


@get(
    "/books/facets",
    responses={**NOT_MODIFIED_RESPONSE, **problems(400)},
    opt=described(request_headers=[IF_NONE_MATCH], response_headers=[ETAG]),
)
@with_filters
async def count_facets(
    request: AnyRequest,
    filters: Filters,
) -> Response[Facets]:
    """How many books a search finds, and how many each further filter would leave.

    Each facet is counted under all filters but its own. The most frequent values are listed, and
    the one that is asked for. Where `exact` is false, the numbers are estimated from a sample.
    """

    async def read() -> CachedAnswer:
        return CachedAnswer.of(
            await queries.count_facets(services_of(request).database, filters), CACHE
        )

    return await cached(request, read, services_of(request).counts)


@get(
    "/books/suggestions",
    responses={**NOT_MODIFIED_RESPONSE, **problems(400)},
    opt=described(request_headers=[IF_NONE_MATCH], response_headers=[ETAG]),
)
async def suggest(request: AnyRequest, q: Typed) -> Response[list[Suggestion]]:
    """Authors and titles that complete what somebody types; up to ten, popular ones first."""

    async def read() -> CachedAnswer:
        return CachedAnswer.of(await queries.suggest(services_of(request).database, q), CACHE)

    return await cached(request, read, services_of(request).counts)


@get(
    "/books/{book_id:int}",
    responses={**NOT_MODIFIED_RESPONSE, **problems(404, 410)},
    opt=described(
        request_headers=[IF_NONE_MATCH],
        response_headers=[ETAG],
        links={"change": Link("PATCH /books/{book_id}", _IDENTITY)},
    ),
)
async def get_book(request: AnyRequest, book_id: FromPath[int]) -> Response[BookView]:
    """Read a book. Its ETag is the `If-Match` of `PATCH` and `PUT`."""
    book, version = await queries.get_book(services_of(request).database, book_id)
    response = JSONResponse(book, headers={**CACHE, "etag": version.etag})
    return unless_known(request, version.etag, response)


HANDLERS = (list_books, count_facets, suggest, get_book)
