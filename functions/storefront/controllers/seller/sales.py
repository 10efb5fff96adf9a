"""What a seller has sold, with the sums of a period."""

from typing import Any

from litestar import Response, get
from litestar.response import Stream

from functions.kit.http.requests import AnyRequest
from functions.storefront.back_office import SELLER
from functions.storefront.clients.purchase import Sale
from functions.storefront.clients.service import Caller
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
from functions.storefront.translations import N_
from functions.storefront.visits import Visit, open_area

STATUSES = (
    ("Pending Payment", N_("Waiting for payment")),
    ("Paid", N_("Paid")),
    ("On Delivery", N_("On its way")),
    ("Delivered", N_("Delivered")),
    ("Cancelled", N_("Cancelled")),
    ("Expired", N_("Expired")),
    ("Refunded", N_("Refunded")),
)
"""Of an order, under the names that `rendering.py`, which a start does not load, gives them too."""
BEST = 5
"""Books that the summary names."""

SALES = ListOf(
    path=("seller", "sales"),
    columns=(
        Column("book", N_("Title")),
        Column("sold", N_("Sold")),
        Column("order", N_("Order"), None, "amount"),
        Column("quantity", N_("Copies"), None, "amount"),
        Column("price", N_("Price"), None, "amount"),
        Column("revenue", N_("Revenue"), None, "amount"),
        Column("state", N_("State")),
    ),
    filters=(
        Filter("created_from", N_("From day"), DAY),
        Filter("created_to", N_("To day"), DAY),
        Filter("status", N_("State"), CHOICE, STATUSES),
        Filter("book_id", N_("Number of the book"), WHOLE),
    ),
    exported=True,
)


@get("/{language:str}/seller/sales", include_in_schema=False)
async def list_sales(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, SELLER)
    listing = Listing(visit, SALES)
    sales = await listing.read(_reader(visit))
    period: dict[str, object] = {
        name: listing.chosen[name]
        for name in ("created_from", "created_to")
        if name in listing.chosen
    }
    purchase = visit.services.purchase
    summary = await visit.as_customer(
        lambda caller: purchase.sales_summary(caller, {**period, "limit": BEST})
    )
    return visit.page(
        "seller/sales.html", status=listing.status, listing=listing, sales=sales, summary=summary
    )


def _reader(visit: Visit) -> Any:
    async def read(caller: Caller, asked: dict[str, Any]) -> Page[Sale]:
        return await visit.services.purchase.sales(caller, asked)

    return read


@get("/{language:str}/seller/sales.csv", include_in_schema=False)
async def export_sales(request: AnyRequest) -> Stream:
    visit = await open_area(request, SELLER)
    return await csv_of(Listing(visit, SALES), "sales", HEADER, _reader(visit), _cells)


HEADER = (
    *("sold_at", "purchase_id", "book_id", "book_name", "quantity", "unit_price"),
    *("amount", "revenue", "currency", "status"),
)


def _cells(sale: Sale) -> list[Cell]:
    return [getattr(sale, name) for name in HEADER]


HANDLERS = (list_sales, export_sales)
