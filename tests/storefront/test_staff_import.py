"""Importing a file: what reaches catalog, the report, and what can be wrong with a file."""

import base64
import csv
import io
import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import httpx
import pytest

from functions.storefront.uploads import MAX_PARTS
from tests.journeys.shop_in_process import ShopInProcess, open_shop
from tests.storefront.visitor import (
    SAME_ORIGIN,
    Visitor,
    Wire,
    for_people,
    open_back_office,
    open_storefront,
    text_of,
)

PATH, SELLERS_PATH = "/en/staff/import", "/en/seller/import"
HEAD = "title,author,isbn,price,stock\n"
GOOD = HEAD + "Rayuela,Julio Cortázar,9788437604572,21.90,5\nMaría,Jorge Isaacs,,9.50,2\n"
BAD = HEAD + "=1+1,,9788437604572,free,5\nMaría,Jorge Isaacs,,9.50,2\n"


async def send(
    visitor: Visitor,
    content: bytes | str,
    filename: str = "books.csv",
    *,
    path: str = PATH,
    **fields: str,
) -> httpx.Response:
    """The form, as a browser sends it: the fields first."""
    data = content.encode() if isinstance(content, str) else content
    return for_people(
        await visitor.client.post(
            path, data=fields, files={"file": (filename, data, "text/csv")}, headers=SAME_ORIGIN
        )
    )


def facts(page: httpx.Response) -> dict[str, str]:
    return dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page.text))


async def test_a_file_is_imported_and_can_be_sent_again(
    staff: Visitor, shop: ShopInProcess
) -> None:
    """The report counts what it did; the second time everything was the same."""
    first = await send(staff, GOOD)
    second = await send(staff, GOOD)
    books = (await shop.call("catalog", "GET", "/books")).json()

    assert first.status_code == 200
    assert "2 lines were read. None was refused." in text_of(first)
    assert "Report on books.csv" in text_of(first)
    assert facts(first)["Books added"] == "2"
    assert facts(second)["Books that were the same"] == "2"
    assert [book["title"] for book in books] == ["Rayuela", "María"]


async def test_refused_lines_are_on_the_page_and_in_a_file(staff: Visitor) -> None:
    """Each with its line and reason; the rest is imported."""
    page = await send(staff, BAD)
    link = re.search(r'href="data:text/csv;charset=utf-8;base64,([^"]*)" download', page.text)
    assert link is not None
    content = base64.b64decode(unescape(link[1])).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(content, newline="")))

    assert "2 lines were read. 1 of them was refused" in text_of(page)
    assert facts(page)["Books added"] == "1"
    assert rows[0] == ["Line", "Field", "Kind", "Reason"]
    assert {row[0] for row in rows[1:]} == {"2"}
    assert {row[1] for row in rows[1:]} == {"price"}
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)


async def test_a_report_names_columns_and_reasons_in_the_readers_language(
    staff: Visitor, shop: ShopInProcess
) -> None:
    """Also of books that are retired, or whose stock the file does not change."""
    await send(staff, GOOD)
    await shop.call("catalog", "DELETE", "/books/2", user="staff")
    await shop.until(lambda: _is_known(shop, 1))
    content = HEAD + ",Nadie,,9.50,2\n" + GOOD.removeprefix(HEAD).replace(",5\n", ",9\n")
    page = text_of(await send(staff, content, path="/es/staff/import"))

    assert "2 título no debe estar vacío" in page
    assert "un archivo no cambia las existencias" in page
    assert "se retiró: repóngalo antes" in page


async def _is_known(shop: ShopInProcess, book_id: int) -> bool:
    answer = await shop.call("purchase", "GET", f"/inventory/{book_id}", user="staff")
    return answer.status_code == 200


