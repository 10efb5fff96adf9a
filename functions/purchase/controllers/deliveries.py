"""Deliveries of purchases, their providers and their progress."""

from litestar import Response, get, patch, post
from litestar.params import JSONBody

from functions.kit.base.errors import FieldError, InvalidInput, Text
from functions.kit.base.language import localized
from functions.kit.http.guards import signed_in, staff
from functions.kit.http.idempotency import IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, respond_once
from functions.kit.http.operations import Link, described
from functions.kit.http.pagination import Limit, page_response
from functions.kit.http.problems import problems
from functions.kit.http.requests import AuthenticatedRequest, PathId
from functions.kit.http.responses import encode
from functions.purchase import queries
from functions.purchase.commands.deliveries import assign_delivery, update_delivery
from functions.purchase.controllers.filters import (
    CreatedFrom,
    CreatedTo,
    DeliveryStatuses,
    Position,
    ProviderId,
    PurchaseId,
    SortedDeliveries,
    UserId,
)
from functions.purchase.controllers.shared import owner_of
from functions.purchase.controllers.views import assignment_detail, assignment_view
from functions.purchase.domain.deliveries import DeliveryStatus
from functions.purchase.domain.listing import DeliveryFilter, DeliverySort, parse_labels
from functions.purchase.domain.periods import Period
from functions.purchase.queries import listing
from functions.purchase.queries.details import deliveries_of, delivery_timelines, destinations
from functions.purchase.schemas.deliveries import (
    AssignmentChanged,
    AssignmentCreated,
    AssignmentDetail,
    AssignmentView,
    DeliveryChange,
    NewAssignment,
)
from functions.purchase.services import services_of

ASSIGNED = Text("Entrega asignada", "Delivery assigned")
UPDATED = Text("Entrega actualizada", "Delivery updated")


_ASSIGNMENT = {"assignment_id": "$response.body#/assignment_id"}


@post(
    "/assignments",
    guards=[staff],
    responses=problems(404, 409, 422),
    opt=described(
        location="/assignments/{assignment_id}",
        request_headers=[IDEMPOTENCY_KEY],
        response_headers=[IDEMPOTENCY_REPLAYED],
        links={
            "read": Link("GET /assignments/{assignment_id}", _ASSIGNMENT),
            "report": Link("PATCH /assignments/{assignment_id}", _ASSIGNMENT),
        },
    ),
)
async def assign(
    request: AuthenticatedRequest, data: JSONBody[NewAssignment]
) -> Response[AssignmentCreated]:
    """Assign a paid purchase to a delivery provider."""
    services, user_id = services_of(request), request.user.user_id

    async def command() -> int:
        return await assign_delivery(
            services.database,
            data.purchase_id,
            data.provider_id,
            user_id=user_id,
            outbox=services.outbox,
            now=services.clock(),
        )

    def render(assignment_id: int) -> tuple[int, bytes]:
        created = AssignmentCreated(
            message=localized(request.headers, ASSIGNED),
            assignment_id=assignment_id,
            status=str(DeliveryStatus.ASSIGNED),
        )
        return 201, encode(created)

    return await respond_once(request, "POST /assignments", command, render)


@get("/assignments", guards=[signed_in])
async def list_assignments(
    request: AuthenticatedRequest,
    user_id: UserId = None,
    status_filter: DeliveryStatuses = None,
    purchase_id: PurchaseId = None,
    provider_id: ProviderId = None,
    created_from: CreatedFrom = None,
    created_to: CreatedTo = None,
    sort: SortedDeliveries = DeliverySort.CREATED_DESCENDING,
    limit: Limit = 50,
    after: Position = None,
) -> Response[list[AssignmentView]]:
    """List the deliveries of the caller's purchases, newest first; staff sees all."""
    filters = DeliveryFilter(
        user_id=user_id if request.user.is_staff else request.user.user_id,
        statuses=parse_labels("status", status_filter, DeliveryStatus),
        purchase_id=purchase_id,
        provider_id=provider_id,
        created=Period.parse(created_from, created_to),
    )
    database = services_of(request).database
    page = await listing.assignments(database, filters, sort, after=after, limit=limit)
    deliveries = await deliveries_of(database, page.rows)
    sent_to = await destinations(database, [each.purchase_id for each in deliveries])
    staff = request.user.is_staff
    views = [
        assignment_view(each, sent_to.get(each.purchase_id), to_staff=staff) for each in deliveries
    ]
    return page_response(request, views, page.cursor)


@get("/assignments/{assignment_id:int}", guards=[signed_in], responses=problems(404))
async def get_assignment(request: AuthenticatedRequest, assignment_id: PathId) -> AssignmentDetail:
    """Read a delivery, with its timeline."""
    database = services_of(request).database
    row = await queries.assignment(database, assignment_id, user_id=owner_of(request))
    (delivery,) = await deliveries_of(database, [row])
    timelines = await delivery_timelines(database, [delivery])
    sent_to = await destinations(database, [delivery.purchase_id])
    return assignment_detail(
        delivery,
        timelines[delivery.id],
        sent_to.get(delivery.purchase_id),
        to_staff=request.user.is_staff,
    )


@patch("/assignments/{assignment_id:int}", guards=[staff], responses=problems(404, 409))
async def change_assignment(
    request: AuthenticatedRequest,
    assignment_id: PathId,
    data: JSONBody[DeliveryChange],
) -> AssignmentChanged:
    """Set the status of a delivery: `in_transit`, `delivered` or `failed`."""
    services = services_of(request)
    target = _target(data.status)
    purchase_status = await update_delivery(
        services.database,
        assignment_id,
        target,
        user_id=request.user.user_id,
        outbox=services.outbox,
        now=services.clock(),
    )
    return AssignmentChanged(
        message=localized(request.headers, UPDATED),
        assignment_id=assignment_id,
        status=str(target),
        purchase_status=str(purchase_status),
    )


def _target(text: str) -> DeliveryStatus:
    label = text.strip().lower().replace("_", " ")
    for status in DeliveryStatus:
        if status is not DeliveryStatus.ASSIGNED and status.lower() == label:
            return status
    raise InvalidInput(
        Text(
            "status debe ser in_transit, delivered o failed.",
            "status must be in_transit, delivered or failed.",
        ),
        errors=[
            FieldError(
                "status",
                Text(
                    "debe ser in_transit, delivered o failed",
                    "must be in_transit, delivered or failed",
                ),
            )
        ],
    )


HANDLERS = (
    assign,
    list_assignments,
    get_assignment,
    change_assignment,
)
