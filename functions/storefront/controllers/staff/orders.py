"""Everybody's orders: the list, and one order with all that staff can do with it.

Staff sees a customer's number and the recipient of the address, which is what sending needs. Names
and emails of accounts are auth's, and for administrators only.
"""

import asyncio
from typing import Any

from litestar import Response, get, post
from litestar.response import Stream

from functions.kit.http.requests import AnyRequest
from functions.storefront.back_office import STAFF
from functions.storefront.clients.purchase import STATUSES, Order
from functions.storefront.clients.sales import Provider
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
    confirmation_page,
)
from functions.storefront.forms import new_key, read_form
from functions.storefront.refusal_texts import ORDER_CHANGED
from functions.storefront.translations import N_
from functions.storefront.visits import SUCCESS, Visit, open_area

ORDER_STATUSES = (
    *("Pending Payment", "Paid", "On Delivery", "Delivered"),
    *("Cancelled", "Expired", "Refunded"),
)
UNFINISHED = "Pending Payment,Paid,On Delivery"

ORDERS = ListOf(
    path=("staff", "orders"),
    columns=(
        Column("id", N_("Order")),
        Column("status", N_("State")),
        Column("created", N_("Ordered"), ("created", "-created")),
        Column("recipient", N_("Recipient")),
        Column("customer", N_("Customer"), None, "amount"),
        Column("total", N_("Total"), ("total", "-total"), "amount"),
    ),
    filters=(
        Filter("ids", N_("Order number"), WHOLE),
        Filter(
            "status",
            N_("State"),
            CHOICE,
            (
                (UNFINISHED, N_("Not finished")),
                *((each, STATUSES[each]) for each in ORDER_STATUSES),
            ),
        ),
        Filter("user_id", N_("Customer number"), WHOLE),
        Filter("book_id", N_("Book number"), WHOLE),
        Filter("created_from", N_("Ordered from"), DAY),
        Filter("created_to", N_("Ordered until"), DAY),
        Filter("min_total", N_("Total from"), AMOUNT),
        Filter("max_total", N_("Total to"), AMOUNT),
    ),
    sort="-created",
    exported=True,
)


@get("/{language:str}/staff/orders", include_in_schema=False)
async def list_orders(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, STAFF)
    listing = Listing(visit, ORDERS)
    orders = await listing.read(visit.services.sales.orders)
    return visit.page("staff/orders.html", status=listing.status, listing=listing, orders=orders)


@get("/{language:str}/staff/orders.csv", include_in_schema=False)
async def export_orders(request: AnyRequest) -> Stream:
    visit = await open_area(request, STAFF)
    read = visit.services.sales.orders
    return await csv_of(Listing(visit, ORDERS), "orders", HEADER, read, _cells)


HEADER = (
    *("order", "status", "created_at", "customer", "recipient", "city", "country"),
    *("books", "copies", "delivery_fee", "total", "currency"),
)


def _cells(order: Order) -> list[Cell]:
    return [
        *(order.id, order.status, order.created_at, order.user_id),
        *(order.recipient, order.city, order.country),
        "; ".join(f"{item.quantity} × {item.book_name}" for item in order.items),
        *(order.quantity, order.delivery_fee, order.total_price, order.currency),
    ]


@get("/{language:str}/staff/orders/{order_id:str}", include_in_schema=False)
async def show_order(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, STAFF)
    return await order_page(visit, id_in_path(request, "order_id"))


async def order_page(
    visit: Visit, order_id: int, *, status: int = 200, problem: str | None = None
) -> Response[bytes]:
    """An order as it is now, with why something was refused."""
    sales, purchase = visit.services.sales, visit.services.purchase
    order, providers = await asyncio.gather(
        visit.as_customer(lambda caller: purchase.order(caller, order_id)),
        sales.providers(visit.caller),
    )
    return visit.page(
        "staff/order.html",
        status=status,
        order=order,
        wished=next((each for each in providers if each.id == order.provider_id), None),
        providers=covering(providers, order),
        problem=problem,
        form_key=new_key(),
    )


def covering(providers: list[Provider], order: Order) -> list[Provider]:
    """The providers that serve an order's country, the one that its buyer chose first."""
    fitting = [each for each in providers if each.covers(order.country)]
    return sorted(fitting, key=lambda each: each.id != order.provider_id)


@get("/{language:str}/staff/orders/{order_id:str}/cancel", include_in_schema=False)
async def ask_to_cancel(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, STAFF)
    order_id = id_in_path(request, "order_id")
    purchase = visit.services.purchase
    order = await visit.as_customer(lambda caller: purchase.order(caller, order_id))
    if "cancel" not in order.moves:
        return await order_page(visit, order_id, status=409, problem=visit.gettext(ORDER_CHANGED))
    gettext = visit.gettext
    return confirmation_page(
        visit,
        title=gettext(N_("Cancel order %(id)s?")) % {"id": order.id},
        text=gettext(N_("Its books can be sold to others at once. This cannot be undone.")),
        button=gettext(N_("Cancel the order")),
        back=visit.url("staff", "orders", order.id),
    )


@post("/{language:str}/staff/orders/{order_id:str}/cancel", include_in_schema=False)
async def cancel_order(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, STAFF)
    order_id = id_in_path(request, "order_id")
    here = visit.returns_to = visit.url("staff", "orders", order_id)
    purchase = visit.services.purchase
    try:
        await visit.as_customer(lambda caller: purchase.cancel(caller, order_id))
    except Refused as refusal:
        if refusal.status != 409:
            raise
        return await order_page(visit, order_id, status=409, problem=refused(visit, refusal))
    visit.tell(SUCCESS, "The order is cancelled.")
    return visit.redirect(here)


@post("/{language:str}/staff/orders/{order_id:str}/assign", include_in_schema=False)
async def assign(request: AnyRequest) -> Response[bytes]:
    """Give a paid order to a delivery provider."""
    visit = await open_area(request, STAFF)
    form = await read_form(request)
    order_id = id_in_path(request, "order_id")
    here = visit.returns_to = visit.url("staff", "orders", order_id)
    provider_id, key = form.id("provider"), form.key
    if provider_id is None:
        problem = visit.gettext(N_("Choose who delivers it."))
        return await order_page(visit, order_id, status=400, problem=problem)
    sales = visit.services.sales
    try:
        await visit.as_customer(lambda caller: sales.assign(caller, order_id, provider_id, key=key))
    except Refused as refusal:
        if refusal.status not in {400, 404, 409, 422} or refusal.code == "purchase-not-found":
            raise
        problem = refused(visit, refusal)
        return await order_page(visit, order_id, status=refusal.status, problem=problem)
    visit.tell(SUCCESS, "The delivery is assigned.")
    return visit.redirect(staff_page(visit, form.text("back")) or here)


def staff_page(visit: Visit, path: str) -> str | None:
    """The list that a form came from, if it is one of the area."""
    from functions.storefront.domain.paths import local_path  # noqa: PLC0415 - for forms only

    found = local_path(path)
    return found if found and found.startswith(f"/{visit.language}/staff/") else None


def refused(visit: Visit, refusal: Refused) -> str:
    """Why staff cannot do something, above the order as it is now."""
    if refusal.code == "idempotency-key-reused":
        return visit.gettext(SENT_BEFORE)
    return visit.reason(refusal)


SENT_BEFORE = N_("This form was sent before, with other contents. This is what came of it.")

HANDLERS: tuple[Any, ...] = (
    list_orders,
    export_orders,
    show_order,
    ask_to_cancel,
    cancel_order,
    assign,
)