async def test_the_options_reach_catalog(staff: Visitor, shop: ShopInProcess) -> None:
    """Decimals, and what new books get whose line has none."""
    page = await send(
        staff,
        "title;author;price\nA;B;1,500\nC;D;\n",
        decimal="comma",
        default_price="7,25",
        default_stock="3",
    )
    books = (await shop.call("catalog", "GET", "/books")).json()

    assert "2 lines were read" in text_of(page)
    assert 'value="comma" selected' in page.text
    assert [(book["title"], book["stock"]) for book in books][-1] == ("C", 3)
    assert books[-1]["price"] == 7.25


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 400, ""),
        (b"\n\n", 400, ""),
        (b"PK\x03\x04" + b"x" * 100, 400, "Excel"),
        ("título,autor\n".encode("utf-16"), 400, "UTF-16"),
        ("title,author,price\nA\xf1o,B,1\n".encode("latin-1"), 400, "UTF-8"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, 400, "image"),
        (b"a,b,c\n1,2,3\n", 400, "title"),
        (b'title,author,price\n"A,B,1\n', 400, ""),
    ],
)
async def test_what_is_no_such_file_is_refused_with_the_reason(
    staff: Visitor, content: bytes, status: int, words: str
) -> None:
    """Beside the field of the file, in words that say what to do."""
    page = await send(staff, content)
    said = re.search(r'id="p-file"[^>]*>([^<]*)<', page.text)

    assert page.status_code == status
    assert said is not None
    assert words in unescape(said[1])
    assert len(said[1]) > 15


async def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    """By catalog's limit, whatever of it was read."""
    async with (
        open_shop(tmp_path, IMPORT_MAX_BYTES="1024") as shop,
        open_storefront(shop) as visitor,
    ):
        await visitor.sign_in("staff@example.org", "staff-has-a-password")
        page = await send(visitor, GOOD + "x" * 200_000)

    assert page.status_code == 413
    assert "at most 1024 bytes" in text_of(page)


async def test_without_a_file_the_form_says_so(staff: Visitor) -> None:
    """What was typed stays."""
    page = await send(staff, b"", filename="", default_price="cheap")

    assert page.status_code == 400
    assert "Choose a file." in text_of(page)
    assert "Write an amount such as 12.50." in text_of(page)
    assert 'value="cheap"' in page.text


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/x-www-form-urlencoded", b"file=a", 400),
        ("text/csv", GOOD.encode(), 400),
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=b", b"--b\r\nnonsense", 400),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\ntitle,au',
            400,
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
            + b"x" * 20_000
            + b"\r\n--b--\r\n",
            400,
        ),
    ],
)
async def test_a_form_that_no_page_sends_is_refused(
    staff: Visitor, content_type: str, body: bytes, status: int
) -> None:
    """A page, and no trace of the code."""
    page = await staff.client.post(
        PATH, content=body, headers={**SAME_ORIGIN, "content-type": content_type}
    )

    assert page.status_code == status
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Traceback" not in page.text


async def test_a_customer_imports_nothing(visitor: Visitor, shop: ShopInProcess) -> None:
    """403, before the file is read."""
    await visitor.sign_up()
    page = await send(visitor, GOOD)

    assert page.status_code == 403
    assert (await shop.call("catalog", "GET", "/books")).json() == []


