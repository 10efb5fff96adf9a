"""The cart: in the session of a visitor, at purchase for a customer. Nothing is reserved in it."""

from dataclasses import dataclass
from decimal import Decimal

from litestar import Response, get, post

from functions.kit.base.orders import MAX_LINES, MAX_QUANTITY
from functions.kit.http.requests import AnyRequest
from functions.storefront.clients.purchase import MAX_TOTAL, Merged
from functions.storefront.clients.service import Refused, ServiceAway
from functions.storefront.domain.carts import CartFull, LineFull
from functions.storefront.domain.paths import local_path
from functions.storefront.errors import BadForm
from functions.storefront.forms import read_form
from functions.storefront.translations import N_
from functions.storefront.visits import INFO, PROBLEM, SUCCESS, Visit, open_visit


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
    most: int = MAX_QUANTITY
    """Copies that the next order can have."""
    unpaid: int = 0
    """Copies in the customer's unpaid orders, which `most` leaves out."""

    @property
    def can_be_bought(self) -> bool:
        return not self.retired and self.quantity <= min(self.available, self.most)


@dataclass(frozen=True)
class Shown:
    """A cart as the page shows it; `total` is of the lines that can be bought."""

    lines: list[Line]
    total: Decimal
    currency: str | None
    max_total: Decimal = MAX_TOTAL
    """Of one order, with its delivery."""
    most_unpaid: int | None = None
    """The number of the customer's unpaid orders, where they can place none before one ends."""

    @property
    def too_large(self) -> bool:
        """Whether one order cannot have all of it."""
        return self.total > self.max_total

    @property
    def can_be_bought(self) -> bool:
        return any(line.can_be_bought for line in self.lines)

    @property
    def copies(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def whole(self) -> bool:
        return (
            not self.too_large
            and self.most_unpaid is None
            and all(line.can_be_bought for line in self.lines)
        )


async def cart_of(visit: Visit) -> Shown:
    """The visitor's cart, at present prices."""
    if visit.signed_in is not None:
        return await _kept_by_purchase(visit)
    lines = visit.session.cart.lines
    books = await visit.services.catalog.by_ids(visit.caller, list(lines)) if lines else {}
    shown, gone = [], False
    for book_id, quantity in lines.items():
        book = books.get(book_id)
        if book is None:  # retired, or never there: what cannot be bought leaves the cart
            visit.session.cart.put(book_id, 0)
            gone = True
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
    if gone:
        visit.tell(INFO, _NOT_SOLD)
    return _shown(shown)


async def _kept_by_purchase(visit: Visit) -> Shown:
    await hand_over_cart(visit)
    cart = await visit.as_customer(visit.services.purchase.cart)
    visit.copies_at_purchase = cart.quantity
    limit = cart.max_unpaid_purchases
    full = limit is not None and cart.unpaid_purchases >= limit
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
                item.max_quantity,
                item.unpaid_quantity,
            )
            for item in cart.items
        ],
        cart.max_total,
        cart.unpaid_purchases if full else None,
    )


async def hand_over_cart(visit: Visit) -> None:
    """Give purchase what a visitor had in the cart before signing in.

    Where that fails, it stays in the session until the customer's cart is shown the next time: of
    each book the larger quantity stays, so that it can be repeated.
    """
    lines = visit.session.cart.lines
    if not lines:
        return
    purchase = visit.services.purchase
    try:
        merged = await visit.as_customer(lambda caller: purchase.merge_cart(caller, lines))
    except (Refused, ServiceAway):
        return
    visit.session.cart.clear()
    tell_left_out(visit, merged, _NOT_SOLD)


_NOT_SOLD = N_("Some books of your cart are no longer sold; they were left out.")
_NO_ROOM = N_("Some books were left out: the cart holds %(most)s different books.")


