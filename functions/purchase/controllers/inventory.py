"""Stock, for staff."""

from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import JSONBody

from functions.kit.errors import FieldError, InvalidInput, Text
from functions.kit.idempotency import answer_once, scope_of
from functions.kit.language import say
from functions.kit.openapi import IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, described
from functions.kit.problems import problems
from functions.kit.requests import PathId
from functions.kit.responses import answer_response, encode
from functions.kit.tokens import Principal, staff
from functions.purchase import queries
from functions.purchase.commands.inventory import Stock, adjust_stock
from functions.purchase.schemas import InventoryView, StockAdjusted, StockAdjustment

ADJUSTED = Text("Inventario actualizado", "Inventory updated")


@get("/inventory/{book_id:int}", guards=[staff], responses=problems(404))
async def get_inventory(request: Request[Principal, Any, Any], book_id: PathId) -> InventoryView:
    """Copies of a book: on hand, set aside for purchases, and free."""
    row = await queries.inventory(request.app.state.database, book_id)
    return msgspec.convert(
        {name: row[name] for name in InventoryView.__struct_fields__}, InventoryView
    )


@post(
    "/inventory/{book_id:int}/adjustments",
    guards=[staff],
    responses=problems(404, 409, 422),
    opt=described(takes=[IDEMPOTENCY_KEY._replace(required=True)], gives=[IDEMPOTENCY_REPLAYED]),
)
async def adjust(
    request: Request[Principal, Any, Any],
    book_id: PathId,
    data: JSONBody[StockAdjustment],
) -> Response[StockAdjusted]:
    """More copies, or fewer; an `Idempotency-Key` is required, since it is a sum that changes."""
    state, user_id = request.app.state, request.user.user_id
    scope = scope_of(
        request.headers,
        user_id=user_id,
        route=f"POST /inventory/{book_id}/adjustments",
        body=await request.body(),
        required=True,
    )
    if data.delta == 0:
        raise InvalidInput("delta must not be 0.", errors=[FieldError("delta", "is 0")])

    async def command() -> Stock:
        return await adjust_stock(
            state.database,
            book_id,
            data.delta,
            data.reason,
            user_id=user_id,
            outbox=state.outbox,
            now=state.clock(),
        )

    def render(stock: Stock) -> tuple[int, bytes]:
        return 201, encode(StockAdjusted(message=say(request.headers, ADJUSTED), **stock._asdict()))

    answer = await answer_once(state.database, scope, command, render, clock=state.clock)
    return answer_response(answer)


HANDLERS = (get_inventory, adjust)
