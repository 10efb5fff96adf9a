"""A cart: the copies that a customer means to buy. It reserves none of them."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from functions.kit.base.errors import Text
from functions.kit.base.orders import MAX_LINES, MAX_QUANTITY
from functions.purchase.domain.purchases import Offer
from functions.purchase.errors import CartFull, CartLineFull


class CartLine(NamedTuple):
    """Copies of one book, with the price at which it was put into the cart."""

    book_id: int
    quantity: int
    price_when_added_minor: int


Cart = Mapping[int, CartLine]
"""The lines of a cart by their books."""


class LeftOutReason(StrEnum):
    """Why an item was not merged; the codes of the refusals that `PUT /cart/items` gives."""

    UNKNOWN = "book-not-found"
    RETIRED = "book-retired"
    FULL = "cart-full"


class LeftOut(NamedTuple):
    book_id: int
    reason: LeftOutReason


class Merged(NamedTuple):
    """Lines to store, and items that were left out."""

    lines: Sequence[CartLine]
    left_out: Sequence[LeftOut]


def set_quantity(cart: Cart, offer: Offer, quantity: int) -> CartLine:
    """The line of a book with a quantity. A line that exists keeps its price.

    Raises `BookRetired`, or `CartFull` for one book more than a cart holds.
    """
    line = offer.line(quantity, None)
    if offer.book_id in cart:
        return cart[offer.book_id]._replace(quantity=line.quantity)
    if len(cart) >= MAX_LINES:
        raise CartFull(
            Text(
                f"Un carrito tiene como máximo {MAX_LINES} libros distintos. Quite uno antes.",
                f"A cart holds at most {MAX_LINES} different books. Remove one first.",
            ),
            limit=MAX_LINES,
        )
    return CartLine(line.book_id, line.quantity, line.unit_price_minor)


def add(cart: Cart, offer: Offer, quantity: int) -> CartLine:
    """The line of a book with copies added to it.

    Raises as `set_quantity` does, and `CartLineFull` for more copies than a line holds.
    """
    there = cart[offer.book_id].quantity if offer.book_id in cart else 0
    if there + quantity > MAX_QUANTITY:
        raise CartLineFull(
            Text(
                f"Ya hay {there} ejemplares de este libro en el carrito, y caben como máximo"
                f" {MAX_QUANTITY}. Elija menos.",
                f"The cart has {there} copies of this book, and at most {MAX_QUANTITY} fit."
                " Choose fewer.",
            ),
            in_cart=there,
            limit=MAX_QUANTITY,
        )
    return set_quantity(cart, offer, there + quantity)


def merge(cart: Cart, items: Mapping[int, int], offers: Mapping[int, Offer]) -> Merged:
    """Add the items of another cart. The larger quantity of each book is kept.

    `items` are quantities by book, in order; `offers` has those of the books that are known.
    """
    free = MAX_LINES - len(cart)
    lines, left_out = [], []
    for book_id, quantity in items.items():
        offer, line = offers.get(book_id), cart.get(book_id)
        if offer is None:
            left_out.append(LeftOut(book_id, LeftOutReason.UNKNOWN))
        elif offer.retired:
            left_out.append(LeftOut(book_id, LeftOutReason.RETIRED))
        elif line is not None:
            if line.quantity < quantity:
                lines.append(line._replace(quantity=quantity))
        elif free:
            free -= 1
            lines.append(CartLine(book_id, quantity, offer.price_minor))
        else:
            left_out.append(LeftOut(book_id, LeftOutReason.FULL))
    return Merged(lines, left_out)
