"""Everybody's payments, and refunds of them."""

from decimal import Decimal
from typing import Any

from litestar import Response, get, post
from litestar.response import Stream

from functions.kit.http.requests import AnyRequest
from functions.storefront.back_office import STAFF
from functions.storefront.clients.purchase import STATUSES, OrderPayment
from functions.storefront.clients.service import Refused
from functions.storefront.controllers.books import id_in_path
from functions.storefront.controllers.csv_export import Cell, csv_of
from functions.storefront.controllers.lists import (
    AMOUNT,
    CHOICE,
    DAY,
    WHOLE,
    Column,
    Filter,
    Listing,
    ListOf,
)
from functions.storefront.controllers.staff.orders import SENT_BEFORE
from functions.storefront.forms import new_key, read_form
from functions.storefront.translations import N_
from functions.storefront.visits import SUCCESS, Visit, open_area

MAX_REASON = 200

PAYMENTS = ListOf(
    path=("staff", "payments"),
    columns=(
        Column("id", N_("Payment")),
        Column("order", N_("Order"), None, "amount"),
        Column("status", N_("State")),
        Column("created", N_("Begun"), ("created", "-created")),
        Column("method", N_("Method")),
        Column("amount", N_("Amount"), ("amount", "-amount"), "amount"),
        Column("refunded", N_("Refunded"), None, "amount"),
    ),
    filters=(
        Filter("purchase_id", N_("Order number"), WHOLE),
        Filter(
            "status",
            N_("State"),
            CHOICE,
            tuple(
                (each, STATUSES[each]) for each in ("Processing", "Completed", "Failed", "Refunded")
            ),
        ),
        Filter("refunded", N_("Refunds"), CHOICE, (("true", N_("With")), ("false", N_("Without")))),
        Filter("user_id", N_("Customer number"), WHOLE),
        Filter("created_from", N_("From"), DAY),
        Filter("created_to", N_("Until"), DAY),
        Filter("min_amount", N_("Amount from"), AMOUNT),
        Filter("max_amount", N_("Amount to"), AMOUNT),
    ),
    sort="-created",
    exported=True,
)


@get("/{language:str}/staff/payments", include_in_schema=False)
async def list_payments(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, STAFF)
    listing = Listing(visit, PAYMENTS)
    payments = await listing.read(visit.services.sales.payments)
    return visit.page(
        "staff/payments.html", status=listing.status, listing=listing, payments=payments
    )


@get("/{language:str}/staff/payments.csv", include_in_schema=False)
async def export_payments(request: AnyRequest) -> Stream:
    visit = await open_area(request, STAFF)
    read = visit.services.sales.payments
    return await csv_of(Listing(visit, PAYMENTS), "payments", HEADER, read, _cells)


HEADER = (
    *("payment", "order", "customer", "status", "created_at", "method"),
    *("amount", "refunded", "currency"),
)


def _cells(payment: OrderPayment) -> list[Cell]:
    return [
        *(payment.id, payment.purchase_id, payment.user_id, payment.status, payment.created_at),
        *(payment.method, payment.amount, payment.refunded, payment.currency),
    ]


@get("/{language:str}/staff/payments/{payment_id:str}", include_in_schema=False)
async def show_payment(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, STAFF)
    return await _payment_page(visit, id_in_path(request, "payment_id"))


async def _payment_page(
    visit: Visit,
    payment_id: int,
    *,
    status: int = 200,
    typed: dict[str, Any] | None = None,
    problems: dict[str, str] | None = None,
) -> Response[bytes]:
    """A payment as it is now, its refunds, and the form of a new one where it can be refunded."""
    from functions.storefront.rendering import typed_amount  # noqa: PLC0415 - loads Babel

    sales, purchase = visit.services.sales, visit.services.purchase
    payment = await visit.as_customer(lambda caller: sales.payment(caller, payment_id))
    order = await visit.as_customer(lambda caller: purchase.order(caller, payment.purchase_id))
    if typed is None:
        typed = {"amount": typed_amount(payment.refundable, visit.language), "key": new_key()}
    return visit.page(
        "staff/payment.html",
        status=status,
        payment=payment,
        order=order,
        typed=typed,
        problems=problems or {},
    )


@post("/{language:str}/staff/payments/{payment_id:str}/refund", include_in_schema=False)
async def refund(request: AnyRequest) -> Response[bytes]:
    """An amount, which the buyer gets back once however often the form is sent."""
    from functions.storefront.rendering import read_amount  # noqa: PLC0415 - loads Babel

    visit = await open_area(request, STAFF, keeps_form=True)
    form = await read_form(request)
    payment_id = id_in_path(request, "payment_id")
    here = visit.returns_to = visit.url("staff", "payments", payment_id)
    key, reason = form.key, " ".join(form.text("reason").split())
    amount: Decimal | None = None
    problems: dict[str, str] = {}
    if form.text("amount") or "whole" not in form:
        amount = read_amount(form.text("amount"), visit.language)
        if amount is None or amount == 0:
            problems["amount"] = visit.gettext(_NO_AMOUNT) % {"example": _example(visit)}
    if not reason:
        problems["reason"] = visit.gettext(_NO_REASON)
    sales, status = visit.services.sales, 400
    if not problems:
        try:
            await visit.as_customer(
                lambda caller: sales.refund(caller, payment_id, amount, reason, key=key)
            )
        except Refused as refusal:
            if refusal.status not in {400, 409, 422}:
                raise
            problems, status = _problems(visit, refusal), refusal.status
        else:
            visit.tell(SUCCESS, "The refund is recorded.")
            return visit.redirect(here)
    # What was refused is not stored under the key, and may be sent again with other contents.
    return await _payment_page(
        visit, payment_id, status=status, typed={**form.shown(), "key": key}, problems=problems
    )


_NO_AMOUNT = N_("Write an amount such as %(example)s.")
_NO_REASON = N_("Write why, for the customer and for the accounts.")
_LESS_LEFT = N_("That is more than is left of this payment now. See below what was refunded.")
_ON_ITS_WAY = N_("This cannot be refunded now: see the state of the order and of the payment.")


def _example(visit: Visit) -> str:
    from functions.storefront.rendering import typed_amount  # noqa: PLC0415 - loads Babel

    return typed_amount(Decimal("12.50"), visit.language)


def _problems(visit: Visit, refusal: Refused) -> dict[str, str]:
    """By field; what is said of the whole form has no name."""
    if refusal.code == "over-refund":
        return {"amount": visit.gettext(_LESS_LEFT)}
    if refusal.code == "not-refundable":
        return {"": visit.gettext(_ON_ITS_WAY)}
    if refusal.code == "idempotency-key-reused":
        return {"": visit.gettext(SENT_BEFORE)}
    return refusal.fields or {"": visit.reason(refusal)}


HANDLERS: tuple[Any, ...] = (list_payments, export_payments, show_payment, refund)
