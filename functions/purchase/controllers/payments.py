"""Payments and refunds, and the webhook of the payment provider."""

from litestar import Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody

from functions.kit.base.errors import FieldError, InvalidInput, NotFound, Text
from functions.kit.base.language import localized, preferred
from functions.kit.base.money import from_minor
from functions.kit.data import idempotency_keys
from functions.kit.http.guards import signed_in, staff
from functions.kit.http.idempotency import (
    IDEMPOTENCY_KEY,
    IDEMPOTENCY_REPLAYED,
    answer_response,
    respond_once,
    scope_of,
)
from functions.kit.http.operations import Link, described
from functions.kit.http.pagination import Limit, page_response
from functions.kit.http.problems import problems
from functions.kit.http.requests import AnyRequest, AuthenticatedRequest, PathId
from functions.kit.http.responses import encode
from functions.purchase import payment_answers, queries, storage
from functions.purchase.commands.payments import (
    ROUTE,
    pay_purchase,
    record_report,
    refund_payment,
    settle_refund,
)
from functions.purchase.controllers.filters import (
    AmountBound,
    CreatedFrom,
    CreatedTo,
    PaymentStatuses,
    Position,
    PurchaseId,
    Refunded,
    SortedPayments,
    UserId,
)
from functions.purchase.controllers.shared import counting_refusals, optional_minor, owner_of
from functions.purchase.controllers.views import payment_detail, payment_view, refund_view
from functions.purchase.domain.listing import PaymentFilter, PaymentSort, parse_labels
from functions.purchase.domain.payments import PaymentStatus
from functions.purchase.domain.periods import Period
from functions.purchase.domain.transitions import NewPayment, Transition
from functions.purchase.errors import BadWebhook
from functions.purchase.metrics import count_refusal
from functions.purchase.payment_provider import BadSignature
from functions.purchase.queries import listing
from functions.purchase.schemas.payments import (
    NewRefund,
    PaymentBody,
    PaymentCreated,
    PaymentDetail,
    PaymentView,
    RefundCreated,
    RefundView,
)
from functions.purchase.services import services_of

REFUNDED = Text("Reembolso registrado", "Refund recorded")

_PAYMENT = {"payment_id": "$response.body#/payment_id"}


@post(
    "/payment",
    guards=[signed_in],
    responses={
        202: ResponseSpec(PaymentCreated, description="The provider has not answered yet"),
        **problems(402, 404, 409, 422),
    },
    opt=described(
        location="/payments/{payment_id}",
        request_headers=[IDEMPOTENCY_KEY],
        response_headers=[IDEMPOTENCY_REPLAYED],
        links={
            "read": Link("GET /payments/{payment_id}", _PAYMENT),
            "refund": Link(
                "POST /payments/{payment_id}/refunds",
                _PAYMENT,
            ),
        },
    ),
)
async def pay(
    request: AuthenticatedRequest, data: JSONBody[PaymentBody]
) -> Response[PaymentCreated]:
    """Pay a purchase in full: 201 once it is paid, 202 while the provider has not answered.

    `amount` is optional and must be the total. The same request under the same
    `Idempotency-Key` charges nothing more, and returns the outcome of the first: 409
    `in-progress` while that is being handled, then 202, and in the end 201, 402 or 409.
    """
    with counting_refusals(request):
        return await _pay(request, data)


async def _pay(request: AuthenticatedRequest, data: PaymentBody) -> Response[PaymentCreated]:
    services, principal = services_of(request), request.user
    scope = scope_of(
        request.headers,
        user_id=principal.user_id,
        route=ROUTE,
        body=await request.body(),
    )
    if scope is not None and (
        stored := await idempotency_keys.stored_answer(services.database, scope)
    ):
        return answer_response(stored)
    new_payment = NewPayment(
        method=data.either_method(),
        amount_minor=optional_minor("amount", data.amount),
        requested_by=principal.user_id,
        request_key=None if scope is None else scope.key,
        language=preferred(request.headers.get("accept-language")),
    )
    started = await pay_purchase(
        services.database,
        services.payment_provider,
        data.purchase_id,
        new_payment,
        scope=scope,
        staff=principal.is_staff,
        outbox=services.outbox,
        clock=services.clock,
    )
    answer = payment_answers.current(started.payment)._replace(replayed=not started.new)
    response = answer_response(answer)
    if started.new and (refusal := payment_answers.refusal(started.payment)) is not None:
        count_refusal(services.metrics, refusal)
    if answer.status == 202:
        response.headers["location"] = f"/payments/{started.payment.id}"
    return response


