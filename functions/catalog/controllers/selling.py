"""Sellers: their names, for anyone; their own lists of books; their assignment, by staff."""

from typing import Annotated

from litestar import Response, get, put
from litestar.params import FromPath, JSONBody, QueryParameter

from functions.catalog import queries
from functions.catalog.commands import sellers as commands
from functions.catalog.controllers.answers import CACHE
from functions.catalog.controllers.managing import Retired
from functions.catalog.controllers.reading import Ids, InStock, SortName, Words
from functions.catalog.controllers.writing import precondition_of, written
from functions.catalog.domain.listing import Filters, Sort
from functions.catalog.domain.sellers import Seller
from functions.catalog.queries.sellers import SellerSort
from functions.catalog.schemas import BookSeller, BookWritten, OwnBook, SellerName, SellerView
from functions.catalog.services import services_of
from functions.kit.http.guards import seller, staff
from functions.kit.http.operations import ETAG, IF_MATCH, described
from functions.kit.http.pagination import (
    After,
    Limit,
    page_response,
)
from functions.kit.http.problems import problems
from functions.kit.http.requests import AnyRequest, AuthenticatedRequest, PathId

SortedSellers = Annotated[SellerSort, QueryParameter(description="`-` for descending order")]


@get("/sellers", responses=problems(400))
async def list_sellers(
    request: AnyRequest,
    limit: Limit = 50,
    after: After = None,
    sort: SortedSellers = SellerSort.ID,
) -> Response[list[SellerView]]:
    """List the sellers, by their ids unless `sort` says otherwise."""
    found, cursor = await queries.list_sellers(
        services_of(request).database, sort, after=after, limit=limit
    )
    return page_response(request, [_view(each) for each in found], cursor, CACHE)


@get("/sellers/{seller_id:int}", responses=problems(404))
async def get_seller(request: AnyRequest, seller_id: PathId) -> SellerView:
    """Read the name that the shop shows for a seller."""
    return _view(await queries.get_seller(services_of(request).database, seller_id))


@get("/sellers/me", guards=[seller], responses=problems(404))
async def get_own_name(request: AuthenticatedRequest) -> SellerView:
    """Read the name that the shop shows for the caller; 404 where the caller has chosen none."""
    return _view(await queries.get_seller(services_of(request).database, request.user.user_id))


@put("/sellers/me", guards=[seller], responses=problems(409))
async def name_seller(request: AuthenticatedRequest, data: JSONBody[SellerName]) -> SellerView:
    """Choose the name that the shop shows for the caller. A seller has one before adding books."""
    found = await commands.name_seller(
        services_of(request).database, request.user.user_id, data.name
    )
    return _view(found)


@get("/sellers/me/books", guards=[seller])
async def list_own_books(
    request: AuthenticatedRequest,
    q: Words = None,
    retired: Retired = None,
    in_stock: InStock = None,
    ids: Ids = None,
    sort: SortName = Sort.NEWEST,
    limit: Limit = 50,
    after: After = None,
) -> Response[list[OwnBook]]:
    """List the caller's books, retired ones too, page by page."""
    page = await queries.list_books(
        services_of(request).database,
        Filters.parse(q=q, in_stock=in_stock, ids=ids, seller=request.user.user_id),
        Sort.parse(sort),
        after=after,
        limit=limit,
        retired=retired,
    )
    return page_response(request, page.own_books(), page.cursor)


@put(
    "/books/{book_id:int}/seller",
    guards=[staff],
    responses=problems(404, 410, 412),
    opt=described(request_headers=[IF_MATCH], response_headers=[ETAG]),
)
async def assign_seller(
    request: AuthenticatedRequest, book_id: FromPath[int], data: JSONBody[BookSeller]
) -> Response[BookWritten]:
    """Make a book a seller's, or the shop's own by null. Past sales keep their seller."""
    services = services_of(request)
    version = await commands.assign_seller(
        services.database,
        book_id,
        data.seller_id,
        precondition=precondition_of(request),
        outbox=services.outbox,
        now=services.clock(),
    )
    return written(request, version)


def _view(found: Seller) -> SellerView:
    return SellerView(id=found.id, name=found.name)


HANDLERS = (
    list_sellers,
    get_seller,
    get_own_name,
    name_seller,
    list_own_books,
    assign_seller,
)
