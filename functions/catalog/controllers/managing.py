"""List the books with those that are retired; for staff."""

from typing import Annotated

from litestar import Response, get
from litestar.params import QueryParameter

from functions.catalog import queries
from functions.catalog.controllers.reading import (
    SortName,
    with_filters,
)
from functions.catalog.domain.listing import Filters, Sort
from functions.catalog.schemas import ManagedBook
from functions.catalog.services import services_of
from functions.kit.http.guards import staff
from functions.kit.http.pagination import After, Limit, link_to_next
from functions.kit.http.problems import problems
from functions.kit.http.requests import AuthenticatedRequest
from functions.kit.http.responses import JSONResponse

Retired = Annotated[
    bool | None,
    QueryParameter(description="Whether the book is retired; without it both are listed"),
]


@get("/books/managed", guards=[staff], responses=problems(400))
@with_filters
async def list_managed_books(
    request: AuthenticatedRequest,
    filters: Filters,
    retired: Retired = None,
    sort: SortName = Sort.ID,
    limit: Limit = 50,
    after: After = None,
) -> Response[list[ManagedBook]]:
    """List the books on sale and the retired ones, page by page, with the ETag of each.

    The ETag is the `If-Match` of a change. Filters and orders are those of `GET /books`.
    """
    page = await queries.list_books(
        services_of(request).database,
        filters,
        Sort.parse(sort),
        after=after,
        limit=limit,
        retired=retired,
    )
    return JSONResponse(page.managed_books(), headers=link_to_next(request, page.cursor))


HANDLERS = (list_managed_books,)
