"""One book's page: its form, its stock, taking it out of sale and bringing it back."""

from dataclasses import dataclass
from typing import Any

from litestar import Response, get, post

from functions.kit.http.requests import AnyRequest
from functions.storefront.back_office import STAFF
from functions.storefront.clients.catalog import ManagedBook
from functions.storefront.clients.purchase import Adjustment, Inventory
from functions.storefront.clients.service import Refused, ServiceAway
from functions.storefront.controllers.books import id_in_path
from functions.storefront.controllers.lists import confirmation_page
from functions.storefront.controllers.managed_books import RETIRED_MEANWHILE
from functions.storefront.controllers.staff.book_forms import (
    FIELDS,
    Merged,
    changed,
    digests,
    etag_of,
    fields_of,
    is_stored,
    merged,
    read,
    shown,
)
from functions.storefront.errors import PageNotFound
from functions.storefront.forms import Form, new_key, read_form
from functions.storefront.translations import N_
from functions.storefront.visits import INFO, PROBLEM, SUCCESS, Visit, open_area

SHOWN_ADJUSTMENTS = 10
MAX_DELTA, MAX_DIGITS = 1_000_000, 9

CHANGED = "precondition-failed"
RETIRED = "book-retired"


@dataclass
class Stock:
    """What purchase says of a book's stock; None where it cannot say it now."""

    inventory: Inventory | None = None
    adjustments: list[Adjustment] | None = None


async def _stock(visit: Visit, book_id: int) -> Stock:
    purchase = visit.services.purchase
    stock = Stock()
    try:
        stock.inventory = await visit.as_customer(lambda each: purchase.inventory(each, book_id))
        stock.adjustments = await visit.as_customer(
            lambda each: purchase.adjustments(each, book_id, limit=SHOWN_ADJUSTMENTS)
        )
    except ServiceAway:
        pass
    except Refused as refusal:
        if refusal.status != 404:  # purchase has not heard of the book yet
            raise
    return stock


async def _book(visit: Visit, book_id: int) -> ManagedBook:
    catalog = visit.services.catalog
    book = await visit.as_customer(lambda caller: catalog.managed_book(caller, book_id))
    if book is None:
        raise PageNotFound
    return book


@get("/{language:str}/staff/books/{book_id:str}", include_in_schema=False)
async def show_book(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, STAFF)
    return await page_of(visit, id_in_path(request, "book_id"))


async def page_of(
    visit: Visit,
    book_id: int,
    *,
    form: Form | None = None,
    problems: dict[str, str] | None = None,
    status: int = 200,
    newer: bool = False,
    retired: bool = False,
) -> Response[bytes]:
    """The book's page; with `form`, the fields that it has as they were typed in it.

    `newer`: somebody else has changed the book since the form was made; `retired`: has retired it.
    """
    book = await _book(visit, book_id)
    present = shown(book)
    typed = dict(present)
    both: Merged | None = None
    seen, etag = digests(present), book.etag
    if form is not None:
        typed |= {name: form.text(name) for name in FIELDS if name in form}
        if newer:
            both = merged(typed, present, form.text("seen"))
            typed = both.values
        elif form.text("etag"):
            seen, etag = form.text("seen") or seen, form.text("etag")
    return visit.page(
        "staff/book.html",
        status=status,
        book=book,
        typed=typed,
        problems=problems or {},
        seen=seen,
        etag=etag,
        both=both,
        retired_meanwhile=retired,
        stock=await _stock(visit, book_id),
        stock_typed=form.shown() if form is not None else {},
        form_key=new_key(),
    )


