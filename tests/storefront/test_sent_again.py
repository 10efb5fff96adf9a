"""Forms that are sent again after their answer was lost: each says that it is done.

A change that names the version it was made from finds a newer one then: its own.
"""

from typing import Any

import pytest

from tests.journeys.shop_in_process import ADMIN, ShopInProcess
from tests.storefront.staff_shop import add_order, add_provider
from tests.storefront.visitor import Visitor, Wire, fields_of, open_storefront, text_of

REVIEW = "/en/books/1/review"
STAFF = ("staff@example.org", "staff-has-a-password")
SELLER = ("seller@example.org", "seller-has-a-password")
BUYER = ("ana@example.org", "ana-has-a-password")


class OneLostAnswer(Wire):
    """Loses the answer to the next change, however often it is asked for within one page."""

    def __init__(self, shop: ShopInProcess) -> None:
        super().__init__(shop)
        self.loses_next = False

    async def _route(self, request: Any) -> Any:
        if self.loses_next and request.method != "GET":
            self.loses_next = False
            self.losing[f"{request.method} {request.url.path}"] = 2
        return await super()._route(request)


@pytest.fixture
async def stocked(shop: ShopInProcess) -> ShopInProcess:
    """A book of the shop and one of a seller, a provider, a paid order and an unpaid one."""
    await shop.sell("Rayuela", stock=100)
    await add_provider(shop)
    await add_order(shop)
    await add_order(shop, paid=False)
    await shop.sign_up("seller", "seller")
    await shop.call("catalog", "PUT", "/sellers/me", {"name": "Librería Norte"}, user="seller")
    body = {"title": "La vorágine", "author": "Autora", "price": 10, "stock": 10}
    await shop.call("catalog", "POST", "/books", body, user="seller")
    return shop


async def sent_again(
    shop: ShopInProcess, account: tuple[str, str], page: str, form: str, changes: dict[str, str]
) -> tuple[str, str]:
    """Fill in the form of a page and send it, and once more from the page that the loss makes.

    The texts of both answers.
    """
    wire = OneLostAnswer(shop)
    async with open_storefront(shop, wire.client) as visitor:
        await visitor.sign_in(*account)
        filled = {**fields_of(await visitor.get(page), form), **changes}
        wire.loses_next = True
        failed = await visitor.submit(form, **filled)
        wire.losing.clear()
        return text_of(failed), text_of(await visitor.submit(form, **fields_of(failed, form)))


@pytest.mark.parametrize(
    ("account", "page", "form", "changes", "said"),
    [
        (STAFF, "/en/staff/books/1", "", {"price": "11,5"}, "The book is changed."),
        (STAFF, "/en/staff/books/1", "", {"description": "Uno.\nDos."}, "The book is changed."),
        (STAFF, "/en/staff/books", "/1/price", {"price": "12"}, "The book is changed."),
        (STAFF, "/en/staff/providers/1", "", {"fee": "9"}, "The delivery provider is changed."),
        (
            *(STAFF, "/en/staff/providers/1", "", {"coverage": "mx CO"}),
            "The delivery provider is changed.",
        ),
        (SELLER, "/en/seller/books/2", "", {"price": "11,5"}, "The book is changed."),
        (ADMIN, "/en/admin/users/2", "/roles", {"role-seller": "1"}, "The roles of"),
    ],
)
async def test_a_change_that_took_effect_is_no_conflict(
    stocked: ShopInProcess,
    account: tuple[str, str],
    page: str,
    form: str,
    changes: dict[str, str],
    said: str,
) -> None:
    """Nobody else has changed anything: what is stored is what was sent."""
    failed, again = await sent_again(stocked, account, page, page + form, changes)

    assert "Your form is kept" in failed
    assert said in again
    assert "Somebody else" not in again


async def test_a_review_that_took_effect_is_no_conflict(stocked: ShopInProcess) -> None:
    """As long as nothing else was written meanwhile."""
    async with open_storefront(stocked) as visitor:
        await visitor.sign_in(*BUYER)

        async def bought() -> bool:
            return 'name="rating"' in (await visitor.get(REVIEW)).text

        await stocked.until(bought)
        await visitor.submit(REVIEW, rating=4, text="Muy bueno", key="k" * 24)
    failed, again = await sent_again(stocked, BUYER, REVIEW, REVIEW, {"rating": "2"})

    assert "Your form is kept" in failed
    assert "Your review is changed." in again


@pytest.mark.parametrize(
    ("account", "page", "form", "said"),
    [
        (BUYER, "/en/orders/2", "/cancel", "The order is cancelled."),
        (BUYER, "/en/orders/1", "/reorder", "Cart"),
        (STAFF, "/en/staff/books/1/retire", "", "The book is out of sale."),
        (STAFF, "/en/staff/providers/1/retire", "", "The delivery provider is no longer offered."),
        (SELLER, "/en/seller/books/2/retire", "", "Bring back La vorágine"),
        (ADMIN, "/en/admin/users/2/disable", "", "is disabled, and signed out everywhere."),
    ],
)
async def test_a_button_without_fields_can_be_pressed_again(
    stocked: ShopInProcess, account: tuple[str, str], page: str, form: str, said: str
) -> None:
    """The page of the failure has the button."""
    failed, again = await sent_again(stocked, account, page, page + form, {})

    assert "Your form is kept, and can be sent again." in failed
    assert said in again


@pytest.mark.parametrize(
    ("page", "form", "first", "second"),
    [
        (
            *("/en/seller/books/new", "/en/seller/books"),
            {"title": "Uno", "author": "Dos", "price": "9", "stock": "1"},
            {"title": "Tres", "author": "Dos", "price": "9", "stock": "1"},
        ),
        (
            *("/en/seller/books/2/stock", "/en/seller/books/2/stock"),
            {"delta": "5", "reason": "delivery"},
            {"delta": "3", "reason": "delivery"},
        ),
    ],
)
async def test_a_form_that_back_brings_does_another_thing_after_a_question(
    stocked: ShopInProcess, page: str, form: str, first: dict[str, str], second: dict[str, str]
) -> None:
    """It has the key of what it did before. The answer says so, and its form has a new one."""
    async with open_storefront(stocked) as visitor:
        await visitor.sign_in(*SELLER)
        await stocked.until(lambda: stocked.stock_is_known(2))
        filled = fields_of(await visitor.get(page), form)
        await visitor.submit(form, **filled | first)
        asked = await visitor.submit(form, **filled | second)
        done = await visitor.send(form, **fields_of(asked, form) | second)

    assert asked.status_code == 422
    assert "This form was sent before, with other contents" in text_of(asked)
    assert "key" not in text_of(asked)
    assert done.status_code == 303


async def test_a_conflict_is_still_one(staff: Visitor, shop: ShopInProcess) -> None:
    """Where somebody else has written something else."""
    await shop.sell("Rayuela")
    path = "/en/staff/books/1"
    form = fields_of(await staff.get(path), path)
    await staff.submit(path, **{**form, "price": "11"})
    refused = await staff.submit(path, **{**form, "price": "12"})

    assert refused.status_code == 412
    assert "Somebody else has changed this book" in text_of(refused)
