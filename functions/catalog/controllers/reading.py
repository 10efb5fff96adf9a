"""Read and search books; public."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from litestar import MediaType, Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from functions.catalog import queries
from functions.catalog.domain.listing import IDS, MAX_IDS, Filters, Sort
from functions.catalog.response_cache import CachedPage
from functions.catalog.schemas import BookView
from functions.catalog.services import services_of
from functions.kit.base.fields import NO_CONTROLS
from functions.kit.http.etags import not_modified
from functions.kit.http.operations import ETAG, IF_MATCH, IF_NONE_MATCH, Link, described
from functions.kit.http.pagination import After, Limit, link_to_next
from functions.kit.http.problems import problems
from functions.kit.http.requests import AnyRequest
from functions.kit.http.responses import JSONResponse

# Caches must revalidate each time, since the stock changes often. Refusals depend on
# Accept-Language.
CACHE = {"cache-control": "no-cache", "vary": "Accept-Language"}

_NOT_MODIFIED_RESPONSE = {304: ResponseSpec(None, description="What you have is still so")}

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
Price = Annotated[Decimal | None, QueryParameter(description="An amount, such as 12.50")]
InStock = Annotated[bool | None, QueryParameter(description="Whether there are copies left")]
SortName = Annotated[
    str, QueryParameter(schema_extra={"enum": [*Sort]}, description="What the list is sorted by")
]
Ids = Annotated[
    str | None,
    QueryParameter(
        description=f"Only these books: up to {MAX_IDS} ids with commas between",
        schema_extra={"pattern": f"^{IDS}$"},
    ),
]


_IDENTITY = {"book_id": "$request.path.book_id", IF_MATCH.name: "$response.header.ETag"}


@get(
    "/books",
    responses={**_NOT_MODIFIED_RESPONSE, **problems(400)},
    opt=described(takes=[IF_NONE_MATCH], gives=[ETAG]),
)
async def list_books(
    request: AnyRequest,
    q: Words = None,
    isbn: Isbn = None,
    author: Author = None,
    category: Category = None,
    min_price: Price = None,
    max_price: Price = None,
    in_stock: InStock = None,
    ids: Ids = None,
    sort: SortName = Sort.ID,
    limit: Limit = 50,
    after: After = None,
) -> Response[list[BookView]]:
    """Books that are sold, page by page.

    `stock` is what purchase said at `stock_as_of`; a sale is decided by purchase alone.
    """
    filters = Filters.parse(
        q=q,
        isbn=isbn,
        author=author,
        category=category,
        min_price=min_price,
        max_price=max_price,
        in_stock=in_stock,
        ids=ids,
    )
    known = request.headers.get("if-none-match")

    async def read() -> CachedPage:
        page = await queries.list_books(
            services_of(request).database, filters, Sort.parse(sort), after=after, limit=limit
        )
        headers = {**CACHE, "etag": page.etag, **link_to_next(request, page.cursor)}
        return CachedPage(page, headers)

    cached = await services_of(request).pages.get(request.scope["query_string"], read)
    if not_modified(known, cached.etag):
        return _not_modified(cached.headers)
    body: Any = cached.body
    return JSONResponse(body, media_type=MediaType.JSON, headers=cached.headers)


@get(
    "/books/{book_id:int}",
    responses={**_NOT_MODIFIED_RESPONSE, **problems(404, 410)},
    opt=described(
        takes=[IF_NONE_MATCH],
        gives=[ETAG],
        leads_to={"change": Link("PATCH /books/{book_id}", _IDENTITY)},
    ),
)
async def get_book(request: AnyRequest, book_id: FromPath[int]) -> Response[BookView]:
    """One book. Its ETag is what `PATCH` and `PUT` want in `If-Match`."""
    book, version = await queries.get_book(services_of(request).database, book_id)
    response = JSONResponse(book, headers={**CACHE, "etag": version.etag})
    return _unless_known(request, version.etag, response)


def _unless_known(request: AnyRequest, etag: str, response: Response[Any]) -> Response[Any]:
    """A 304 with the same headers where `If-None-Match` has this tag (RFC 9110, 15.4.5)."""
    if not not_modified(request.headers.get("if-none-match"), etag):
        return response
    return _not_modified(response.headers)


def _not_modified(headers: Mapping[str, str]) -> Response[Any]:
    return Response(None, status_code=304, headers=dict(headers))


HANDLERS = (list_books, get_book)