async def test_the_file_is_not_kept(shop: ShopInProcess) -> None:
    """It goes on in pieces, while it arrives."""
    sizes: list[int] = []
    wire = Wire(shop)

    class Counting(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path == "/books/import":
                assert isinstance(request.stream, httpx.AsyncByteStream)
                pieces = [piece async for piece in request.stream]
                sizes.extend(map(len, pieces))
                headers = {**request.headers}
                headers.pop("transfer-encoding", None)
                headers.pop("content-length", None)
                return await shop.wire.request(
                    "POST", request.url, headers=headers, content=b"".join(pieces)
                )
            return await wire.client.send(request)

    async def body() -> AsyncIterator[bytes]:
        yield (
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n'
            b"Content-Type: text/csv\r\n\r\n"
        )
        yield HEAD.encode()
        for number in range(300):
            yield f"Tomo {number},Autora,,3.50,1\n".encode() * 1
        yield b"\r\n--b--\r\n"

    async with open_storefront(shop, httpx.AsyncClient(transport=Counting())) as visitor:
        await visitor.sign_in("staff@example.org", "staff-has-a-password")
        headers = {**SAME_ORIGIN, "content-type": "multipart/form-data; boundary=b"}
        page = await visitor.client.post(PATH, content=body(), headers=headers)

    assert facts(page)["Books added"] == "300"
    assert len(sizes) > 100
    assert max(sizes) < 1000


async def test_a_catalogue_that_is_away_says_what_to_do(
    staff: Visitor, shop: ShopInProcess
) -> None:
    """503, with the form to send it again."""
    await shop.drain("catalog")
    page = await send(staff, GOOD)

    assert page.status_code == 503
    assert "Send the same file again in a moment" in text_of(page)


async def test_a_seller_imports_own_books(seller: Visitor, shop: ShopInProcess) -> None:
    """They are the seller's, can be sent again, and a line about another's book is refused."""
    await shop.sell("La vorágine")
    isbn = {"isbn": "9788437604572"}
    await shop.call("catalog", "PUT", "/books/1", isbn, user="staff")
    page = await seller.get(SELLERS_PATH)
    first = await send(seller, GOOD, path=SELLERS_PATH)
    second = await send(seller, GOOD, path=SELLERS_PATH)
    books = (await shop.call("catalog", "GET", "/books")).json()

    assert "Only your own books are added and changed." in text_of(page)
    assert first.status_code == 200
    assert facts(first) == {
        "Books added": "1",
        "Books changed": "0",
        "Books that were the same": "0",
        "Lines refused": "1",
        "Lines with a warning": "0",
    }
    assert facts(second)["Books that were the same"] == "1"
    assert [(book["title"], book["seller_name"]) for book in books] == [
        ("La vorágine", None),
        ("María", "Librería Norte"),
    ]
    assert 'href="/en/seller/books"' in first.text


async def test_a_seller_without_a_name_chooses_one_before_an_import(shop: ShopInProcess) -> None:
    """The page leads there; a file that is sent nevertheless is refused with the reason."""
    await shop.sign_up("seller", "seller")
    async with open_back_office(shop, "seller") as member:
        page = await member.client.get(SELLERS_PATH)
        sent = await send(member, GOOD, path=SELLERS_PATH)

    assert (page.status_code, page.headers["location"]) == (303, "/en/seller/name")
    assert sent.status_code == 409
    assert "which name you sell" in text_of(sent)


async def test_who_is_staff_too_imports_as_staff(shop: ShopInProcess) -> None:
    """Catalog takes such a file as that of staff, so the page is the one that says so."""
    await shop.sign_up("both", "seller", "staff")
    async with open_back_office(shop, "both") as member:
        page = await member.client.get(SELLERS_PATH)

    assert (page.status_code, page.headers["location"]) == (303, PATH)


@pytest.mark.parametrize("user", ["staff", "customer"])
async def test_others_have_no_import_of_sellers(shop: ShopInProcess, user: str) -> None:
    """Neither its page nor its form."""
    if user == "customer":
        await shop.sign_up(user)
    async with open_back_office(shop, user) as member:
        page = await member.get(SELLERS_PATH)
        sent = await send(member, GOOD, path=SELLERS_PATH)

    assert (page.status_code, sent.status_code) == (403, 403)
    assert (await shop.call("catalog", "GET", "/books")).json() == []


def form_of(*parts: tuple[str, str | None, str]) -> bytes:
    """Names, file names and contents, with the boundary `b`."""
    written = []
    for name, filename, content in parts:
        named = f'; filename="{filename}"' if filename is not None else ""
        written.append(
            f'--b\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n{content}\r\n'
        )
    return "".join([*written, "--b--\r\n"]).encode()


async def send_form(visitor: Visitor, *parts: tuple[str, str | None, str]) -> httpx.Response:
    headers = {**SAME_ORIGIN, "content-type": "multipart/form-data; boundary=b"}
    return await visitor.client.post(PATH, content=form_of(*parts), headers=headers)


async def test_a_form_of_many_parts_is_refused(staff: Visitor, shop: ShopInProcess) -> None:
    """Each costs a little of the process that serves everybody, also an empty one."""
    fields = [(f"field{number}", None, "") for number in range(MAX_PARTS)]
    sent = await send_form(staff, *fields, ("file", "books.csv", GOOD))

    assert sent.status_code == 400
    assert (await shop.call("catalog", "GET", "/books")).json() == []


async def test_two_files_are_not_read_as_one(staff: Visitor) -> None:
    """A second file of the same name is not taken for more lines of the first."""
    sent = await send_form(staff, ("file", "books.csv", GOOD), ("file", "books.csv", GOOD))

    assert sent.status_code == 400


async def test_of_a_repeated_field_the_last_value_counts(
    staff: Visitor, shop: ShopInProcess
) -> None:
    """As in every other form."""
    lines = HEAD + "Rayuela,Julio Cortázar,,,5\n"
    prices = [("default_price", None, "7.00"), ("default_price", None, "9.00")]
    sent = await send_form(staff, *prices, ("file", "books.csv", lines))
    (book,) = (await shop.call("catalog", "GET", "/books")).json()

    assert sent.status_code == 200
    assert str(book["price"]) == "9.0"
