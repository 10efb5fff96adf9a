"""What a page says where a service refuses: in its own language, and for people.

That no page names a route of an API is checked for every page that a test sees (`Visitor`).
"""

import re

import pytest

from functions.purchase.domain.payments import Payment
from functions.purchase.domain.purchases import Purchase, Status
from functions.storefront.clients.purchase import REASONS, STATUSES
from functions.storefront.rendering import reason
from tests.journeys.shop_in_process import ShopInProcess
from tests.purchase.domain.examples import PAYMENT, capture, purchase
from tests.storefront.staff_shop import add_order, add_provider
from tests.storefront.visitor import Visitor, fields_of, text_of

STATE_OF_THE_API = re.compile(rf"\b({'|'.join(STATUSES)})\b")


@pytest.fixture
async def ana(shop: ShopInProcess, visitor: Visitor) -> Visitor:
    """The customer of `staff_shop`, signed in; her orders are her own to pay and to cancel."""
    await shop.sell("Rayuela", stock=50)
    await add_provider(shop)
    await shop.sign_up("ana")
    await visitor.sign_in("ana@example.org", "ana-has-a-password")
    return visitor


async def test_what_an_order_does_not_allow_any_more_is_said_in_the_readers_language(
    ana: Visitor, shop: ShopInProcess
) -> None:
    """From a page that was opened before it was paid, in another window."""
    page = f"/es/orders/{await add_order(shop, paid=False)}"
    pay = {**fields_of(await ana.get(page), f"{page}/pay"), "method": "tok_success"}
    await ana.submit(f"{page}/pay", **pay)
    cancelled = text_of(await ana.submit(f"{page}/cancel"))
    paid = text_of(await ana.submit(f"{page}/pay", **{**pay, "key": "k" * 24}))

    assert "Alguien cambió este pedido mientras tanto." in cancelled
    assert "Este pedido ya está pagado." in paid
    assert not STATE_OF_THE_API.search(cancelled + paid)


async def test_a_declined_payment_is_called_declined(ana: Visitor, shop: ShopInProcess) -> None:
    """Before what can be done about it."""
    page = f"/es/orders/{await add_order(shop, paid=False)}"
    pay = {**fields_of(await ana.get(page), f"{page}/pay"), "method": "tok_decline"}
    declined = await ana.submit(f"{page}/pay", **pay)

    assert "El pago fue rechazado. Pague de otra forma" in text_of(declined)


async def test_an_order_whose_time_is_over_says_so(ana: Visitor, shop: ShopInProcess) -> None:
    """Where somebody pays it from a page that was open for long."""
    page = f"/en/orders/{await add_order(shop, paid=False)}"
    pay = {**fields_of(await ana.get(page), f"{page}/pay"), "method": "tok_success"}
    shop.clock.advance(minutes=20)
    late = await ana.submit(f"{page}/pay", **pay)

    assert "The time to pay has run out, and nothing was charged." in text_of(late)


async def test_an_address_with_an_account_is_called_so(ana: Visitor) -> None:
    """On the form, in its language."""
    taken = await ana.send(
        "/es/register", email="ana@example.org", password="another-password", name=""
    )

    assert taken.status_code == 409
    assert "Ya hay una cuenta con esta dirección." in text_of(taken)


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.PENDING}))
def test_the_reason_of_a_refund_by_the_shop_is_in_the_readers_language(status: Status) -> None:
    """purchase writes it in English, whatever state the order had when the money came."""
    written = _reason_of_a_late_capture(purchase(status), PAYMENT)

    assert written in REASONS
    assert reason(written, "es") == "El pedido ya había terminado cuando llegó el dinero"


def test_a_reason_in_somebodys_words_stays_so() -> None:
    """Also where the words are a text of the pages."""
    assert reason("Cart", "es") == "Cart"


def _reason_of_a_late_capture(order: Purchase, payment: Payment) -> str:
    transition = capture(order, payment)

    assert transition is not None
    assert transition.refund is not None

    return transition.refund.reason
