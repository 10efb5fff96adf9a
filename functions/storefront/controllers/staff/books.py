"""All books, those that are sold out or retired included: the list, and its changes in place.

One book's page is in `book.py`.
"""

from urllib.parse import urlsplit

from litestar import Response, get, post
from litestar.response import Stream

from functions.kit.http.requests import AnyRequest
from functions.storefront.back_office import STAFF
from functions.storefront.clients.service import Refused
from functions.storefront.controllers.books import id_in_path
from functions.storefront.controllers.csv_export import csv_of
from functions.storefront.controllers.lists import (
    AMOUNT,
    WHOLE,
    Filter,
    Listing,
    ListOf,
)
from functions.storefront.controllers.managed_books import (
    COLUMNS,
    HEADER,
    STATE,
    WORDS,
    cells,
    reading,
)
from functions.storefront.controllers.staff.book import conflict, page_of, stock_page
from functions.storefront.controllers.staff.book_forms import etag_of, read
from functions.storefront.domain.paths import local_path
from functions.storefront.forms import Form, new_key, read_form
from functions.storefront.translations import N_
from functions.storefront.visits import SUCCESS, Visit, open_area

BOOKS = ListOf(
    path=("staff", "books"),
    columns=COLUMNS,
    filters=(
        WORDS,
        Filter("category", N_("Category")),
        STATE,
        Filter("min_price", N_("Price from"), AMOUNT),
        Filter("max_price", N_("Price to"), AMOUNT),
        Filter("seller", N_("Number of the seller"), WHOLE),
    ),
    sort="newest",
    exported=True,
)


@get("/{language:str}/staff/books", include_in_schema=False)
async def list_books(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, STAFF)
    listing = Listing(visit, BOOKS)
    books = await listing.read(reading(visit.services.catalog.managed))
    return visit.page(
        "staff/books.html",
        status=listing.status,
        listing=listing,
        books=books,
        form_key=new_key(),
    )


@get("/{language:str}/staff/books.csv", include_in_schema=False)
async def export_books(request: AnyRequest) -> Stream:
    visit = await open_area(request, STAFF)
    read_page = reading(visit.services.catalog.managed)
    return await csv_of(Listing(visit, BOOKS), "books", HEADER, read_page, cells)


@post("/{language:str}/staff/books/{book_id:str}/price", include_in_schema=False)
async def change_price(request: AnyRequest) -> Response[bytes]:
    """From the list. What is refused goes on at the book's page, with what was typed."""
    visit = await open_area(request, STAFF)
    form = await read_form(request)
    book_id = id_in_path(request, "book_id")
    visit.returns_to = visit.url("staff", "books", book_id)
    typed = read(form, ("price",))
    if typed.problems:
        problems = {name: visit.gettext(text) for name, text in typed.problems.items()}
        return await page_of(visit, book_id, form=form, problems=problems, status=400)
    catalog = visit.services.catalog
    try:
        await visit.as_customer(
            lambda caller: catalog.change_book(caller, book_id, typed.values, etag=etag_of(form))
        )
    except Refused as refusal:
        return await conflict(visit, book_id, form, refusal)
    visit.tell(SUCCESS, "The price is changed.")
    return visit.redirect(_back(visit, form))


@post("/{language:str}/staff/books/{book_id:str}/stock", include_in_schema=False)
async def change_stock(request: AnyRequest) -> Response[bytes]:
    """Add copies to the stock, or remove them: from the list, or the book's page."""
    visit = await open_area(request, STAFF, keeps_form=True)
    form = await read_form(request)
    book_id = id_in_path(request, "book_id")
    visit.returns_to = visit.url("staff", "books", book_id)
    refused = await stock_page(visit, book_id, form)
    return visit.redirect(_back(visit, form)) if refused is None else refused


def _back(visit: Visit, form: Form) -> str:
    """The list, or the page, that the form was on."""
    path = local_path(form.text("next")) or ""
    inside = urlsplit(path).path.startswith(visit.url("staff", "books"))
    return path if inside else visit.url("staff", "books")


HANDLERS = (list_books, export_books, change_price, change_stock)
