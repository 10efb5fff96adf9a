"""Deliveries by their state: what is to be assigned, what is under way, and how it ended."""

from collections.abc import Sequence
from typing import Any

from litestar import Response, get, post
from litestar.response import Stream

from functions.kit.http.requests import AnyRequest
from functions.storefront.back_office import STAFF
from functions.storefront.clients.purchase import Delivery, Order
from functions.storefront.clients.sales import Provider
from functions.storefront.clients.service import Caller, Refused
from functions.storefront.controllers.books import id_in_path
from functions.storefront.controllers.csv_export import Cell, csv_of
from functions.storefront.controllers.lists import (
    CHOICE,
    DAY,
    WHOLE,
    Column,
    Filter,
    Listing,
    ListOf,
    Page,
)
from functions.storefront.controllers.staff.orders import (
    covering,
    order_page,
    refused,
    staff_page,
)
from functions.storefront.errors import PageNotFound
from functions.storefront.forms import new_key, read_form
from functions.storefront.translations import N_
from functions.storefront.visits import INFO, SUCCESS, Visit, open_area

TO_ASSIGN = "to-assign"
STATES: dict[str, tuple[str, str]] = {
    TO_ASSIGN: ("Paid", N_("To assign")),
    "assigned": ("Assigned", N_("Assigned")),
    "in-transit": ("In Transit", N_("In transit")),
    "failed": ("Failed", N_("Failed")),
    "delivered": ("Delivered", N_("Delivered")),
}
"""The last part of each list's path, the status that it asks purchase for, and its label."""
_OLDEST_FIRST = {TO_ASSIGN, "assigned", "in-transit"}

MOVES = {"in_transit": "In Transit", "delivered": "Delivered", "failed": "Failed"}

_DAYS = (
    Filter("created_from", N_("From"), DAY),
    Filter("created_to", N_("Until"), DAY),
)


def _list_of(state: str, providers: Sequence[Provider]) -> ListOf:
    by_provider = Filter(
        "provider_id",
        N_("Delivery provider"),
        CHOICE,
        tuple((str(each.id), each.name) for each in providers),
    )
    number = "ids" if state == TO_ASSIGN else "purchase_id"
    since = N_("Ordered") if state == TO_ASSIGN else N_("Assigned")
    return ListOf(
        path=("staff", "deliveries", state),
        columns=(
            Column("order", N_("Order")),
            Column("created", since, ("created", "-created")),
            *(() if state in _OLDEST_FIRST else (Column("updated", STATES[state][1]),)),
            Column("recipient", N_("Recipient")),
            Column("provider", N_("Delivery provider")),
            *((Column("next", N_("Next")),) if state in _OLDEST_FIRST else ()),
        ),
        filters=(Filter(number, N_("Order number"), WHOLE), by_provider, *_DAYS),
        sort="created" if state in _OLDEST_FIRST else "-created",
        exported=True,
    )


@get("/{language:str}/staff/deliveries", include_in_schema=False)
async def begin(request: AnyRequest) -> Response[bytes]:
    """What is to be done comes first."""
    visit = await open_area(request, STAFF)
    return visit.redirect(visit.url("staff", "deliveries", TO_ASSIGN))


@get("/{language:str}/staff/deliveries/{list_name:str}", include_in_schema=False)
async def list_deliveries(request: AnyRequest) -> Response[bytes] | Stream:
    """One of the lists, or with `.csv` after its name the whole of it as a file."""
    visit = await open_area(request, STAFF)
    name: str = request.path_params["list_name"]
    state = name.removesuffix(".csv")
    if state not in STATES:
        raise PageNotFound
    providers = await visit.services.sales.providers(visit.caller)
    listing = Listing(visit, _list_of(state, providers))
    if name != state:
        return await _export(visit, listing, state, {each.id: each.name for each in providers})
    shown: dict[str, Any] = {"state": state, "states": STATES, "listing": listing}
    if state == TO_ASSIGN:
        orders = await listing.read(_waiting(visit))
        return visit.page(
            "staff/to_assign.html",
            status=listing.status,
            **shown,
            orders=[(order, covering(providers, order), new_key()) for order in orders],
        )
    deliveries = await listing.read(_in_state(visit, state))
    return visit.page(
        "staff/deliveries.html", status=listing.status, **shown, deliveries=deliveries
    )


def _waiting(visit: Visit) -> Any:
    """Paid orders, those whose delivery has failed included."""

    async def read(caller: Caller, asked: dict[str, Any]) -> Page[Order]:
        return await visit.services.sales.orders(caller, {**asked, "status": STATES[TO_ASSIGN][0]})

    return read


def _in_state(visit: Visit, state: str) -> Any:
    async def read(caller: Caller, asked: dict[str, Any]) -> Page[Delivery]:
        return await visit.services.sales.deliveries(caller, {**asked, "status": STATES[state][0]})

    return read


async def _export(visit: Visit, listing: Listing, state: str, names: dict[int, str]) -> Stream:
    def waiting(order: Order) -> list[Cell]:
        sent_to = (order.recipient, order.city, order.country)
        chosen = names.get(order.provider_id or 0)
        return [order.id, order.status, order.created_at, *sent_to, chosen]

    def delivery(each: Delivery) -> list[Cell]:
        sent_to = (each.recipient, each.city, each.country)
        dates = (each.created_at, each.updated_at)
        return [each.purchase_id, each.status, *dates, *sent_to, each.provider_name]

    ends = ("recipient", "city", "country", "provider")
    if state == TO_ASSIGN:
        header = ("order", "status", "created_at", *ends)
        return await csv_of(listing, state, header, _waiting(visit), waiting)
    columns = ("order", "status", "assigned_at", "changed_at", *ends)
    return await csv_of(listing, f"deliveries-{state}", columns, _in_state(visit, state), delivery)


@post("/{language:str}/staff/deliveries/{delivery_id:str}/report", include_in_schema=False)
async def report(request: AnyRequest) -> Response[bytes]:
    """In transit, delivered or failed."""
    visit = await open_area(request, STAFF)
    form = await read_form(request)
    delivery_id = id_in_path(request, "delivery_id")
    back = staff_page(visit, form.text("back"))
    visit.returns_to = back or visit.url("staff", "deliveries")
    sales, move = visit.services.sales, form.text("status")
    problem, status = visit.gettext(N_("Choose what has become of it.")), 400
    if move in MOVES:
        try:
            await visit.as_customer(lambda caller: sales.report(caller, delivery_id, move))
        except Refused as refusal:
            if refusal.status != 409:
                raise
            problem, status = refused(visit, refusal), 409
        else:
            visit.tell(SUCCESS, "The delivery is updated.")
            return visit.redirect(visit.returns_to)
    delivery = await visit.as_customer(lambda caller: sales.delivery(caller, delivery_id))
    if delivery.status == MOVES.get(move):  # the same form sent twice, or by two people
        visit.tell(INFO, "It was reported before.")
        return visit.redirect(visit.returns_to)
    return await order_page(visit, delivery.purchase_id, status=status, problem=problem)


HANDLERS: tuple[Any, ...] = (begin, list_deliveries, report)
