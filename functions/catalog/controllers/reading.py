"""Look for books."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from functions.catalog import queries
from functions.catalog.domain.listing import MAX_IDS, Filters, Sort
from functions.catalog.schemas import BookView
from functions.kit.etags import not_modified
from functions.kit.pages import After, Limit, page_response
from functions.kit.problems import problems
from functions.kit.responses import JSONResponse
from functions.kit.types import line

# A cache may keep an answer, and asks each time whether it still holds: stock moves all day.
# Refusals are in the caller's language, so it must not keep one for somebody else.
CACHE = {"cache-control": "no-cache", "vary": "Accept-Language"}

_NOT_MODIFIED = {304: ResponseSpec(None, description="What you have is still so")}

_LINE = line(200).pattern

Words = Annotated[
    str | None,
    QueryParameter(
        max_length=200,
        pattern=_LINE,
        description="Words that are all in the title or the author; accents and case do not count",
    ),
]
Author = Annotated[
    str | None,
    QueryParameter(
        max_length=200,
        pattern=_LINE,
        description="Whole name of an author; several with commas",
    ),
]
Category = Annotated[str | None, QueryParameter(max_length=100, pattern=_LINE)]
Price = Annotated[Decimal | None, QueryParameter(description="An amount, such as 12.50")]
InStock = Annotated[bool | None, QueryParameter(description="Whether there are copies left")]
SortName = Annotated[
    str, QueryParameter(schema_extra={"enum": [*Sort]}, description="What the list is sorted by")
]
Ids = Annotated[
    str | None,
    QueryParameter(description=f"Only these books: up to {MAX_IDS} ids with commas between"),
]


@get("/books", responses={**_NOT_MODIFIED, **problems(400)})
async def list_books(
    request: Request[Any, Any, Any],
    q: Words = None,
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
        author=author,
        category=category,
        min_price=min_price,
        max_price=max_price,
        in_stock=in_stock,
        ids=ids,
    )
    page = await queries.list_books(
        request.app.state.database, filters, Sort.parse(sort), after=after, limit=limit
    )
    headers = {**CACHE, "etag": page.etag}
    response = page_response(request, page.books, page.cursor, headers)
    return _unless_known(request, page.etag, response)


@get("/books/{book_id:int}", responses={**_NOT_MODIFIED, **problems(404, 410)})
async def get_book(request: Request[Any, Any, Any], book_id: FromPath[int]) -> Response[BookView]:
    """One book. Its ETag is what `PATCH` and `PUT` want in `If-Match`."""
    book, version = await queries.get_book(request.app.state.database, book_id)
    response = JSONResponse(book, headers={**CACHE, "etag": version.etag})
    return _unless_known(request, version.etag, response)


def _unless_known(
    request: Request[Any, Any, Any], etag: str, response: Response[Any]
) -> Response[Any]:
    """304 in place of what the caller has already, with the same headers (RFC 9110, 15.4.5)."""
    if not not_modified(request.headers.get("if-none-match"), etag):
        return response
    headers: Mapping[str, str] = response.headers
    return Response(None, status_code=304, headers=dict(headers))


HANDLERS = (list_books, get_book)