async def conflict(visit: Visit, book_id: int, form: Form, refusal: Refused) -> Response[bytes]:
    """The book's page after catalog has refused a change; raises what the page cannot mend."""
    if refusal.code == CHANGED:
        if is_stored(form, await _book(visit, book_id)):
            visit.tell(SUCCESS, "The book is changed.")
            return visit.redirect(visit.url("staff", "books", book_id))
        return await page_of(visit, book_id, form=form, status=refusal.status, newer=True)
    if refusal.code == RETIRED:
        problems = {"": visit.gettext(RETIRED_MEANWHILE)}
        return await page_of(
            visit, book_id, form=form, problems=problems, status=refusal.status, retired=True
        )
    if refusal.status not in {400, 409}:
        raise refusal
    problems = fields_of(refusal.fields) or {"": visit.reason(refusal)}
    if refusal.code == "isbn-taken":
        problems = {"isbn": visit.reason(refusal)}
    return await page_of(visit, book_id, form=form, problems=problems, status=refusal.status)


@post("/{language:str}/staff/books/{book_id:str}", include_in_schema=False)
async def change_book(request: AnyRequest) -> Response[bytes]:
    """Change what has been changed in the form, if the book is still the one that it shows."""
    visit = await open_area(request, STAFF, keeps_form=True)
    form = await read_form(request)
    book_id = id_in_path(request, "book_id")
    visit.returns_to = visit.url("staff", "books", book_id)
    values = {name: form.text(name) for name in FIELDS}
    mine = changed(values, form.text("seen"))
    typed = read(form, tuple(name for name in FIELDS if name in mine and name in form))
    if typed.problems:
        problems = {name: visit.gettext(text) for name, text in typed.problems.items()}
        return await page_of(visit, book_id, form=form, problems=problems, status=400)
    if not typed.values:
        visit.tell(INFO, "Nothing was changed.")
        return visit.redirect(visit.url("staff", "books", book_id))
    catalog = visit.services.catalog
    try:
        await visit.as_customer(
            lambda caller: catalog.change_book(caller, book_id, typed.values, etag=etag_of(form))
        )
    except Refused as refusal:
        return await conflict(visit, book_id, form, refusal)
    visit.tell(SUCCESS, "The book is changed.")
    return visit.redirect(visit.url("staff", "books", book_id))


async def stock_page(visit: Visit, book_id: int, form: Form) -> Response[bytes] | None:
    """Adjust the stock as a form says; the book's page where that is refused."""
    typed = form.text("delta").replace("\N{MINUS SIGN}", "-").removeprefix("+")
    digits = typed.removeprefix("-")
    problems: dict[str, str] = {}
    is_whole = digits.isascii() and digits.isdecimal() and len(digits) <= MAX_DIGITS
    if not (is_whole and 0 < int(digits) <= MAX_DELTA):
        problems["delta"] = visit.gettext(_NO_DELTA)
    if not form.text("reason"):
        problems["reason"] = visit.gettext(_NO_REASON)
    if problems:
        return await page_of(visit, book_id, form=form, problems=problems, status=400)
    purchase = visit.services.purchase
    try:
        stock = await visit.as_customer(
            lambda caller: purchase.adjust_stock(
                caller, book_id, int(typed), form.text("reason"), key=form.key
            )
        )
    except Refused as refusal:
        if refusal.status not in {400, 404, 409, 422}:
            raise
        problems = refusal.fields or {"delta": visit.reason(refusal)}
        if refusal.code == "idempotency-key-reused":
            problems = {"delta": visit.gettext(_SENT_BEFORE)}
        return await page_of(visit, book_id, form=form, problems=problems, status=refusal.status)
    said = visit.gettext(_ADJUSTED)
    numbers = {"on_hand": stock.on_hand, "reserved": stock.reserved, "free": stock.available}
    visit.session.tell(SUCCESS, said % numbers)
    return None


_NO_DELTA = N_("Write how many copies to add, such as 5, or to remove, such as -2.")
_NO_REASON = N_("Write why, such as “delivery from the publisher”.")
_SENT_BEFORE = N_(
    "This form was sent before, and was carried out then. Look at the stock, and send it again if"
    " it is to change once more."
)
_ADJUSTED = N_(
    "The stock is changed: %(on_hand)s on hand, of which %(reserved)s are reserved and %(free)s can"
    " be sold. Lists show it in a moment."
)


