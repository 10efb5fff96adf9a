"""Carts: books that leave one say why, in the visitor's language."""

import pytest

from functions.storefront.domain.carts import MAX_LINES
from tests.journeys.shop_in_process import ShopInProcess
from tests.storefront.visitor import Visitor, text_of

NOT_SOLD = "Some books of your cart are no longer sold"
NO_ROOM = "the cart holds 50 different books"


@pytest.mark.parametrize(
    ("language", "message"), [("en", NOT_SOLD), ("es", "Algunos libros de su carrito ya no")]
)
async def test_a_retired_book_leaves_a_visitors_cart_with_a_message(
    visitor: Visitor, shop: ShopInProcess, language: str, message: str
) -> None:
    """Once; the other books stay."""
    kept, retired = await shop.sell("Rayuela"), await shop.sell("Ficciones")
    for book_id in (kept, retired):
        await visitor.send(f"/{language}/cart/items", book_id=book_id, quantity=1)
    await visitor.get(f"/{language}/cart")
    await shop.call("catalog", "DELETE", f"/books/{retired}", user="staff")
    told = text_of(await visitor.get(f"/{language}/cart"))
    afterwards = text_of(await visitor.get(f"/{language}/cart"))

    assert message in told
    assert "Rayuela" in told
    assert "Ficciones" not in told
    assert message not in afterwards


async def test_books_that_a_full_cart_cannot_hold_are_not_called_unsold(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """A visitor signs in whose account has a full cart already."""
    books = [await shop.sell(f"Tomo {number}") for number in range(MAX_LINES + 1)]
    for book_id in books[:-1]:
        await visitor.send("/en/cart/items", book_id=book_id, quantity=1)
    await visitor.sign_up()
    await visitor.send("/en/sign-out")
    await visitor.send("/en/cart/items", book_id=books[-1], quantity=1)
    page = await visitor.submit(
        "/en/sign-in", email="ana@example.org", password="ana-has-a-password", next="/en/cart"
    )

    assert NO_ROOM in text_of(page)
    assert NOT_SOLD not in text_of(page)
