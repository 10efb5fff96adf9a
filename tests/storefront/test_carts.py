"""Carts: books that leave one say why, in the visitor's language."""

import pytest

from functions.kit.base.orders import MAX_LINES
from tests.journeys.shop_in_process import ShopInProcess
from tests.storefront.visitor import ADDRESS, Visitor, text_of

NOT_SOLD = "Some books of your cart are no longer sold"
NO_ROOM = f"the cart holds {MAX_LINES} different books"
CHECKOUT = 'class="button" href="'
CHECKOUT_STEPS = ("address", "delivery?address=1", "payment?address=1&provider=1")
TOLD = {"en": "its total is more than one order can have", "es": "suma más de lo que cabe"}


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


TOO_MANY = {
    "en": "One order has at most 100 copies of a book: choose fewer to go on.",
    "es": "Un pedido lleva como máximo 100 ejemplares de un libro",
}
HELD = {
    "en": (
        "You have 98 copies of this book in orders that are not paid. Choose at most 2 copies",
        "You have 100 copies of this book in orders that are not paid. No more can be ordered",
    ),
    "es": (
        "Tiene 98 ejemplares de este libro en pedidos sin pagar. Elija como máximo 2 ejemplares",
        "Tiene 100 ejemplares de este libro en pedidos sin pagar. No se pueden pedir más",
    ),
}
TOO_MANY_UNPAID = {
    "en": ("You have 20 orders that are not paid, and no more can be placed", "too many unpaid"),
    "es": ("Tiene 20 pedidos sin pagar, y no se puede hacer ninguno más", "demasiados pedidos"),
}


@pytest.mark.parametrize("language", ["en", "es"])
async def test_a_cart_counts_the_copies_in_unpaid_orders(
    visitor: Visitor, shop: ShopInProcess, language: str
) -> None:
    """It says what can be ordered; with that the checkout is open, and with nothing left closed."""
    book_id = await shop.sell(stock=200)
    await visitor.sign_up()
    await shop.log_in("ana", "ana@example.org", "ana-has-a-password")

    async def order(copies: int) -> None:
        body = {"book_id": book_id, "quantity": copies}
        placed = await shop.call("purchase", "POST", "/purchase", body, user="ana")
        assert placed.status_code == 201, placed.text

    await order(98)
    await visitor.send("/en/cart/items", book_id=book_id, quantity=3)
    cart = await visitor.get(f"/{language}/cart")
    checkout = await visitor.get(f"/{language}/checkout/address")
    await visitor.send("/en/cart/update", book_id=book_id, quantity=2)
    fewer = await visitor.get(f"/{language}/cart")
    await order(2)
    nothing_left = await visitor.get(f"/{language}/cart")

    assert HELD[language][0] in text_of(cart)
    assert CHECKOUT not in cart.text
    assert 'max="2"' in cart.text
    assert checkout.headers["location"] == f"/{language}/cart"
    assert CHECKOUT in fewer.text
    assert HELD[language][1] in text_of(nothing_left)
    assert CHECKOUT not in nothing_left.text


@pytest.mark.parametrize("language", ["en", "es"])
async def test_a_cart_says_when_no_other_order_can_be_placed(
    visitor: Visitor, shop: ShopInProcess, language: str
) -> None:
    """Each step of the checkout leads back to it, until one of the unpaid orders is cancelled."""
    book_id = await shop.sell(stock=200)
    await visitor.sign_up()
    await shop.log_in("ana", "ana@example.org", "ana-has-a-password")
    body = {"book_id": book_id, "quantity": 1}
    orders = [
        (await shop.call("purchase", "POST", "/purchase", body, user="ana")).json()["purchase_id"]
        for _ in range(20)
    ]
    await visitor.send("/en/cart/items", book_id=book_id, quantity=1)
    cart = await visitor.get(f"/{language}/cart")
    steps = [await visitor.get(f"/{language}/checkout/{step}") for step in CHECKOUT_STEPS]
    told = await visitor.get(f"/{language}/cart")
    await shop.call("purchase", "DELETE", f"/purchase/{orders[0]}", user="ana")
    afterwards = await visitor.get(f"/{language}/cart")

    assert TOO_MANY_UNPAID[language][0] in text_of(cart)
    assert CHECKOUT not in cart.text
    assert {step.headers["location"] for step in steps} == {f"/{language}/cart"}
    assert TOO_MANY_UNPAID[language][1] in text_of(told)
    assert TOO_MANY_UNPAID[language][0] not in text_of(afterwards)
    assert CHECKOUT in afterwards.text


