"""A page on which something went wrong says so in its title, and begins with the reason.

The title is the first thing that a screen reader reads, and the focus is where it goes on.
"""

import re

import httpx
import pytest

from tests.journeys.shop_in_process import ShopInProcess
from tests.storefront.staff_shop import add_order, add_provider
from tests.storefront.visitor import Visitor, fields_of


def title_of(page: httpx.Response) -> str:
    (title,) = re.findall("<title>(.*?)</title>", page.text, re.DOTALL)
    return str(title)


def begins_with_the_reason(page: httpx.Response) -> bool:
    """Whether an element that has the focus at first holds a message of a problem."""
    pattern = r"<div[^>]* tabindex=\"-1\" autofocus>\s*<p class=\"message problem\""
    return re.search(pattern, page.text) is not None


@pytest.fixture
async def stocked(shop: ShopInProcess) -> None:
    """A book, a provider and a paid order."""
    await shop.sell("Rayuela", stock=100)
    await add_provider(shop)
    await add_order(shop)


@pytest.mark.usefixtures("stocked")
@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("books/1", {"title": "Uno", "author": "Dos", "price": "9", "etag": '"1.1"', "seen": ""}),
        ("books/1", {"title": "", "author": "Dos", "price": "9", "etag": '"1.1"', "seen": ""}),
        ("providers/1", {"name": "A", "contact": "a@b", "coverage": "CO", "etag": '"0a"'}),
        ("orders/1/assign", {"provider": ""}),
        ("orders/1/cancel", {}),
        ("sellers", {"book_id": "x"}),
    ],
)
async def test_a_refused_form_of_staff_says_so_first(
    staff: Visitor, path: str, sent: dict[str, str]
) -> None:
    """Also where somebody else has changed something meanwhile."""
    page = await staff.send(f"/en/staff/{path}", **sent)

    assert page.status_code in {400, 409, 412}
    assert title_of(page).startswith("Error: ")
    assert begins_with_the_reason(page)


async def test_a_refused_change_of_roles_says_so_first(admin: Visitor, shop: ShopInProcess) -> None:
    """With no role at all."""
    page = await admin.send("/en/admin/users/1/roles", seen="admin customer")

    assert page.status_code == 409
    assert title_of(page).startswith("Error: ")
    assert begins_with_the_reason(page)


@pytest.mark.usefixtures("stocked")
async def test_a_problem_on_the_next_page_says_so_first(visitor: Visitor) -> None:
    """Once: without the message the page has its own title."""
    page = await visitor.submit("/en/cart/items", book_id=1, quantity=0, key="k" * 24)
    again = await visitor.get("/en/books/1")

    assert title_of(page) == "Error: Rayuela · Bookstore"
    assert begins_with_the_reason(page)
    assert title_of(again) == "Rayuela · Bookstore"
    assert "autofocus" not in again.text


@pytest.mark.parametrize(
    ("path", "status"),
    [("books?after=x", 400), ("books?min_price=cheap", 200), ("unsubscribe", 404)],
)
async def test_a_refused_address_says_so_in_the_title(
    visitor: Visitor, path: str, status: int
) -> None:
    """A list without what its address asks for."""
    page = await visitor.get(f"/en/{path}")

    assert page.status_code == status
    assert title_of(page).startswith("Error: ")


async def test_a_filter_that_makes_no_sense_says_so_in_the_title(staff: Visitor) -> None:
    """The list is shown without it."""
    page = await staff.get("/en/staff/books?min_price=cheap")

    assert page.status_code == 200
    assert title_of(page) == "Error: Books · Bookstore"


async def test_the_page_of_a_problem_has_it_as_its_title(visitor: Visitor) -> None:
    """Nothing is said twice."""
    missing = await visitor.get("/en/nowhere")
    kept = await visitor.send("/en/books/1/review", rating=4, text="Muy bueno")

    assert title_of(missing) == "Page not found · Bookstore"
    assert title_of(kept) == "Sign in to go on · Bookstore"
    assert fields_of(kept, "/en/books/1/review") == {"rating": "4", "text": "Muy bueno"}
