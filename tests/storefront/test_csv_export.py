"""The export of a list: whole, readable by spreadsheets, and harmless in them."""

import csv
import io
from html import escape
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.kit.base.spreadsheets import unescaped
from functions.storefront.controllers import csv_export
from functions.storefront.controllers.admin import users
from functions.storefront.controllers.csv_export import line
from functions.storefront.controllers.lists import ListOf
from functions.storefront.controllers.seller import books as own_books
from functions.storefront.controllers.seller import sales
from functions.storefront.controllers.staff import (
    books,
    orders,
    payments,
    providers,
    reviews,
    sellers,
)
from tests.journeys.shop_in_process import ShopInProcess
from tests.storefront.visitor import Visitor, Wire, open_back_office, open_storefront

EXPORT = "/en/staff/books.csv"
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", " =1", "＝1", "|x", "%x")


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def rows_of(response: httpx.Response) -> list[dict[str, str]]:
    text = response.content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_is_never_a_formula(text: str) -> None:
    """An apostrophe before it makes a spreadsheet show it."""
    assert read(line([text, -5])) == [[f"'{text}", "-5"]]


@given(
    st.lists(
        st.one_of(
            st.text(max_size=20),
            st.sampled_from(FORMULAS),
            st.sampled_from(['"', '",\r\n=1', "a\nb", "a,b", "\ud800", "\0=1", ";", " "]),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_any_texts_come_back_as_they_were(cells: list[str]) -> None:
    """One line of as many fields; each is the text, with apostrophes before formulas."""
    written = line(cells)
    (fields,) = read(written)
    plain = [each.replace("\0", "").encode("utf-8", "replace").decode() for each in cells]

    assert written.endswith("\r\n")
    assert [unescaped(field) for field in fields] == plain
    assert not any(field.lstrip(" ")[:1] in set("=+-@\t\r\n") - {""} for field in fields)


async def test_the_whole_list_is_exported(
    staff: Visitor, shop: ShopInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over all pages, with the filters and the order of the page."""
    monkeypatch.setattr(csv_export, "PAGE", 2)
    for number in range(5):
        await shop.sell(f"Tomo {number}", price=2.5)
    await shop.sell("=HYPERLINK(1)")
    page = await staff.get(f"{EXPORT}?q=tomo&sort=-title")

    assert page.headers["content-type"] == "text/csv; header=present; charset=utf-8"
    assert page.headers["content-disposition"].startswith('attachment; filename="books-2')
    assert page.headers["cache-control"] == "private, no-store"
    assert [row["title"] for row in rows_of(page)] == [
        f"Tomo {number}" for number in (4, 3, 2, 1, 0)
    ]
    assert {row["price"] for row in rows_of(page)} == {"2.50"}


LISTS = [
    spec
    for module in (books, orders, payments, providers, reviews, sellers, own_books, sales, users)
    for spec in vars(module).values()
    if isinstance(spec, ListOf)
]


@pytest.mark.parametrize("spec", LISTS, ids=lambda spec: "/".join(spec.path))
async def test_every_list_has_an_export(shop: ShopInProcess, spec: ListOf) -> None:
    """For those who may read the list; others get a page. Deliveries have their own test."""
    area, caller = spec.path[0], {"staff": "staff", "seller": "seller", "admin": "admin"}
    await shop.sign_up("seller", "seller")
    path = f"/en/{'/'.join(spec.path)}.csv"
    statuses = {}
    for user in caller.values():
        async with open_back_office(shop, user) as member:
            answer = await member.get(path)
            is_file = answer.headers["content-type"].startswith("text/csv")
            statuses[user] = (answer.status_code, is_file)
    allowed = {"staff": {"staff", "admin"}, "seller": {"seller"}, "admin": {"admin"}}[area]

    assert spec.exported
    assert statuses == {
        user: (200, True) if user in allowed else (403, False) for user in caller.values()
    }


async def test_accounts_are_exported_for_administrators(
    admin: Visitor, shop: ShopInProcess
) -> None:
    """As the list is narrowed down, and with the link on its page."""
    await shop.sign_up("ana", "customer", "seller")
    page = await admin.get("/en/admin/users?role=seller&sort=-email")
    link = "/en/admin/users.csv?role=seller&sort=-email"
    (row,) = rows_of(await admin.get(link))

    assert f'href="{escape(link)}"' in page.text
    assert (row["email"], row["roles"], row["disabled"]) == (
        "ana@example.org",
        "customer seller",
        "False",
    )


async def test_sellers_are_exported_and_lead_to_their_books(
    staff: Visitor, seller: Visitor, shop: ShopInProcess
) -> None:
    """The list of books is narrowed down to those of a seller, retired ones included."""
    del seller  # has a name
    await shop.sell("De la tienda")
    body = {"title": "De la vendedora", "author": "A", "price": 1}
    made = await shop.call("catalog", "POST", "/books", body, user="seller")
    await shop.call("catalog", "DELETE", f"/books/{made.json()['book_id']}", user="seller")
    (row,) = rows_of(await staff.get("/en/staff/sellers.csv"))
    link = f"/en/staff/books?seller={row['id']}"
    found = rows_of(await staff.get(link.replace("?", ".csv?")))

    assert row["name"] == "Librería Norte"
    assert f'href="{link}"' in (await staff.get("/en/staff/sellers")).text
    assert [each["title"] for each in found] == ["De la vendedora"]
    assert "De la vendedora" in (await staff.get(link)).text
    assert "De la tienda" not in (await staff.get(link)).text


async def test_an_export_can_be_imported_again(staff: Visitor, shop: ShopInProcess) -> None:
    """It changes nothing, whatever begins like a formula: no second book is made of it."""
    titles = (*map(str.strip, FORMULAS[:5]), "'=1", "Uno; -dos", "'tis", '="0439"x', "2666")
    for title in titles:
        book_id = await shop.sell(title)
        text = f"{title};{title}\n- fin"
        path = f"/books/{book_id}"
        changed = await shop.call("catalog", "PUT", path, {"description": text}, user="staff")
        assert changed.status_code == 200, changed.text
    exported = (await staff.get(EXPORT)).content
    headers = {"content-type": "text/csv", "authorization": f"Bearer {shop.tokens['staff']}"}
    answer = await shop.clients["catalog"].post("/books/import", content=exported, headers=headers)
    report = answer.json()

    assert answer.status_code == 200, answer.text
    assert (report["lines"], report["unchanged"], report["errors"]) == (
        len(titles),
        len(titles),
        [],
    )


async def test_an_export_that_is_too_long_says_so(
    staff: Visitor, shop: ShopInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last line says how many rows it has, and what to do."""
    monkeypatch.setattr(csv_export, "MAX_ROWS", 2)
    for number in range(3):
        await shop.sell(f"Tomo {number}")
    page = await staff.get(EXPORT)
    lines = read(page.content.decode("utf-8-sig"))

    assert len(lines) == 4
    assert lines[-1] == ["This file ends here, with 2 rows. Narrow the list down for the others."]


async def test_a_list_that_cannot_be_read_is_a_page(staff: Visitor, shop: ShopInProcess) -> None:
    """Not a file with an error in it."""
    await shop.drain("catalog")
    page = await staff.get(EXPORT)

    assert page.status_code == 503
    assert page.headers["content-type"] == "text/html; charset=utf-8"


async def test_an_export_that_breaks_off_is_not_complete(
    shop: ShopInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection ends with an error, so that no half of a list passes for the whole."""
    monkeypatch.setattr(csv_export, "PAGE", 2)
    for number in range(5):
        await shop.sell(f"Tomo {number}")
    asked: list[Any] = []
    wire = Wire(shop)

    async def route(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/books/managed":
            asked.append(request)
            if len(asked) > 1:
                raise httpx.ConnectError("gone", request=request)
        return await wire.client.send(request)

    broken = httpx.AsyncClient(transport=httpx.MockTransport(route))
    async with open_storefront(shop, broken) as visitor:
        await visitor.sign_in("staff@example.org", "staff-has-a-password")
        with pytest.raises(Exception, match="after response started"):
            await visitor.get(EXPORT)

    assert len(asked) == 2
