"""Place, read, change and cancel purchases."""

from datetime import timedelta
from typing import Annotated, Any

import msgspec
from litestar import Response, delete, get, post, put
from litestar.params import JSONBody, QueryParameter

from functions.kit.base.errors import Text
from functions.kit.base.language import localized
from functions.kit.base.money import MAX_ID, from_minor
from functions.kit.data.database import Row
from functions.kit.http.guards import signed_in, staff
from functions.kit.http.idempotency import IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, respond_once
from functions.kit.http.operations import Link, described
from functions.kit.http.pagination import After, Limit
from functions.kit.http.problems import problems
from functions.kit.http.requests import AuthenticatedRequest, PathId
from functions.kit.http.responses import encode
from functions.purchase import queries
from functions.purchase.commands.deliveries import set_purchase_status
from functions.purchase.commands.lifecycle import cancel_purchase
from functions.purchase.commands.purchases import (
    Checkout,
    PlacedPurchase,
    RequestedLine,
    place_purchase,
    retry_after_expiry,
)
from functions.purchase.controllers.addresses import shown
from functions.purchase.controllers.shared import (
    id_after,
    optional_minor,
    owner_of,
    page_by_id,
)
from functions.purchase.domain.purchases import Status
from functions.purchase.queries import PurchaseFilter
from functions.purchase.schemas.purchases import (
    ItemView,
    NewPurchase,
    PurchaseChanged,
    PurchaseCreated,
    PurchaseDetail,
    PurchaseView,
    StatusChange,
    StockLeft,
    TimelineView,
)
from functions.purchase.services import services_of

CREATED = Text("Compra creada", "Purchase created")
UPDATED = Text("Compra actualizada", "Purchase updated")
DELETED = Text("Compra eliminada", "Purchase deleted")


_PURCHASE = {"purchase_id": "$response.body#/purchase_id"}


@post(
    "/purchase",
    guards=[signed_in],
    responses=problems(404, 409, 422),
    opt=described(
        location="/purchase/{purchase_id}",
        request_headers=[IDEMPOTENCY_KEY],
        response_headers=[IDEMPOTENCY_REPLAYED],
        links={
            "read": Link("GET /purchase/{purchase_id}", _PURCHASE),
            "pay": Link("POST /payment", body={**_PURCHASE, "payment_method": "tok_success"}),
            "cancel": Link("DELETE /purchase/{purchase_id}", _PURCHASE),
        },
    ),
)
async def place(
    request: AuthenticatedRequest, data: JSONBody[NewPurchase]
) -> Response[PurchaseCreated]:
    """Place a purchase of one book, of several, or of the whole cart.

    Its copies are reserved until `expires_at`, to be paid by then. `address_id` is one of the
    caller's addresses, which `provider_id` must serve. An `expected_total` that is not the present
    total is refused with 409 `price-changed`. With an `Idempotency-Key` header the same request can
    be sent again safely.
    """
    services, user_id = services_of(request), request.user.user_id
    lines = data.lines()
    requested = None
    if lines is not None:
        requested = [
            RequestedLine(
                line.book_id,
                line.quantity,
                optional_minor("expected_unit_price", line.expected_unit_price),
            )
            for line in lines
        ]
    checkout = Checkout(
        provider_id=data.provider_id,
        address_id=data.address_id,
        expected_total_minor=optional_minor("expected_total", data.expected_total),
    )
    if requested is None:
        book_ids = await queries.books_in_cart(services.database, user_id)
    else:
        book_ids = [each.book_id for each in requested]

    async def command() -> PlacedPurchase:
        return await place_purchase(
            services.database,
            user_id,
            requested,
            limits=services.settings.holding_limits,
            checkout=checkout,
            time_to_pay=timedelta(seconds=services.settings.time_to_pay_seconds),
            outbox=services.outbox,
            now=services.clock(),
        )

    def render(placed: PlacedPurchase) -> tuple[int, bytes]:
        return 201, encode(_created(placed, localized(request.headers, CREATED)))

    async def attempt() -> Response[PurchaseCreated]:
        return await respond_once(request, "POST /purchase", command, render)

    return await retry_after_expiry(
        services.database,
        attempt,
        book_ids=book_ids,
        user_id=user_id,
        outbox=services.outbox,
        clock=services.clock,
    )


