"""The form of a seller's book: add one, and change one.

The form of a change holds the version that it was made from. Where the book has changed since, the
newer values are shown beside what was typed, and the form then holds the newer version.
"""

import re
from decimal import Decimal
from typing import Any

from litestar import Response, get, post

from functions.kit.http.requests import AnyRequest
from functions.storefront.back_office import SELLER
from functions.storefront.clients.catalog import ManagedBook
from functions.storefront.clients.service import Refused
from functions.storefront.controllers.books import id_in_path
from functions.storefront.controllers.managed_books import RETIRED_MEANWHILE
from functions.storefront.controllers.seller.books import NAME_FIRST, ask_for_name, own_book
from functions.storefront.domain.amounts import amount
from functions.storefront.forms import Form, new_key, read_form
from functions.storefront.translations import N_
from functions.storefront.visits import INFO, SUCCESS, Visit, open_area

REQUIRED = ("title", "author")
TEXTS = (*REQUIRED, "price")
OPTIONAL = ("isbn", "category", "language", "description")
SHOWN = (*TEXTS, *OPTIONAL, "year")
MAX_STOCK = 1_000_000
LANGUAGES = (
    *("es", "en", "ca", "de", "eu", "fr", "gl", "it", "pt", "qu"),
    *("ar", "el", "ja", "la", "nl", "pl", "ru", "sv", "zh"),
)
"""ISO 639 codes that the form offers; a book may have another one."""

_YEAR = re.compile(r"-?[0-9]{1,4}")
_ETAG = re.compile(r'"[0-9.]{1,60}"')
_NO_VERSION = '"0.0.0"'
_NO_AMOUNT = N_("Write an amount such as 12.50.")
_NO_YEAR = N_("Write a year such as 1967; before Christ, such as -750.")
_NO_STOCK = N_("Write a whole number from 0 to 1000000.")
ADDED = N_("The book is on sale.")
CHANGED = N_("The book is changed.")
MEANWHILE = N_(
    "Somebody changed this book meanwhile. The newer values are beside yours. Save again to keep"
    " what is in the fields."
)
BRING_BACK = N_("This book is retired. Bring it back before you change it.")
_NEEDED = N_("Fill this in.")


@get("/{language:str}/seller/books/new", include_in_schema=False)
async def show_new(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, SELLER)
    if (asked := await ask_for_name(visit)) is not None:
        return asked
    return _new_page(visit, {"stock": "1"}, {}, new_key())


def _new_page(
    visit: Visit, typed: dict[str, Any], problems: dict[str, str], key: str, status: int = 200
) -> Response[bytes]:
    return visit.page(
        "seller/new_book.html",
        status=status,
        typed=typed,
        problems=problems,
        newer={},
        languages=_languages(typed),
        form_key=key,
    )


@post("/{language:str}/seller/books", include_in_schema=False)
async def add(request: AnyRequest) -> Response[bytes]:
    """The same form sent twice adds one book."""
    visit = await open_area(request, SELLER, keeps_form=True)
    visit.returns_to = visit.url("seller", "books", "new")
    form = await read_form(request)
    body, problems = _details(visit, form)
    stock = form.whole("stock", least=0, most=MAX_STOCK)
    if stock is None:
        problems["stock"] = visit.gettext(_NO_STOCK)
    if problems:
        return _new_page(visit, form.shown(), problems, form.key, 400)
    given = {name: value for name, value in body.items() if value is not None}
    catalog = visit.services.catalog
    try:
        await visit.as_customer(
            lambda caller: catalog.add_book(caller, {**given, "stock": stock}, key=form.key)
        )
    except Refused as refusal:
        if refusal.code == "seller-name-needed":
            visit.tell(INFO, NAME_FIRST)
            return visit.redirect(visit.url("seller", "name"))
        return _new_page(visit, form.shown(), _problems(visit, refusal), new_key(), refusal.status)
    visit.tell(SUCCESS, ADDED)
    return visit.redirect(visit.url("seller", "books"))


@get("/{language:str}/seller/books/{book_id:str}", include_in_schema=False)
async def show(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, SELLER)
    book = await own_book(visit, id_in_path(request, "book_id"))
    if book.retired:
        visit.tell(INFO, BRING_BACK)
        return visit.redirect(visit.url("seller", "books", state="retired"))
    return _page(visit, book, shown(book), {})