@get("/{language:str}/staff/books/{book_id:str}/retire", include_in_schema=False)
async def confirm_retiring(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, STAFF)
    book = await _book(visit, id_in_path(request, "book_id"))
    here = visit.url("staff", "books", book.id)
    if book.retired:
        return visit.redirect(here)
    return confirmation_page(
        visit,
        title=visit.gettext(_RETIRE) % {"title": book.title},
        text=visit.gettext(_RETIRING),
        button=visit.gettext(N_("Take it out of sale")),
        back=here,
    )


_RETIRE = N_("Take “%(title)s” out of sale?")
_RETIRING = N_(
    "Nobody can buy it then. Orders that have it go on, it stays in this list as retired, and it"
    " can be brought back. Another book may take its ISBN meanwhile."
)


@post("/{language:str}/staff/books/{book_id:str}/retire", include_in_schema=False)
async def retire_book(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, STAFF)
    book_id = id_in_path(request, "book_id")
    here = visit.returns_to = visit.url("staff", "books", book_id)
    catalog = visit.services.catalog
    try:
        await visit.as_customer(lambda caller: catalog.retire_book(caller, book_id))
    except Refused as refusal:
        if refusal.code != RETIRED:  # by somebody else, or by a form that was sent twice
            raise
    visit.tell(SUCCESS, "The book is out of sale.")
    return visit.redirect(here)


@post("/{language:str}/staff/books/{book_id:str}/restore", include_in_schema=False)
async def restore_book(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, STAFF)
    book_id = id_in_path(request, "book_id")
    here = visit.returns_to = visit.url("staff", "books", book_id)
    catalog = visit.services.catalog
    try:
        await visit.as_customer(lambda caller: catalog.restore_book(caller, book_id))
    except Refused as refusal:
        if refusal.status != 409:
            raise
        visit.session.tell(PROBLEM, visit.reason(refusal))
    else:
        visit.tell(SUCCESS, "The book is on sale again.")
    return visit.redirect(here)


@get("/{language:str}/staff/books/new", include_in_schema=False)
async def show_new_book(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, STAFF)
    return _new_page(visit, {}, {})


def _new_page(
    visit: Visit, typed: dict[str, Any], problems: dict[str, str], status: int = 200
) -> Response[bytes]:
    return visit.page(
        "staff/new_book.html",
        status=status,
        typed=typed,
        problems=problems,
        both=None,
        form_key=typed.get("key") or new_key(),
    )


@post("/{language:str}/staff/books/new", include_in_schema=False)
async def add_book(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, STAFF, keeps_form=True)
    form = await read_form(request)
    visit.returns_to = visit.url("staff", "books", "new")
    typed = read(form)
    problems = {name: visit.gettext(text) for name, text in typed.problems.items()}
    stock = form.whole("stock", least=0, most=MAX_DELTA) if form.text("stock") else 0
    if stock is None:
        problems["stock"] = visit.gettext(_NO_STOCK)
    if problems:
        return _new_page(visit, form.shown(), problems, 400)
    body = {**typed.values, "stock": stock}
    catalog = visit.services.catalog
    try:
        book_id = await visit.as_customer(
            lambda caller: catalog.add_book(caller, body, key=form.key)
        )
    except Refused as refusal:
        if refusal.status not in {400, 409, 422}:
            raise
        problems = fields_of(refusal.fields) or {"": visit.reason(refusal)}
        if refusal.code == "isbn-taken":
            problems = {"isbn": visit.reason(refusal)}
        shown_again = form.shown()
        if refusal.code == "idempotency-key-reused":  # after Back: it is another book by now
            problems = {"": visit.gettext(_ADDED_BEFORE)}
            shown_again = form.shown("key")
        return _new_page(visit, shown_again, problems, refusal.status)
    visit.tell(SUCCESS, "The book is added.")
    return visit.redirect(visit.url("staff", "books", book_id))


_NO_STOCK = N_("Write a number of copies from 0 to 1,000,000.")
_ADDED_BEFORE = N_(
    "This form has added a book already. Look at the list of books; send it again if this is"
    " another one."
)

HANDLERS = (
    show_book,
    change_book,
    confirm_retiring,
    retire_book,
    restore_book,
    show_new_book,
    add_book,
)
