"""Read and adjust the stock; for staff, and for the seller of the book."""

import msgspec
from litestar import Response, get, post
from litestar.params import JSONBody

from functions.kit.base.errors import FieldError, InvalidInput, Text
from functions.kit.base.language import localized
from functions.kit.data.database import Row
from functions.kit.http.guards import seller_or_staff
from functions.kit.http.idempotency import IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, respond_once
from functions.kit.http.operations import described
from functions.kit.http.pagination import After, Limit
from functions.kit.http.problems import problems
from functions.kit.http.requests import AuthenticatedRequest, PathId
from functions.kit.http.responses import encode
from functions.purchase import queries
from functions.purchase.commands.inventory import adjust_stock
from functions.purchase.commands.purchases import retry_after_expiry
from functions.purchase.controllers.shared import id_after, page_by_id
from functions.purchase.domain.stock import Stock
from functions.purchase.queries.sales import check_seller
from functions.purchase.schemas.inventory import (
    AdjustmentView,
    InventoryView,
    StockAdjusted,
    StockAdjustment,
)
from functions.purchase.services import services_of

ADJUSTED = Text("Inventario actualizado", "Inventory updated")


@get("/inventory/{book_id:int}", guards=[seller_or_staff], responses=problems(404))
async def get_inventory(request: AuthenticatedRequest, book_id: PathId) -> InventoryView:
    """Read the stock of a book: on hand, reserved and available."""
    database = services_of(request).database
    await check_seller(database, book_id, _seller(request))
    row = await queries.inventory(database, book_id)
    return msgspec.convert(
        {name: row[name] for name in InventoryView.__struct_fields__}, InventoryView
    )


@get("/inventory/{book_id:int}/adjustments", guards=[seller_or_staff], responses=problems(404))
async def list_adjustments(
    request: AuthenticatedRequest,
    book_id: PathId,
    limit: Limit = 50,
    after: After = None,
) -> Response[list[AdjustmentView]]:
    """List the adjustments of a book's stock, newest first."""
    database = services_of(request).database
    await check_seller(database, book_id, _seller(request))
    rows = await queries.adjustments(database, book_id, after=id_after(after), limit=limit + 1)
    return page_by_id(request, rows, limit, _adjustment)


def _seller(request: AuthenticatedRequest) -> int | None:
    """The seller whose books alone the caller may see; None for staff, who sees all."""
    return None if request.user.is_staff else request.user.user_id


def _adjustment(row: Row) -> AdjustmentView:
    return msgspec.convert(
        {name: row[name] for name in AdjustmentView.__struct_fields__}, AdjustmentView
    )


@post(
    "/inventory/{book_id:int}/adjustments",
    guards=[seller_or_staff],
    responses=problems(404, 409, 422),
    opt=described(
        location="/inventory/{book_id}/adjustments",
        request_headers=[IDEMPOTENCY_KEY._replace(required=True)],
        response_headers=[IDEMPOTENCY_REPLAYED],
    ),
)
async def adjust(
    request: AuthenticatedRequest,
    book_id: PathId,
    data: JSONBody[StockAdjustment],
) -> Response[StockAdjusted]:
    """Add copies to the stock, or remove them. An `Idempotency-Key` is required."""
    services, user_id = services_of(request), request.user.user_id
    if data.delta == 0:
        raise InvalidInput(
            Text("delta no puede ser 0.", "delta must not be 0."),
            errors=[FieldError("delta", Text("es 0", "is 0"))],
        )

    async def command() -> Stock:
        return await adjust_stock(
            services.database,
            book_id,
            data.delta,
            data.reason,
            user_id=user_id,
            seller_id=_seller(request),
            outbox=services.outbox,
            now=services.clock(),
        )

    def render(stock: Stock) -> tuple[int, bytes]:
        adjusted = StockAdjusted(
            message=localized(request.headers, ADJUSTED),
            **{name: getattr(stock, name) for name in InventoryView.__struct_fields__},
        )
        return 201, encode(adjusted)

    async def attempt() -> Response[StockAdjusted]:
        route = f"POST /inventory/{book_id}/adjustments"
        return await respond_once(request, route, command, render, required=True)

    return await retry_after_expiry(
        services.database, attempt, book_ids=[book_id], outbox=services.outbox, clock=services.clock
    )


HANDLERS = (get_inventory, list_adjustments, adjust)
