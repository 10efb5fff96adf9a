"""Lists of the back office: filters, order, pages; the books of the staff are the example."""

import re
from html import unescape

import httpx
import pytest

from tests.journeys.shop_in_process import ShopInProcess
from tests.storefront.visitor import Visitor, text_of

LIST = "/en/staff/books"


def titles(page: httpx.Response) -> list[str]:
    found = re.findall(r'role="rowheader"><a [^>]*>(.*?)</a>', page.text)
    return [unescape(each) for each in found]


def links(page: httpx.Response) -> dict[str, str]:
    """The addresses of links by their text."""
    found = re.findall(r'<a [^>]*?href="([^"]+)"[^>]*>([^<]+)', page.text)
    return {" ".join(text.split()): unescape(url) for url, text in found}


async def test_a_list_is_read_page_by_page(staff: Visitor, shop: ShopInProcess) -> None:
    """Each row once, in order; the way back is the first page, and each page has its address."""
    body = {"author": "Autora", "price": 3, "stock": 1}
    for number in range(53):
        await shop.call(
            "catalog", "POST", "/books", {"title": f"Tomo {number:02}", **body}, user="staff"
        )
    first = await staff.get(f"{LIST}?sort=title&q=tomo")
    second = await staff.get(links(first)["Next page"])

    assert [*titles(first), *titles(second)] == [f"Tomo {number:02}" for number in range(53)]
    assert "First page" not in links(first)
    assert links(second)["First page"] == f"{LIST}?q=tomo&sort=title"
    assert "Next page" not in links(second)


async def test_a_header_sorts_and_says_so(staff: Visitor, shop: ShopInProcess) -> None:
    """First ascending, then descending; the filters stay."""
    for title, price in (("B tomo", 5), ("A tomo", 9), ("C tomo", 2)):
        await shop.sell(title, price=price)
    plain = await staff.get(f"{LIST}?q=tomo")
    up = await staff.get(links(plain)["Price"])
    down = await staff.get(links(up)["Price"])

    assert titles(up) == ["C tomo", "B tomo", "A tomo"]
    assert titles(down) == ["A tomo", "B tomo", "C tomo"]
    assert re.findall('aria-sort="(.*?)"', up.text) == ["ascending"]
    assert re.findall('aria-sort="(.*?)"', down.text) == ["descending"]
    assert 'name="q" type="search" maxlength="200" value="tomo"' in down.text


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("min_price=cheap", "Write an amount"),
        ("max_price=-1", "Write an amount"),
        ("q=" + "x" * 201, "at most 200"),
        ("category=" + "a%0A" * 201, "at most 200"),
    ],
)
async def test_a_filter_that_makes_no_sense_is_left_out(
    staff: Visitor, shop: ShopInProcess, query: str, problem: str
) -> None:
    """What was typed stays, with the reason beside it; the list is there."""
    await shop.sell("La vorágine")
    page = await staff.get(f"{LIST}?{query}")

    assert page.status_code == 200
    assert problem in text_of(page)
    assert titles(page) == ["La vorágine"]
    assert 'aria-invalid="true"' in page.text


@pytest.mark.parametrize("query", ["sort=nonsense", "state=nonsense", "utm_source=mail", "after="])
async def test_parameters_that_are_not_known_change_nothing(staff: Visitor, query: str) -> None:
    """Links from elsewhere carry some."""
    assert (await staff.get(f"{LIST}?{query}")).status_code == 200


async def test_a_cursor_of_nowhere_is_a_page_with_a_way_on(staff: Visitor) -> None:
    """400, with the first page to go on."""
    page = await staff.get(f"{LIST}?after=nonsense")

    assert page.status_code == 400
    assert "This part of the list is not there any more." in text_of(page)
    assert links(page)["First page"] == f"{LIST}?sort=newest"


async def test_an_empty_list_says_why(staff: Visitor) -> None:
    """Nothing there yet, or nothing that matches."""
    nothing = await staff.get(LIST)
    unmatched = await staff.get(f"{LIST}?q=nothing")

    assert "There is nothing here yet." in text_of(nothing)
    assert "Nothing matches all of these filters." in text_of(unmatched)
    assert links(unmatched)["Clear the filters"] == LIST


@pytest.mark.parametrize(
    ("path", "sorted_by"),
    [
        ("admin/users", {"email": "Email", "created": "Since", "id": "Number"}),
        ("staff/sellers", {"name": "Sold by", "id": "Number"}),
        ("staff/reviews?state=published", {"rating": "Stars", "created": "Written"}),
        ("staff/reviews?state=published", {"reports": "Reports"}),
    ],
)
async def test_the_columns_of_accounts_sellers_and_reviews_sort_them(
    admin: Visitor, shop: ShopInProcess, path: str, sorted_by: dict[str, str]
) -> None:
    """Their services take each order; the header says which one it is, and leads to the other."""
    await shop.sign_up("seller", "customer", "seller")
    await shop.call("catalog", "PUT", "/sellers/me", {"name": "Librería Norte"}, user="seller")
    await bought_and_reviewed(shop)
    for name, label in sorted_by.items():
        for sort, direction, arrow, other in (
            (name, "ascending", "↑", f"-{name}"),
            (f"-{name}", "descending", "↓", name),
        ):
            page = await admin.get(f"/en/{path}{'&' if '?' in path else '?'}sort={sort}")
            header = re.search(rf'<th[^>]*aria-sort="{direction}"><a href="([^"]*)"', page.text)

            assert page.status_code == 200
            assert header is not None, (path, sort)
            assert f"sort={other}" in unescape(header[1])
            assert f"{label} {arrow}" in text_of(page)


async def bought_and_reviewed(shop: ShopInProcess) -> None:
    """A customer reviews a book."""
    book_id = await shop.sell()
    await shop.sign_up("eva", "customer")
    body = {"book_id": book_id, "quantity": 1}
    bought = (await shop.call("purchase", "POST", "/purchase", body, user="eva")).json()
    payment = {"purchase_id": bought["purchase_id"], "payment_method": "tok_success"}
    await shop.call("purchase", "POST", "/payment", payment, user="eva")

    async def reviewed() -> bool:
        review = {"rating": 4, "text": "Bien"}
        answer = await shop.call("catalog", "POST", f"/books/{book_id}/reviews", review, user="eva")
        return answer.status_code in {201, 409}

    await shop.until(reviewed)
