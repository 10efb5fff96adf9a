"""The stock of a seller's book: how many copies there are, and how that changes."""

import re
from typing import Any

from litestar import Response, get, post

from functions.kit.http.requests import AnyRequest
from functions.storefront.back_office import SELLER
from functions.storefront.clients.purchase import Adjustment, Inventory
from functions.storefront.clients.service import Refused
from functions.storefront.controllers.books import id_in_path
from functions.storefront.controllers.seller.books import own_book
from functions.storefront.forms import new_key, read_form
from functions.storefront.translations import N_
from functions.storefront.visits import SUCCESS, Visit, open_area

MAX_DELTA = 1_000_000
SHOWN = 20
"""Changes that are listed."""
_DELTA = re.compile(r"[+\-−]?[0-9]{1,7}")
_NO_DELTA = N_("Write how many copies arrived, such as 5, or left, such as -2.")
_NO_REASON = N_("Say why, in a few words.")
ADJUSTED = N_("The stock is changed.")


@get("/{language:str}/seller/books/{book_id:str}/stock", include_in_schema=False)
async def show(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, SELLER)
    return await _page(visit, id_in_path(request, "book_id"), {}, {}, new_key())


async def _page(
    visit: Visit,
    book_id: int,
    typed: dict[str, Any],
    problems: dict[str, str],
    key: str,
    status: int = 200,
) -> Response[bytes]:
    book = await own_book(visit, book_id)
    purchase = visit.services.purchase
    stock: Inventory | None = None
    history: list[Adjustment] = []
    try:
        stock = await visit.as_customer(lambda caller: purchase.inventory(caller, book_id))
        history = await visit.as_customer(
            lambda caller: purchase.adjustments(caller, book_id, limit=SHOWN)
        )
    except Refused as refusal:
        # The event about a new book has not arrived at purchase yet.
        if refusal.code not in {"not-your-book", "book-not-found"}:
            raise
    return visit.page(
        "seller/stock.html",
        status=status,
        book=book,
        stock=stock,
        history=history,
        typed=typed,
        problems=problems,
        form_key=key,
    )


@post("/{language:str}/seller/books/{book_id:str}/stock", include_in_schema=False)
async def adjust(request: AnyRequest) -> Response[bytes]:
    """The same form sent twice changes the stock once."""
    visit = await open_area(request, SELLER, keeps_form=True)
    book_id = id_in_path(request, "book_id")
    here = visit.returns_to = visit.url("seller", "books", book_id, "stock")
    form = await read_form(request)
    problems: dict[str, str] = {}
    typed, reason = form.text("delta"), form.text("reason")
    delta = int(typed.replace("−", "-")) if _DELTA.fullmatch(typed) else 0
    if not 0 < abs(delta) <= MAX_DELTA:
        problems["delta"] = visit.gettext(_NO_DELTA)
    if not reason:
        problems["reason"] = visit.gettext(_NO_REASON)
    if problems:
        return await _page(visit, book_id, form.shown(), problems, form.key, 400)
    purchase = visit.services.purchase
    try:
        await visit.as_customer(
            lambda caller: purchase.adjust_stock(caller, book_id, delta, reason, key=form.key)
        )
    except Refused as refusal:
        if refusal.status not in {400, 409, 422}:
            raise
        named = {name: text for name, text in refusal.fields.items() if name in {"delta", "reason"}}
        problems = named or {"": visit.reason(refusal)}
        return await _page(visit, book_id, form.shown(), problems, new_key(), refusal.status)
    visit.tell(SUCCESS, ADJUSTED)
    return visit.redirect(here)


HANDLERS = (show, adjust)
