"""Pay, see payments, give money back."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody

from functions.kit import idempotency
from functions.kit.database import Row
from functions.kit.errors import FieldError, InvalidInput, Text
from functions.kit.idempotency import answer_once, scope_of
from functions.kit.language import say
from functions.kit.openapi import IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, Link, described
from functions.kit.pages import After, Limit, encode_cursor, page_response
from functions.kit.problems import problems
from functions.kit.requests import PathId
from functions.kit.responses import JSONResponse, answer_response, answered_once, encode
from functions.kit.tokens import Principal, signed_in, staff
from functions.kit.values import from_minor
from functions.purchase import queries
from functions.purchase.commands.payments import (
    begin_payment,
    record_charge,
    refund_payment,
    settle_refunds,
)
from functions.purchase.controllers.purchases import amount_minor, id_after, owner_of
from functions.purchase.domain import PaymentStatus
from functions.purchase.errors import Declined, PurchaseExpired
from functions.purchase.payment_provider import Charge, PaymentProvider, ProviderUnreachable
from functions.purchase.schemas import (
    NewPayment,
    NewRefund,
    PaymentCreated,
    PaymentView,
    RefundCreated,
)

REGISTERED = Text("Pago registrado", "Payment recorded")
REFUNDED = Text("Reembolso registrado", "Refund recorded")


@post(
    "/payment",
    guards=[signed_in],
    responses={
        202: ResponseSpec(PaymentCreated, description="The provider has not answered yet"),
        **problems(402, 404, 409, 422),
    },
    opt=described(
        takes=[IDEMPOTENCY_KEY],
        gives=[IDEMPOTENCY_REPLAYED],
        leads_to={
            "refund": Link(
                "POST /payments/{payment_id}/refunds",
                {"payment_id": "$response.body#/payment_id"},
            )
        },
    ),
)
async def pay(
    request: Request[Principal, Any, Any], data: JSONBody[NewPayment]
) -> Response[PaymentCreated]:
    """Pay a purchase in full: 201 once it is paid, 202 while the provider has not answered.

    `amount` may be left out; where it is sent it must be the total.
    """
    state, principal = request.app.state, request.user
    database, clock, outbox = state.database, state.clock, state.outbox
    provider: PaymentProvider = state.payment_provider
    scope = scope_of(
        request.headers,
        user_id=principal.user_id,
        route="POST /payment",
        body=await request.body(),
    )
    if scope is not None and (kept := await idempotency.kept_answer(database, scope)):
        return answer_response(kept)
    payment = await begin_payment(
        database,
        data.purchase_id,
        _method(data),
        None if data.amount is None else amount_minor("amount", data.amount),
        user_id=principal.user_id,
        staff=principal.is_staff,
        now=clock(),
    )
    try:
        charge = await provider.capture(
            payment["reference"], payment["method"], payment["amount_minor"], payment["currency"]
        )
    except ProviderUnreachable:
        return JSONResponse(_view_of(request, payment), status_code=202)
    if charge is not Charge.CAPTURED:
        await record_charge(database, payment["id"], charge, outbox=outbox, now=clock())
        raise Declined("Pay with something else; the copies are still kept for you.")

    async def command() -> Row:
        return await record_charge(database, payment["id"], charge, outbox=outbox, now=clock())

    def render(row: Row) -> tuple[int, bytes]:
        return 201, encode(_view_of(request, row))

    answer = await answer_once(database, scope, command, render, clock=clock)
    return answer_response(answer)


def _method(data: NewPayment) -> str:
    method = data.payment_method or data.method
    if method is None:
        raise InvalidInput(
            "Say how it is paid.", errors=[FieldError("payment_method", "is missing")]
        )
    if data.payment_method and data.method:
        raise InvalidInput("payment_method and method are one field; send one of them.")
    return method


def _view_of(request: Request[Principal, Any, Any], row: Row) -> PaymentCreated:
    if row["status"] == PaymentStatus.REFUNDED:
        raise PurchaseExpired("The purchase ended before the money came; it is given back.")
    return PaymentCreated(
        message=say(request.headers, REGISTERED), payment_id=row["id"], status=row["status"]
    )


@get("/payments", guards=[signed_in])
async def list_payments(
    request: Request[Principal, Any, Any], limit: Limit = 50, after: After = None
) -> Response[list[PaymentView]]:
    """One's own payments, newest first; staff sees all."""
    rows = await queries.payments(
        request.app.state.database,
        user_id=owner_of(request),
        after=id_after(after),
        limit=limit + 1,
    )
    views = [
        PaymentView(
            id=row["id"],
            purchase_id=row["purchase_id"],
            amount=from_minor(row["amount_minor"]),
            amount_minor=row["amount_minor"],
            refunded=from_minor(row["refunded_minor"]),
            currency=row["currency"],
            method=row["method"],
            status=row["status"],
            created_at=row["created_at"],
        )
        for row in rows[:limit]
    ]
    cursor = encode_cursor(views[-1].id) if len(rows) > limit else None
    return page_response(request, views, cursor)


@post(
    "/payments/{payment_id:int}/refunds",
    guards=[staff],
    responses=problems(404, 409, 422),
    opt=described(takes=[IDEMPOTENCY_KEY], gives=[IDEMPOTENCY_REPLAYED]),
)
async def refund(
    request: Request[Principal, Any, Any],
    payment_id: PathId,
    data: JSONBody[NewRefund],
) -> Response[RefundCreated]:
    """Give money back: all that is left, or an amount."""
    state = request.app.state
    amount = None if data.amount is None else amount_minor("amount", data.amount)
    if amount == 0:
        raise InvalidInput("amount must be more than 0.", errors=[FieldError("amount", "is 0")])

    async def command() -> Row:
        return await refund_payment(
            state.database,
            payment_id,
            amount,
            data.reason,
            user_id=request.user.user_id,
            outbox=state.outbox,
            now=state.clock(),
        )

    def render(row: Row) -> tuple[int, bytes]:
        created = RefundCreated(
            message=say(request.headers, REFUNDED),
            refund_id=row["id"],
            amount=from_minor(row["amount_minor"]),
            amount_minor=row["amount_minor"],
        )
        return 201, encode(created)

    route = f"POST /payments/{payment_id}/refunds"
    response = await answered_once(request, route, command, render)
    await settle_refunds(state.database, state.payment_provider)
    return response


HANDLERS = (pay, list_payments, refund)
