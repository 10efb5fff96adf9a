"""From the cart to the order, when something changes meanwhile or a form is sent again."""

import asyncio
import re

import pytest

from tests.journeys.shop_in_process import ShopInProcess
from tests.storefront.visitor import ADDRESS, Visitor, fields_of, text_of

pytestmark = pytest.mark.usefixtures("provider")

PAYMENT = "/en/checkout/payment"


async def filled(visitor: Visitor, shop: ShopInProcess, stock: int = 5) -> int:
    """A customer with two copies of a book in the cart; the book's id."""
    book = await shop.sell("Rayuela", stock=stock)
    await visitor.sign_up()
    await visitor.submit("/en/cart/items", book_id=book, quantity=2)
    return book


async def test_a_price_that_changed_is_shown_and_asked_again(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """Between the cart and the payment: nothing is bought at a price that was not shown."""
    book = await filled(visitor, shop)
    payment = await visitor.go_to_payment()
    etag = (await shop.call("catalog", "GET", f"/books/{book}")).headers["etag"]
    changed = await shop.call(
        "catalog", "PATCH", f"/books/{book}", {"price": 12}, user="staff", if_match=etag
    )

    assert changed.status_code == 200, changed.text

    async def known() -> bool:
        return "$24.00" in text_of(await visitor.get("/en/cart"))

    await shop.until(known)
    cart = await visitor.get("/en/cart")
    refused = await visitor.submit(PAYMENT, **fields_of(payment, PAYMENT))
    orders = await visitor.get("/en/orders")
    paid = await visitor.submit(PAYMENT, **fields_of(refused, PAYMENT))

    assert "The price was $10.00" in text_of(cart)
    assert 'role="alert"' in refused.text
    assert "The total has changed. Nothing is ordered" in text_of(refused)
    assert "Pay $29.00" in text_of(refused)
    assert "not ordered anything" in text_of(orders)
    assert "Paid" in text_of(paid)


async def test_the_last_copy_is_sold_while_it_is_in_a_cart(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """The order is refused with the reason, and the cart says what to do; then it goes on."""
    book = await filled(visitor, shop, stock=2)
    payment = await visitor.go_to_payment()
    await shop.sign_up("rival")
    bought = await shop.call(
        "purchase", "POST", "/purchase", {"book_id": book, "quantity": 1}, user="rival"
    )

    assert bought.status_code == 201
    refused = await visitor.submit(PAYMENT, **fields_of(payment, PAYMENT))
    blocked = await visitor.get(f"{PAYMENT}?address=1&provider=1")
    await visitor.submit("/en/cart/update", book_id=book, quantity=1)
    paid = await visitor.submit(PAYMENT, **fields_of(await visitor.go_to_payment(), PAYMENT))

    assert "Only 1 left: choose fewer to go on." in text_of(refused)
    assert 'role="alert"' in refused.text
    assert (blocked.status_code, blocked.headers["location"]) == (303, "/en/cart")
    assert "Paid" in text_of(paid)


async def test_one_form_sent_many_times_at_once_is_one_order(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """One charge, and every answer leads to that order or says that it is on its way."""
    book = await filled(visitor, shop)
    form = fields_of(await visitor.go_to_payment(), PAYMENT)
    answers = await asyncio.gather(*[visitor.send(PAYMENT, **form) for _ in range(6)])
    again = await visitor.submit(PAYMENT, **form)
    orders = text_of(await visitor.get("/en/orders"))

    assert {answer.status_code for answer in answers} == {303}
    assert "Order 1" in text_of(again)
    assert orders.count("Order ") == 1
    assert "Paid" in orders
    await shop.until(lambda: _sold(shop, book))
    assert (await shop.shown_stock(book))[0] == 3


async def _sold(shop: ShopInProcess, book: int) -> bool:
    return (await shop.shown_stock(book))[0] == 3


async def test_another_method_with_the_same_form_is_another_try(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """A declined card, Back, another card: the same order."""
    await filled(visitor, shop)
    form = fields_of(await visitor.go_to_payment(), PAYMENT)
    declined = await visitor.submit(PAYMENT, **form | {"method": "tok_decline"})
    paid = await visitor.submit(PAYMENT, **form)
    orders = text_of(await visitor.get("/en/orders"))

    assert "Waiting for payment" in text_of(declined)
    assert "Paid" in text_of(paid)
    assert orders.count("Order ") == 1


async def test_a_form_that_was_sent_before_with_other_contents_leads_to_the_orders(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """In words of the shop: the visitor knows of no key."""
    await filled(visitor, shop)
    form = fields_of(await visitor.go_to_payment(), PAYMENT)
    await visitor.submit(PAYMENT, **form)
    page = await visitor.submit(PAYMENT, **form | {"expected_total": "1.00"})

    assert "This form was sent before. Here are your orders." in text_of(page)
    assert text_of(page).count("Order ") == 1


async def test_back_to_a_step_of_an_order_that_was_placed_says_where_it_is(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """The cart is empty; the visitor must not fear that nothing was ordered, and order again."""
    await filled(visitor, shop)
    form = fields_of(await visitor.go_to_payment(), PAYMENT)
    await visitor.submit(PAYMENT, **form)
    address = {"address": form["address"], "provider": form["provider"]}
    for step in ("address", "delivery", "payment"):
        back = await visitor.client.get(f"/en/checkout/{step}", params=address)
        page = await visitor.get(back.headers["location"])

        assert back.headers["location"] == "/en/cart"
        assert "What you have just ordered is under Orders." in text_of(page)


async def test_a_step_is_skipped_by_nobody(visitor: Visitor, shop: ShopInProcess) -> None:
    """A later step without what an earlier one chooses leads there."""
    await filled(visitor, shop)
    steps = {
        "payment": "/en/checkout/address",
        "payment?address=1": "/en/checkout/address",
        "delivery": "/en/checkout/address",
        "delivery?address=99999": "/en/checkout/address",
    }
    found = {step: await visitor.get(f"/en/checkout/{step}") for step in steps}

    assert {step: page.headers["location"] for step, page in found.items()} == steps


async def test_an_address_that_was_deleted_meanwhile_is_not_passed_over_in_silence(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """As in another tab: the step before says why it is shown again."""
    await filled(visitor, shop)
    await visitor.go_to_payment()
    await visitor.submit("/en/account/addresses/delete", address_id=1)
    pages = [
        await visitor.submit("/en/checkout/address", address_id=1),
        await visitor.submit(PAYMENT, address=1, provider=1, method="", expected_total="25.00"),
    ]
    first = await visitor.get("/en/checkout/address")

    for page in pages:
        assert "Where should it go?" in text_of(page)
        assert "This address is not there any more. Choose another one." in text_of(page)
    assert "any more" not in text_of(first)


async def test_a_delivery_that_ended_meanwhile_is_not_passed_over_in_silence(
    visitor: Visitor, shop: ShopInProcess, provider: int
) -> None:
    """The step before says why it is shown again, and has the others."""
    await filled(visitor, shop)
    payment = fields_of(await visitor.go_to_payment(), PAYMENT)
    body = {"name": "Correos", "contact": "x@example.org", "coverage": ["*"], "fee": 7}
    await shop.call("purchase", "POST", "/providers", body, user="staff")
    await shop.call("purchase", "DELETE", f"/providers/{provider}", user="staff")
    chosen = {"address": payment["address"], "provider": payment["provider"]}
    page = await visitor.submit("/en/checkout/delivery", **chosen)

    assert "How should it come?" in text_of(page)
    assert "This delivery is not offered for your order any more." in text_of(page)
    assert "Correos" in text_of(page)


async def test_an_address_that_was_refused_can_be_corrected_in_the_same_form(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """Its key is spent by an address that is stored, not by one that was refused."""
    await filled(visitor, shop)
    path = "/en/checkout/address"
    typed = {"recipient": "Ana", "line1": "Calle 1", "city": "Bogotá", "country": "CO"}
    refused = await visitor.submit(path, **typed, postal_code="x" * 19, key="k" * 24)
    right = await visitor.submit(path, **typed, region="Bogotá", postal_code="110311", key="k" * 24)
    again = await visitor.submit(path, **typed, region="Bogotá", postal_code="110311", key="k" * 24)
    account = text_of(await visitor.get("/en/account"))

    assert refused.status_code == 400
    assert 'value="Calle 1"' in refused.text
    assert right.url == again.url
    assert account.count("Calle 1") == 1


async def test_an_address_that_is_corrected_after_back_is_another_one(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """Back brings the form with its key; the same address is added once."""
    await filled(visitor, shop)
    form = {**ADDRESS, "key": "k" * 24}
    first = await visitor.submit("/en/checkout/address", **form)
    same = await visitor.submit("/en/checkout/address", **form)
    corrected = await visitor.submit("/en/checkout/address", **form | {"line1": "Calle 10 # 5-51"})
    account = await visitor.get("/en/account")

    assert fields_of(first, "/en/checkout/delivery")["address"] == "1"
    assert fields_of(same, "/en/checkout/delivery")["address"] == "1"
    assert "Calle 10 # 5-51" in text_of(corrected)
    assert account.text.count('class="kept"') == 2


@pytest.mark.parametrize("first_line", ["Carrera 7 # 32-16", ""])
async def test_what_is_wrong_with_an_address_is_said_beside_its_field(
    visitor: Visitor, shop: ShopInProcess, first_line: str
) -> None:
    """Lines are counted by purchase, which does not get those that are empty."""
    await filled(visitor, shop)
    fields = ("recipient", "line1", "line2", "city", "region", "postal_code")
    cases = [
        (field, wrong) for field in fields for wrong in ("x" * 300, "a\x00b", "4111 1111 1111 1111")
    ]
    good = {**ADDRESS, "line1": first_line, "line2": "Apto 2", "key": "k" * 24}
    pages = [
        await visitor.send("/en/checkout/address", **{**good, field: wrong})
        for field, wrong in cases
    ]
    marked = [
        re.findall(r'<input id="f-(\w+)"[^>]* aria-invalid="true"', page.text) for page in pages
    ]
    said = [re.findall(r'<p class="wrong" id="p-(\w+)">\w', page.text) for page in pages]

    assert {page.status_code for page in pages} == {400}
    assert marked == said == [[field] for field, _ in cases]


@pytest.mark.parametrize("total", ["9000000049.10", "", "x", "1e5", "-1"])
async def test_a_total_that_cannot_be_is_refused_in_the_buyers_words(
    visitor: Visitor, shop: ShopInProcess, total: str
) -> None:
    """Above what one order may cost, or of no page of the shop: purchase speaks of its body."""
    await filled(visitor, shop)
    payment = await visitor.go_to_payment()
    form = {**fields_of(payment, PAYMENT), "expected_total": total}
    refused = await visitor.submit(PAYMENT, **form)

    assert "Such a total cannot be paid in one order." in text_of(refused)
    assert "expected_total" not in text_of(refused)
    assert "Go to checkout" in text_of(refused)