TOO_LARGE = {"en": "One order can be of at most", "es": "Un pedido suma como máximo"}


@pytest.mark.parametrize("language", ["en", "es"])
async def test_a_cart_with_more_copies_than_one_order_can_have_says_so(
    visitor: Visitor, shop: ShopInProcess, language: str
) -> None:
    """The number is purchase's own; with as many as it says the checkout is open."""
    book_id = await shop.sell(stock=200)
    await visitor.sign_up()
    await visitor.send("/en/cart/items", book_id=book_id, quantity=101)
    cart = await visitor.get(f"/{language}/cart")
    checkout = await visitor.get(f"/{language}/checkout/address")
    await visitor.send("/en/cart/update", book_id=book_id, quantity=100)
    fewer = await visitor.get(f"/{language}/cart")

    assert TOO_MANY[language] in text_of(cart)
    assert CHECKOUT not in cart.text
    assert 'max="100"' in cart.text
    assert checkout.headers["location"] == f"/{language}/cart"
    assert TOO_MANY[language] not in text_of(fewer)
    assert CHECKOUT in fewer.text


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("signed_in", [True, False])
async def test_a_cart_of_more_than_one_order_can_cost_says_so(
    visitor: Visitor, shop: ShopInProcess, language: str, signed_in: bool
) -> None:
    """Before the visitor signs in, too; each step of the checkout leads back to it."""
    books = [await shop.sell(f"Tomo {n}", price=500_000_000.01) for n in range(2)]
    if signed_in:
        await visitor.sign_up()
    for book_id in books:
        await visitor.send("/en/cart/items", book_id=book_id, quantity=1)
    cart = await visitor.get(f"/{language}/cart")
    steps = [await visitor.get(f"/{language}/checkout/{step}") for step in CHECKOUT_STEPS]
    told = await visitor.get(f"/{language}/cart")
    await visitor.send("/en/cart/update", book_id=books[0], quantity=0)
    less = await visitor.get(f"/{language}/cart")

    assert TOO_LARGE[language] in text_of(cart)
    assert CHECKOUT not in cart.text
    if signed_in:
        assert {step.headers["location"] for step in steps} == {f"/{language}/cart"}
        assert TOLD[language] in text_of(told)
    assert TOO_LARGE[language] not in text_of(less)
    assert CHECKOUT in less.text


async def test_a_delivery_that_makes_the_total_too_large_cannot_be_chosen(
    visitor: Visitor, shop: ShopInProcess, provider: int
) -> None:
    """The cart alone could be ordered. With another delivery that fits, only that one is offered;
    with none the way leads back to the cart, which is to become smaller."""
    del provider  # it asks for five
    book_id = await shop.sell(price=999_999_998.00)
    await visitor.sign_up()
    await visitor.send("/en/cart/items", book_id=book_id, quantity=1)
    address = await visitor.send("/en/checkout/address", **ADDRESS, key="k" * 24)
    refused = await visitor.get(address.headers["location"])
    told = await visitor.get("/en/cart")
    body = {"name": "Barata", "contact": "b@example.org", "coverage": ["*"], "fee": 2}
    await shop.call("purchase", "POST", "/providers", body, user="staff")
    offered = await visitor.get(address.headers["location"])

    assert refused.headers["location"] == "/en/cart"
    assert "With its delivery, the total is more than one order can have" in text_of(told)
    assert "Barata" in text_of(offered)
    assert "DHL" not in text_of(offered)