@get("/payments", guards=[signed_in])
async def list_payments(
    request: AuthenticatedRequest,
    user_id: UserId = None,
    status_filter: PaymentStatuses = None,
    purchase_id: PurchaseId = None,
    refunded: Refunded = None,
    created_from: CreatedFrom = None,
    created_to: CreatedTo = None,
    min_amount: AmountBound = None,
    max_amount: AmountBound = None,
    sort: SortedPayments = PaymentSort.CREATED_DESCENDING,
    limit: Limit = 50,
    after: Position = None,
) -> Response[list[PaymentView]]:
    """List the caller's payments, newest first; staff sees all, or one user's."""
    filters = PaymentFilter(
        user_id=user_id if request.user.is_staff else request.user.user_id,
        statuses=parse_labels("status", status_filter, PaymentStatus),
        purchase_id=purchase_id,
        refunded=refunded,
        created=Period.parse(created_from, created_to),
        min_amount=optional_minor("min_amount", min_amount),
        max_amount=optional_minor("max_amount", max_amount),
    )
    page = await listing.payments(
        services_of(request).database, filters, sort, after=after, limit=limit
    )
    views = [payment_view(storage.to_payment(row)) for row in page.rows]
    return page_response(request, views, page.cursor)


@get("/payments/{payment_id:int}", guards=[signed_in], responses=problems(404))
async def get_payment(request: AuthenticatedRequest, payment_id: PathId) -> PaymentDetail:
    """Read a payment, with its refunds."""
    database, owner = services_of(request).database, owner_of(request)
    row = await queries.payment(database, payment_id, user_id=owner)
    refunds = await queries.refunds(database, payment_id, user_id=owner)
    return payment_detail(storage.to_payment(row), refunds, to_staff=request.user.is_staff)


@get("/payments/{payment_id:int}/refunds", guards=[signed_in], responses=problems(404))
async def list_refunds(request: AuthenticatedRequest, payment_id: PathId) -> list[RefundView]:
    """List the refunds of a payment, paid or still owed, oldest first."""
    refunds = await queries.refunds(
        services_of(request).database, payment_id, user_id=owner_of(request)
    )
    return [refund_view(refund, to_staff=request.user.is_staff) for refund in refunds]


@post(
    "/payments/{payment_id:int}/refunds",
    guards=[staff],
    responses=problems(404, 409, 422),
    opt=described(
        request_headers=[IDEMPOTENCY_KEY._replace(required=True)],
        response_headers=[IDEMPOTENCY_REPLAYED],
    ),
)
async def refund(
    request: AuthenticatedRequest,
    payment_id: PathId,
    data: JSONBody[NewRefund],
) -> Response[RefundCreated]:
    """Refund a payment: an amount, or all that is left. An `Idempotency-Key` is required.

    The refund is owed from now on. The provider is asked at once, and again later if it does not
    answer. `GET /payments/{payment_id}/refunds` has its status.
    """
    services = services_of(request)
    amount = optional_minor("amount", data.amount)
    if amount == 0:
        raise InvalidInput(
            Text(
                "amount debe ser mayor que 0; sin él se devuelve todo.",
                "amount must be more than 0; omit it to refund everything.",
            ),
            errors=[FieldError("amount", Text("es 0", "is 0"))],
        )
    made: list[Transition] = []

    async def command() -> Transition:
        transition = await refund_payment(
            services.database,
            payment_id,
            amount,
            data.reason,
            user_id=request.user.user_id,
            outbox=services.outbox,
            clock=services.clock,
        )
        made[:] = [transition]  # the last one: a deadlock runs the command again
        return transition

    def render(transition: Transition) -> tuple[int, bytes]:
        amount_minor = 0 if transition.refund is None else transition.refund.amount_minor
        created = RefundCreated(
            message=localized(request.headers, REFUNDED),
            refund_id=None if transition.refund is None else transition.refund.id,
            amount=from_minor(amount_minor),
            amount_minor=amount_minor,
        )
        return 201, encode(created)

    route = f"POST /payments/{payment_id}/refunds"
    response = await respond_once(request, route, command, render, required=True)
    for transition in made:
        if transition.refund is not None and transition.payment is not None:
            owed = storage.OwedRefund(
                transition.refund, transition.payment.reference, transition.payment.currency
            )
            await settle_refund(
                services.database, services.payment_provider, owed, clock=services.clock
            )
    response.headers["location"] = route.removeprefix("POST ")
    return response


@post(
    "/payment-webhooks",
    status_code=202,
    responses={202: ResponseSpec(None, description="Recorded"), **problems(400, 404)},
)
async def receive_webhook(request: AnyRequest) -> Response[bytes]:
    """Receive the outcome of a payment from the payment provider, whose signature is verified."""
    services = services_of(request)
    provider = services.payment_provider
    if not services.settings.payment_webhook_secret:
        raise NotFound(
            Text(
                "PAYMENT_WEBHOOK_SECRET no está definido: no se lee ningún mensaje.",
                "PAYMENT_WEBHOOK_SECRET is not set, so no message is read.",
            )
        )
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        report = provider.read_webhook(headers, await request.body(), services.clock())
    except BadSignature as error:
        raise BadWebhook(Text(f"No se acepta: {error}.", f"It is refused: {error}.")) from error
    await record_report(
        services.database, provider, report, outbox=services.outbox, clock=services.clock
    )
    return Response(b"", status_code=202)


HANDLERS = (
    pay,
    list_payments,
    get_payment,
    list_refunds,
    refund,
    receive_webhook,
)