def _created(placed: PlacedPurchase, message: str) -> PurchaseCreated:
    purchase = placed.purchase
    return PurchaseCreated(
        message=message,
        purchase_id=purchase.id,
        total_price=from_minor(purchase.total_minor),
        total_price_minor=purchase.total_minor,
        currency=purchase.currency,
        remaining_stock=placed.stock[0].available,
        status=str(purchase.status),
        expires_at=purchase.expires_at,
        items=[
            StockLeft(
                book_id=line.book_id,
                quantity=line.quantity,
                unit_price=from_minor(line.unit_price_minor),
                unit_price_minor=line.unit_price_minor,
                remaining_stock=stock.available,
            )
            for line, stock in zip(purchase.lines, placed.stock, strict=True)
        ],
    )


UserId = Annotated[
    int | None, QueryParameter(name="user_id", ge=1, le=MAX_ID, description="Staff only")
]
StatusFilter = Annotated[Status | None, QueryParameter(name="status")]


@get("/purchases", guards=[signed_in])
async def list_purchases(
    request: AuthenticatedRequest,
    user_id: UserId = None,
    status_filter: StatusFilter = None,
    limit: Limit = 50,
    after: After = None,
) -> Response[list[PurchaseView]]:
    """List the caller's purchases, newest first; staff sees all, or one user's."""
    owner = user_id if request.user.is_staff else request.user.user_id
    rows = await queries.purchases(
        services_of(request).database,
        PurchaseFilter(owner, status_filter),
        after=id_after(after),
        limit=limit + 1,
    )
    return page_by_id(request, rows, limit, _listed)


def _listed(found: tuple[Row, list[Row]]) -> PurchaseView:
    return msgspec.convert(_view(*found), PurchaseView)


@get("/purchase/{purchase_id:int}", guards=[signed_in], responses=problems(404))
async def get_purchase(request: AuthenticatedRequest, purchase_id: PathId) -> PurchaseDetail:
    """Read a purchase, with its items, its address and the history of its status."""
    database = services_of(request).database
    row, items, timeline = await queries.purchase(database, purchase_id, user_id=owner_of(request))
    address = await queries.purchase_address(database, purchase_id)
    entries = [TimelineView(status=entry["status"], at=entry["at"]) for entry in timeline]
    more = {"timeline": entries, "address": None if address is None else shown(address)}
    return msgspec.convert({**_view(row, items), **more}, PurchaseDetail)


def _view(row: Row, items: list[Row]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "user_id": row["user_id"],
        "book_id": items[0]["book_id"] if len(items) == 1 else None,
        "book_name": items[0]["title"] if len(items) == 1 else None,
        "quantity": sum(item["quantity"] for item in items),
        "total_price": from_minor(row["total_minor"]),
        "total_price_minor": row["total_minor"],
        "delivery_fee": from_minor(row["delivery_fee_minor"]),
        "currency": row["currency"],
        "status": Status(row["status"]),
        "provider_id": row["provider_id"],
        "created_at": row["created_at"],
        "expires_at": row["expires_at"],
        "items": [
            ItemView(
                book_id=item["book_id"],
                book_name=item["title"],
                quantity=item["quantity"],
                unit_price=from_minor(item["unit_price_minor"]),
                unit_price_minor=item["unit_price_minor"],
            )
            for item in items
        ],
    }


@put("/purchase/{purchase_id:int}", guards=[staff], responses=problems(404, 409))
async def change_status(
    request: AuthenticatedRequest,
    purchase_id: PathId,
    data: JSONBody[StatusChange],
) -> PurchaseChanged:
    """Set the status of a purchase, where that needs neither a payment nor an assignment."""
    services = services_of(request)
    status = await set_purchase_status(
        services.database,
        purchase_id,
        data.status,
        user_id=request.user.user_id,
        outbox=services.outbox,
        now=services.clock(),
    )
    return PurchaseChanged(
        message=localized(request.headers, UPDATED), purchase_id=purchase_id, status=str(status)
    )


@delete(
    "/purchase/{purchase_id:int}",
    status_code=200,
    guards=[signed_in],
    responses=problems(404, 409),
)
async def cancel(request: AuthenticatedRequest, purchase_id: PathId) -> PurchaseChanged:
    """Cancel an unpaid purchase. Its copies become available, and its history stays."""
    services = services_of(request)
    status = await cancel_purchase(
        services.database,
        purchase_id,
        user_id=request.user.user_id,
        staff=request.user.is_staff,
        outbox=services.outbox,
        now=services.clock(),
    )
    return PurchaseChanged(
        message=localized(request.headers, DELETED), purchase_id=purchase_id, status=str(status)
    )


HANDLERS = (place, list_purchases, get_purchase, change_status, cancel)
