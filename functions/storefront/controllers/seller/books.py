"""The books of a seller: their list, and how one is retired and brought back."""

from litestar import Response, get, post
from litestar.response import Stream

from functions.kit.http.requests import AnyRequest
from functions.storefront.back_office import SELLER
from functions.storefront.clients.catalog import ManagedBook
from functions.storefront.clients.service import Refused
from functions.storefront.controllers.books import id_in_path
from functions.storefront.controllers.csv_export import csv_of
from functions.storefront.controllers.lists import (
    Column,
    Listing,
    ListOf,
    confirmation_page,
)
from functions.storefront.controllers.managed_books import (
    COLUMNS,
    HEADER,
    STATE,
    WORDS,
    cells,
    reading,
)
from functions.storefront.errors import PageNotFound
from functions.storefront.translations import N_
from functions.storefront.visits import INFO, SUCCESS, Visit, open_area

BOOKS = ListOf(
    path=("seller", "books"),
    columns=(*COLUMNS, Column("change", N_("Change"))),
    filters=(WORDS, STATE),
    sort="newest",
    exported=True,
)

RETIRED = N_("The book is retired. Orders of it stay, and you can bring it back.")
RESTORED = N_("The book is on sale again.")
NAME_FIRST = N_("First choose the name under which the shop shows your books.")


@get("/{language:str}/seller/books", include_in_schema=False)
async def list_books(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, SELLER)
    listing = Listing(visit, BOOKS)
    books = await listing.read(reading(visit.services.catalog.own_books))
    return visit.page("seller/books.html", status=listing.status, listing=listing, books=books)


@get("/{language:str}/seller/books.csv", include_in_schema=False)
async def export_books(request: AnyRequest) -> Stream:
    visit = await open_area(request, SELLER)
    read = reading(visit.services.catalog.own_books)
    return await csv_of(Listing(visit, BOOKS), "books", HEADER, read, cells)


async def ask_for_name(visit: Visit) -> Response[bytes] | None:
    """The way to the page that asks for the seller's name in the shop; None where there is one."""
    if await visit.as_customer(visit.services.catalog.seller) is not None:
        return None
    visit.tell(INFO, NAME_FIRST)
    return visit.redirect(visit.url("seller", "name"))


async def own_book(visit: Visit, book_id: int) -> ManagedBook:
    """A book of the seller. Raises `PageNotFound` for one that is not theirs."""
    books, _ = await visit.as_customer(
        lambda caller: visit.services.catalog.own_books(caller, {"ids": book_id})
    )
    if not books:
        raise PageNotFound
    return books[0]


@get("/{language:str}/seller/books/{book_id:str}/retire", include_in_schema=False)
async def ask_to_retire(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, SELLER)
    book = await own_book(visit, id_in_path(request, "book_id"))
    back = visit.url("seller", "books")
    if book.retired:
        visit.tell(INFO, RETIRED)
        return visit.redirect(back)
    return confirmation_page(
        visit,
        title=visit.gettext(N_("Retire “%(title)s”?")) % {"title": book.title},
        text=visit.gettext(
            N_(
                "Nobody can buy it any more. Orders of it stay as they are, and you can bring"
                " it back."
            )
        ),
        button=visit.gettext(N_("Retire the book")),
        back=back,
    )


@post("/{language:str}/seller/books/{book_id:str}/retire", include_in_schema=False)
async def retire(request: AnyRequest) -> Response[bytes]:
    """A book that is retired already stays so."""
    visit = await open_area(request, SELLER)
    here = visit.returns_to = visit.url("seller", "books")
    book_id = id_in_path(request, "book_id")
    try:
        await visit.as_customer(lambda caller: visit.services.catalog.retire_book(caller, book_id))
    except Refused as refusal:
        if refusal.status != 410:
            raise
    visit.tell(SUCCESS, RETIRED)
    return visit.redirect(here)


@post("/{language:str}/seller/books/{book_id:str}/restore", include_in_schema=False)
async def restore(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, SELLER)
    here = visit.returns_to = visit.url("seller", "books")
    book_id = id_in_path(request, "book_id")
    try:
        await visit.as_customer(lambda caller: visit.services.catalog.restore_book(caller, book_id))
    except Refused as refusal:
        if refusal.status != 409:
            raise
        visit.tell_refusal(refusal)
    else:
        visit.tell(SUCCESS, RESTORED)
    return visit.redirect(here)


HANDLERS = (list_books, export_books, ask_to_retire, retire, restore)
