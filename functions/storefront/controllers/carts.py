"""The cart: in the session of a visitor, at purchase for a customer. Nothing is reserved in it."""

from dataclasses import dataclass
from decimal import Decimal

from litestar import Response, get, post

from functions.kit.http.requests import AnyRequest
from functions.storefront.clients.service import Refused
from functions.storefront.domain.carts import MAX_QUANTITY, CartFull
from functions.storefront.domain.paths import local_path
from functions.storefront.forms import read_form
from functions.storefront.translations import N_
from functions.storefront.visits import PROBLEM, SUCCESS, Visit, open_visit

MAX_ID = 10**18


@dataclass(frozen=True)
class Line:
    """A line as the page shows it."""

    book_id: int
    title: str
    author: str | None
    quantity: int
    price: Decimal
    currency: str
    available: int
    retired: bool
    price_when_added: Decimal | None
    """Where it differs from the present price."""

    @property
    def can_be_bought(self) -> bool:
        return not self.retired and self.available >= self.quantity


@dataclass(frozen=True)
class Shown:
    """A cart as the page shows it; `total` is of the lines that can be bought."""

    lines: list[Line]
    total: Decimal
    currency: str | None

    @property
    def can_be_bought(self) -> bool:
        return any(line.can_be_bought for line in self.lines)

    @property
    def whole(self) -> bool:
        return all(line.can_be_bought for line in self.lines)


async def cart_of(visit: Visit) -> Shown:
    """The visitor's cart, at present prices."""
    if visit.signed_in is not None:
        return await _kept_by_purchase(visit)
    lines = visit.session.cart.lines
    books = await visit.services.catalog.by_ids(visit.caller, list(lines)) if lines else {}
    shown = []
    for book_id, quantity in lines.items():
        book = books.get(book_id)
        if book is None:  # retired, or never there: what cannot be bought leaves the cart
            visit.session.cart.put(book_id, 0)
            continue
        shown.append(
            Line(
                book_id,
                book.title,
                book.author,
                quantity,
                book.price,
                book.currency,
                book.stock,
                retired=False,
                price_when_added=None,
            )
        )
    return _shown(shown)


async def _kept_by_purchase(visit: Visit) -> Shown:
    cart = await visit.as_customer(visit.services.purchase.cart)
    return _shown(
        [
            Line(
                item.book_id,
                item.title,
                None,
                item.quantity,
                item.price,
                item.currency,
                item.available,
                item.retired,
                item.price_when_added if item.price_changed else None,
            )
            for item in cart.items
        ]
    )


def _shown(lines: list[Line]) -> Shown:
    bought = [line for line in lines if line.can_be_bought]
    total = sum((line.price * line.quantity for line in bought), Decimal(0))
    return Shown(lines, total, lines[0].currency if lines else None)


@get("/{language:str}/cart", include_in_schema=False)
async def show_cart(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    return visit.page("cart.html", cart=await cart_of(visit))


@post("/{language:str}/cart/items", include_in_schema=False)
async def add_item(request: AnyRequest) -> Response[bytes]:
    """Add copies of a book."""
    visit = open_visit(request)
    form = await read_form(request)
    book_id = form.whole("book_id", least=1, most=MAX_ID)
    quantity = form.whole("quantity", least=1, most=MAX_QUANTITY)
    back = local_path(form.text("next")) or visit.url("cart")
    if book_id is None or quantity is None:
        visit.tell(PROBLEM, _QUANTITY)
        return visit.redirect(back)
    book = await visit.services.catalog.book(visit.caller, book_id)  # 404 and 410 are pages
    try:
        if visit.signed_in is None:
            visit.session.cart.add(book.id, quantity)
        else:
            await _add_to_kept(visit, book.id, quantity)
    except CartFull:
        visit.tell(PROBLEM, _FULL)
        return visit.redirect(back)
    except Refused as refusal:
        visit.session.messages.append((PROBLEM, refusal.problem.detail))
        return visit.redirect(back)
    visit.tell(SUCCESS, "Added to the cart.")
    return visit.redirect(visit.url("cart"))


_QUANTITY = N_("Choose a quantity from 1 to 1000.")
_FULL = N_("The cart holds 50 different books; remove one first.")


async def _add_to_kept(visit: Visit, book_id: int, quantity: int) -> None:
    purchase = visit.services.purchase
    cart = await visit.as_customer(purchase.cart)
    there = next((item.quantity for item in cart.items if item.book_id == book_id), 0)
    wanted = min(there + quantity, MAX_QUANTITY)
    await visit.as_customer(lambda caller: purchase.set_cart_item(caller, book_id, wanted))


@post("/{language:str}/cart/update", include_in_schema=False)
async def update_item(request: AnyRequest) -> Response[bytes]:
    """Set a line's quantity; 0, or the button `remove`, removes it."""
    visit = open_visit(request)
    form = await read_form(request)
    book_id = form.whole("book_id", least=1, most=MAX_ID)
    quantity = 0 if "remove" in form else form.whole("quantity", least=0, most=MAX_QUANTITY)
    if book_id is None or quantity is None:
        visit.tell(PROBLEM, _QUANTITY)
        return visit.redirect(visit.url("cart"))
    try:
        if visit.signed_in is None:
            visit.session.cart.put(book_id, quantity)
        elif quantity:
            purchase = visit.services.purchase
            await visit.as_customer(
                lambda caller: purchase.set_cart_item(caller, book_id, quantity)
            )
        else:
            purchase = visit.services.purchase
            await visit.as_customer(lambda caller: purchase.remove_cart_item(caller, book_id))
    except CartFull:
        visit.tell(PROBLEM, _FULL)
    except Refused as refusal:
        visit.session.messages.append((PROBLEM, refusal.problem.detail))
    return visit.redirect(visit.url("cart"))


HANDLERS = (show_cart, add_item, update_item)