def _page(
    visit: Visit,
    book: ManagedBook,
    typed: dict[str, Any],
    problems: dict[str, str],
    *,
    newer: dict[str, str] | None = None,
    etag: str | None = None,
    status: int = 200,
) -> Response[bytes]:
    return visit.page(
        "seller/book.html",
        status=status,
        book=book,
        typed=typed,
        problems=problems,
        newer=newer or {},
        meanwhile=visit.gettext(MEANWHILE) if newer is not None else None,
        languages=_languages(typed),
        etag=etag or book.etag,
    )


@post("/{language:str}/seller/books/{book_id:str}", include_in_schema=False)
async def change(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, SELLER, keeps_form=True)
    book_id = id_in_path(request, "book_id")
    visit.returns_to = visit.url("seller", "books", book_id)
    form = await read_form(request)
    changes, problems = _details(visit, form)
    etag = form.text("etag")
    if not _ETAG.fullmatch(etag):  # no page of the shop sends it: treated as outdated
        etag = _NO_VERSION
    catalog = visit.services.catalog
    if not problems:
        try:
            await visit.as_customer(
                lambda caller: catalog.change_book(caller, book_id, changes, etag=etag)
            )
        except Refused as refusal:
            if refusal.status not in {400, 409, 410, 412}:
                raise
            if refusal.status == 410:
                book = await own_book(visit, book_id)
                problems = {"": visit.gettext(RETIRED_MEANWHILE)}
                return _page(visit, book, form.shown(), problems, etag=etag, status=410)
            if refusal.status == 412:
                book = await own_book(visit, book_id)
                newer = {
                    name: value
                    for name, value in shown(book).items()
                    if not _is_same(value, form.text(name))
                }
                if not newer:  # sent again, after an answer that was lost
                    visit.tell(SUCCESS, CHANGED)
                    return visit.redirect(visit.url("seller", "books"))
                return _page(visit, book, form.shown(), {}, newer=newer, status=412)
            problems = _problems(visit, refusal)
            status = refusal.status
        else:
            visit.tell(SUCCESS, CHANGED)
            return visit.redirect(visit.url("seller", "books"))
    else:
        status = 400
    book = await own_book(visit, book_id)
    return _page(visit, book, form.shown(), problems, etag=etag, status=status)


def shown(book: ManagedBook) -> dict[str, str]:
    """A book's values as the form's fields hold them."""
    values = {name: getattr(book, name) for name in SHOWN}
    values["price"] = f"{book.price:.2f}"
    return {name: "" if value is None else str(value) for name, value in values.items()}


def _is_same(value: str, typed: str) -> bool:
    """Whether a field holds the value already; `12,5` is 12.50."""
    if value == typed:
        return True
    amounts = [read for read in map(amount, (value, typed)) if read is not None]
    return len(amounts) == 2 and Decimal(amounts[0]) == Decimal(amounts[1])


def _details(visit: Visit, form: Form) -> tuple[dict[str, Any], dict[str, str]]:
    """Members for catalog, null for empty fields, and problems that only the page can find."""
    problems: dict[str, str] = {}
    details: dict[str, Any] = {name: form.text(name) for name in TEXTS}
    problems |= {name: visit.gettext(_NEEDED) for name in REQUIRED if not details[name]}
    details["price"] = amount(details["price"])
    if details["price"] is None:
        problems["price"] = visit.gettext(_NO_AMOUNT)
    details |= {name: form.text(name) or None for name in OPTIONAL}
    year = form.text("year")
    details["year"] = None
    if year and _YEAR.fullmatch(year):
        details["year"] = int(year)
    elif year:
        problems["year"] = visit.gettext(_NO_YEAR)
    return details, problems


def _problems(visit: Visit, refusal: Refused) -> dict[str, str]:
    """Messages by field; under the empty name what concerns the whole form."""
    if refusal.code == "isbn-taken":
        return {"isbn": visit.reason(refusal)}
    known = {name: text for name, text in refusal.fields.items() if name in {*SHOWN, "stock"}}
    return known or {"": visit.reason(refusal)}


def _languages(typed: dict[str, Any]) -> list[str]:
    """Codes that the form offers; the one that the book has is among them."""
    present = str(typed.get("language", ""))
    known = present in LANGUAGES or not re.fullmatch(r"[a-z]{2,3}", present)
    return [*LANGUAGES, *([] if known else [present])]


HANDLERS = (show_new, add, show, change)