def tell_left_out(visit: Visit, merged: Merged, not_sold: str) -> None:
    """Say why books were not merged into the cart; `not_sold` is of those that cannot be bought."""
    reasons = {each.reason for each in merged.left_out}
    if "cart-full" in reasons:
        visit.tell(INFO, _NO_ROOM, most=MAX_LINES)
    if reasons - {"cart-full"}:
        visit.tell(INFO, not_sold)


def _shown(
    lines: list[Line], max_total: Decimal = MAX_TOTAL, most_unpaid: int | None = None
) -> Shown:
    bought = [line for line in lines if line.can_be_bought]
    total = sum((line.price * line.quantity for line in bought), Decimal(0))
    return Shown(lines, total, lines[0].currency if lines else None, max_total, most_unpaid)


@get("/{language:str}/cart", include_in_schema=False)
async def show_cart(request: AnyRequest) -> Response[bytes]:
    visit = open_visit(request)
    return visit.page("cart.html", cart=await cart_of(visit))


@post("/{language:str}/cart/items", include_in_schema=False)
async def add_item(request: AnyRequest) -> Response[bytes]:
    """Add copies of a book.

    The form has a key: sent twice, or again after a lost answer, it adds once. Another quantity is
    another addition, also from a page that Back has brought back with its key.
    """
    visit = open_visit(request)
    form = await read_form(request)
    book_id = form.id("book_id")
    quantity = form.whole("quantity", least=1, most=MAX_QUANTITY)
    if book_id is None:
        raise BadForm
    back = local_path(form.text("next")) or visit.url("books", book_id)
    visit.returns_to = back
    if quantity is None:
        visit.tell(PROBLEM, _QUANTITY, most=MAX_QUANTITY)
        return visit.redirect(back)
    key = f"{form.key}-{book_id}-{quantity}"
    try:
        if visit.signed_in is None:
            book = await visit.services.catalog.book(visit.caller, book_id)  # 404, 410 are pages
            added = visit.session.cart.add(book.id, quantity, key)
        else:
            purchase = visit.services.purchase
            added = await visit.as_customer(
                lambda caller: purchase.add_to_cart(caller, book_id, quantity, key=key)
            )
    except CartFull:
        visit.tell(PROBLEM, _FULL, most=MAX_LINES)
        return visit.redirect(back)
    except LineFull as error:
        visit.tell(PROBLEM, _LINE_FULL, there=error.there, most=MAX_QUANTITY)
        return visit.redirect(back)
    except Refused as refusal:
        if refusal.status != 409:
            raise
        visit.tell_refusal(refusal)
        return visit.redirect(back)
    if added:
        visit.tell(SUCCESS, "Added to the cart.")
    else:
        visit.tell(INFO, "This was added to the cart before. Change the quantity here for more.")
    return visit.redirect(visit.url("cart"))


_QUANTITY = N_("Choose a quantity from 1 to %(most)s.")
_FULL = N_("The cart holds %(most)s different books; remove one first.")
_LINE_FULL = N_(
    "The cart has %(there)s copies of this book, and at most %(most)s fit. Choose fewer."
)


@post("/{language:str}/cart/update", include_in_schema=False)
async def update_item(request: AnyRequest) -> Response[bytes]:
    """Set a line's quantity; 0, or the button `remove`, removes it."""
    visit = open_visit(request)
    form = await read_form(request)
    book_id = form.id("book_id")
    quantity = 0 if "remove" in form else form.whole("quantity", least=0, most=MAX_QUANTITY)
    if book_id is None:
        raise BadForm
    if quantity is None:
        visit.tell(PROBLEM, _QUANTITY, most=MAX_QUANTITY)
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
        visit.tell(PROBLEM, _FULL, most=MAX_LINES)
    except Refused as refusal:
        if refusal.status not in {404, 409}:
            raise
        visit.tell_refusal(refusal)
    else:
        visit.tell(SUCCESS, "The cart is changed.")
    return visit.redirect(visit.url("cart"))


HANDLERS = (show_cart, add_item, update_item)
