"""Place, read, change and cancel purchases."""

from datetime import timedelta

import msgspec
from litestar import Response, delete, get, post, put
from litestar.params import JSONBody

from functions.kit.base.errors import Text
from functions.kit.base.language import localized
from functions.kit.base.money import from_minor
from functions.kit.http.guards import signed_in, staff
from functions.kit.http.idempotency import IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, respond_once
from functions.kit.http.operations import Link, described
from functions.kit.http.pagination import Limit, page_response
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
from functions.purchase.controllers.filters import (
    AmountBound,
    BookId,
    CreatedFrom,
    CreatedTo,
    Ids,
    Position,
    ProviderId,
    PurchaseStatuses,
    SortedPurchases,
    UserId,
)
from functions.purchase.controllers.shared import counting_refusals, optional_minor, owner_of
from functions.purchase.controllers.views import (
    assignment_detail,
    payment_detail,
    purchase_members,
    timeline_view,
)
from functions.purchase.domain.listing import (
    PurchaseFilter,
    PurchaseSort,
    parse_ids,
    parse_labels,
)
from functions.purchase.domain.moves import moves
from functions.purchase.domain.periods import Period
from functions.purchase.domain.purchases import Status
from functions.purchase.queries import listing
from functions.purchase.queries.details import Destination, destinations, purchase_details
from functions.purchase.schemas.purchases import (
    NewPurchase,
    PurchaseChanged,
    PurchaseCreated,
    PurchaseDetail,
    PurchaseView,
    StatusChange,
    StockLeft,
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
    with counting_refusals(request):
        return await _place(request, data)


async def _place(request: AuthenticatedRequest, data: NewPurchase) -> Response[PurchaseCreated]:
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


@get("/purchases", guards=[signed_in])
async def list_purchases(
    request: AuthenticatedRequest,
    user_id: UserId = None,
    status_filter: PurchaseStatuses = None,
    ids: Ids = None,
    book_id: BookId = None,
    provider_id: ProviderId = None,
    created_from: CreatedFrom = None,
    created_to: CreatedTo = None,
    min_total: AmountBound = None,
    max_total: AmountBound = None,
    sort: SortedPurchases = PurchaseSort.CREATED_DESCENDING,
    limit: Limit = 50,
    after: Position = None,
) -> Response[list[PurchaseView]]:
    """List the caller's purchases, newest first; staff sees all, or one user's.

    `provider_id` is the delivery provider that the buyer chose.
    """
    filters = PurchaseFilter(
        user_id=user_id if request.user.is_staff else request.user.user_id,
        statuses=parse_labels("status", status_filter, Status),
        ids=parse_ids(ids),
        book_id=book_id,
        provider_id=provider_id,
        created=Period.parse(created_from, created_to),
        min_total=optional_minor("min_total", min_total),
        max_total=optional_minor("max_total", max_total),
    )
    database = services_of(request).database
    page = await listing.purchases(database, filters, sort, after=after, limit=limit)
    purchase_ids = [row["id"] for row in page.rows]
    items = await queries.items_of(database, purchase_ids)
    sent_to = await destinations(database, purchase_ids)
    views = [
        msgspec.convert(
            purchase_members(row, items[row["id"]], sent_to.get(row["id"])), PurchaseView
        )
        for row in page.rows
    ]
    return page_response(request, views, page.cursor)


@get("/purchase/{purchase_id:int}", guards=[signed_in], responses=problems(404))
async def get_purchase(request: AuthenticatedRequest, purchase_id: PathId) -> PurchaseDetail:
    """Read a purchase, with its items, address, payments, deliveries and timeline.

    `moves` lists what the caller can do with it now.
    """
    services, staff = services_of(request), request.user.is_staff
    database = services.database
    found = await purchase_details(database, purchase_id, user_id=owner_of(request))
    address = await queries.purchase_address(database, purchase_id)
    purchase, sent_to = found.purchase, None
    if address is not None:
        sent_to = Destination(address.recipient, address.city, address.country)
    more = {
        "timeline": [
            timeline_view(entry, owner=purchase.user_id, to_staff=staff) for entry in found.timeline
        ],
        "moves": moves(
            purchase,
            [payment for payment, _ in found.payments],
            found.deliveries[-1][0] if found.deliveries else None,
            staff=staff,
            now=services.clock(),
        ),
        "payments": [
            payment_detail(payment, refunds, to_staff=staff) for payment, refunds in found.payments
        ],
        "deliveries": [
            assignment_detail(delivery, timeline, sent_to, to_staff=staff)
            for delivery, timeline in found.deliveries
        ],
        "address": None if address is None else shown(address),
    }
    members = purchase_members(found.row, found.items, sent_to)
    return msgspec.convert({**members, **more}, PurchaseDetail)


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
