"""Who sells in the shop, and whose a book is."""

from typing import Any

from litestar import Response, get, post
from litestar.response import Stream

from functions.kit.http.requests import AnyRequest
from functions.storefront.back_office import STAFF
from functions.storefront.clients.service import Refused
from functions.storefront.controllers.csv_export import csv_of
from functions.storefront.controllers.lists import Column, Listing, ListOf
from functions.storefront.forms import read_form
from functions.storefront.translations import N_
from functions.storefront.visits import SUCCESS, Visit, open_area

SELLERS = ListOf(
    path=("staff", "sellers"),
    columns=(
        Column("name", N_("Sold by"), ("name", "-name")),
        Column("id", N_("Number"), ("id", "-id"), "amount"),
        Column("books", N_("Books")),
    ),
    sort="id",
    exported=True,
)

ASSIGNED = N_("The book has another seller now. Its earlier sales stay with the one before.")
_NO_NUMBER = N_("Write a whole number such as 17.")


@get("/{language:str}/staff/sellers", include_in_schema=False)
async def list_sellers(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, STAFF)
    return await _page(visit, {}, {})


@get("/{language:str}/staff/sellers.csv", include_in_schema=False)
async def export_sellers(request: AnyRequest) -> Stream:
    visit = await open_area(request, STAFF)
    read, header = visit.services.catalog.sellers, ("id", "name")
    listing = Listing(visit, SELLERS)
    return await csv_of(listing, "sellers", header, read, lambda each: [each.id, each.name])


async def _page(
    visit: Visit, typed: dict[str, Any], problems: dict[str, str], status: int | None = None
) -> Response[bytes]:
    listing = Listing(visit, SELLERS)
    sellers = await listing.read(visit.services.catalog.sellers)
    return visit.page(
        "staff/sellers.html",
        status=status or listing.status,
        listing=listing,
        sellers=sellers,
        typed=typed,
        problems=problems,
    )


@post("/{language:str}/staff/sellers", include_in_schema=False)
async def assign(request: AnyRequest) -> Response[bytes]:
    """An empty number of the seller makes the book the shop's own."""
    visit = await open_area(request, STAFF)
    visit.returns_to = visit.url("staff", "sellers")
    form = await read_form(request)
    book_id = form.id("book_id")
    seller_id = form.id("seller_id")
    problems: dict[str, str] = {}
    if book_id is None:
        problems["book_id"] = visit.gettext(_NO_NUMBER)
    if seller_id is None and form.text("seller_id"):
        problems["seller_id"] = visit.gettext(_NO_NUMBER)
    if book_id is None or problems:
        return await _page(visit, form.shown(), problems, 400)
    catalog = visit.services.catalog
    try:
        await visit.as_customer(lambda caller: catalog.assign_seller(caller, book_id, seller_id))
    except Refused as refusal:
        if refusal.status not in {400, 404, 410}:
            raise
        of_seller = refusal.code == "seller-not-found"
        problems = {"seller_id" if of_seller else "book_id": visit.reason(refusal)}
        return await _page(visit, form.shown(), problems, refusal.status)
    visit.tell(SUCCESS, ASSIGNED)
    return visit.redirect(visit.url("staff", "sellers"))


HANDLERS = (list_sellers, export_sellers, assign)
