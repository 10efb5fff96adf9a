"""The rules of a cart, by themselves."""

import pytest

from functions.kit.base.orders import MAX_LINES
from functions.purchase.domain import carts
from functions.purchase.domain.carts import CartLine, LeftOut, LeftOutReason
from functions.purchase.domain.purchases import Offer
from functions.purchase.errors import BookRetired, CartFull
from tests.purchase.domain.refusals import refused


def offer(book_id: int, *, retired: bool = False, price_minor: int = 500) -> Offer:
    return Offer(book_id, f"Libro {book_id}", price_minor, "USD", retired)


FULL = {book_id: CartLine(book_id, 1, 500) for book_id in range(1, MAX_LINES + 1)}


def test_a_line_keeps_the_price_that_it_began_with() -> None:
    """So a buyer sees that it has changed, whatever quantity they set meanwhile."""
    cart = {1: CartLine(1, 2, 450)}

    assert carts.set_quantity(cart, offer(1), 3) == CartLine(1, 3, 450)
    assert carts.set_quantity(cart, offer(2), 3) == CartLine(2, 3, 500)


def test_a_full_cart_takes_no_other_book() -> None:
    """The books that are in it can still be changed."""
    assert carts.set_quantity(FULL, offer(1), 9).quantity == 9
    with refused(
        CartFull,
        "Un carrito tiene como máximo 50 libros distintos. Quite uno antes.",
        "A cart holds at most 50 different books. Remove one first.",
        limit=MAX_LINES,
    ):
        carts.set_quantity(FULL, offer(MAX_LINES + 1), 1)


def test_a_retired_book_is_not_put_into_a_cart() -> None:
    """Nor more of it, where it is in it."""
    for cart in ({}, {1: CartLine(1, 1, 500)}):
        with pytest.raises(BookRetired):
            carts.set_quantity(cart, offer(1, retired=True), 1)


def test_merging_keeps_the_larger_quantity_and_says_what_it_leaves_out() -> None:
    """In the order of the items; what stays as it is need not be written."""
    cart = {1: CartLine(1, 5, 400), 2: CartLine(2, 1, 400), 4: CartLine(4, 1, 400)}
    offers = {1: offer(1), 2: offer(2), 3: offer(3), 4: offer(4, retired=True)}
    merged = carts.merge(cart, {9: 1, 3: 2, 2: 7, 1: 4, 4: 8}, offers)

    assert merged.lines == [CartLine(3, 2, 500), CartLine(2, 7, 400)]
    assert merged.left_out == [
        LeftOut(9, LeftOutReason.UNKNOWN),
        LeftOut(4, LeftOutReason.RETIRED),
    ]


def test_merging_fills_a_cart_and_no_more() -> None:
    """What is in it grows all the same."""
    cart = {book_id: line for book_id, line in FULL.items() if book_id < MAX_LINES}
    new = range(101, 104)
    offers = {each: offer(each) for each in (1, *new)}
    merged = carts.merge(cart, {**dict.fromkeys(new, 1), 1: 2}, offers)

    assert merged.lines == [CartLine(101, 1, 500), CartLine(1, 2, 500)]
    assert merged.left_out == [LeftOut(each, LeftOutReason.FULL) for each in (102, 103)]


def test_merging_twice_is_merging_once() -> None:
    """An answer that got lost may be asked for again."""
    offers = {1: offer(1), 2: offer(2)}
    items = {1: 3, 2: 1}
    once = {line.book_id: line for line in carts.merge({}, items, offers).lines}

    assert carts.merge(once, items, offers).lines == []
