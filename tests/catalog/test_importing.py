"""A supplier's file: what becomes of its lines, again and again."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from functions.catalog.commands import imports
from tests.catalog.library import ISBN, OTHER_ISBN, Library, counts
from tests.support.contracts import violations


async def test_a_file_becomes_books(library: Library) -> None:
    """Quoted commas, quotation marks and line breaks are part of the text."""
    report = await library.report_of(
        "title,author,price,stock,isbn,description,category\r\n"
        '"Uno, dos","Ana ""la roja"" Paz",12.5,3,0-439-02348-3,"línea 1\nlínea 2",Novela\r\n'
        "Tres,Luis Sol,7,,,,\r\n",
    )

    assert counts(report) == (2, 2, 0, 0, 0, 0)
    assert [
        (
            book["title"],
            book["author"],
            book["price_minor"],
            book["stock"],
            book["isbn"],
            book["description"],
            book["category"],
        )
        for book in (await library.get("/books")).json()
    ] == [
        ("Uno, dos", 'Ana "la roja" Paz', 1250, 3, ISBN, "línea 1\nlínea 2", "Novela"),
        ("Tres", "Luis Sol", 700, 0, None, None, None),
    ]
    assert violations(await library.published()) == []


@pytest.mark.parametrize(
    "content",
    [
        "title,author,price\nA,B,12.50\n",
        "title,author,price\r\nA,B,12.50",
        "\ufefftitle,author,price\nA,B,12.50\n",
        "Título;Autor(es);Precio\nA;B;12,50\n",
        "TITULO\tAutores\tPrice\nA\tB\t12.5\n",
        '"title","authors","price"\n"A","B","12.50"\n',
        "\n\nprice,notes,author,title,original_title\n\n12.50,x,B,,A\n\n",
    ],
)
async def test_files_are_written_in_many_ways(library: Library, content: str) -> None:
    assert counts(await library.report_of(content)) == (1, 1, 0, 0, 0, 0)
    (book,) = (await library.get("/books")).json()

    assert (book["title"], book["author"], book["price_minor"]) == ("A", "B", 1250)


async def test_an_isbn_that_lost_digits_is_left_out_with_a_warning(library: Library) -> None:
    """The zeros in front come back; scientific notation is never believed."""
    report = await library.report_of(
        "title,authors,isbn,isbn13\n"
        "a,x,439023483,9.78043902348e+12\n"
        "b,x,,9.78043955493e+12\n"
        "c,x,0439554934,9780439554930\n"
        "d,x,439554935,\n"
        "e,x,,\n"
        "f,x,0,0\n",
        "default_price=5",
    )
    books = (await library.get("/books")).json()

    assert counts(report) == (6, 6, 0, 0, 0, 3)
    assert [book["isbn"] for book in books] == [ISBN, None, OTHER_ISBN, None, None, None]
    assert [(each["line"], each["field"]) for each in report["warnings"]] == [
        (3, "isbn"),
        (5, "isbn"),
        (7, "isbn"),
    ]


async def test_the_same_file_again_changes_nothing(library: Library) -> None:
    """Known by ISBN, else by title and author, accents and case aside."""
    content = f"title,author,price,isbn\nA,B,1,{ISBN}\nÉl,Ñu,2,\n"
    await library.report_of(content)
    published = len(await library.published())

    assert counts(await library.report_of(content)) == (2, 0, 0, 2, 0, 0)
    assert published == len(await library.published())
    assert await library.walk("") == [1, 2]


async def test_what_the_file_says_takes_the_place_of_what_was_there(library: Library) -> None:
    """What it does not say stays: a default is for new books, stock is purchase's."""
    await library.add("Viejo", "B", isbn=ISBN, description="d", category="c", stock=4)
    report = await library.report_of(
        f"title,author,isbn,price,description,stock\nNuevo,B,{ISBN},9.5,,50\n",
        "default_price=1&default_stock=2",
    )
    book = (await library.get("/books/1")).json()

    assert counts(report) == (1, 0, 1, 0, 0, 0)
    assert (
        book["title"],
        book["price_minor"],
        book["description"],
        book["category"],
        book["stock"],
    ) == ("Nuevo", 950, "d", "c", 4)
    assert [event["type"].split(".")[2] for event in await library.published()] == [
        "created",
        "updated",
    ]


async def test_defaults_are_for_new_books(library: Library) -> None:
    content = "title,author\nA,B\n"
    await library.report_of(content, "default_price=9.99&default_stock=3")
    again = await library.report_of(content, "default_price=5&default_stock=1")
    (book,) = (await library.get("/books")).json()

    assert counts(again) == (1, 0, 0, 1, 0, 0)
    assert (book["price_minor"], book["stock"]) == (999, 3)


async def test_a_book_without_isbn_gets_the_one_that_a_later_file_knows(library: Library) -> None:
    """Another ISBN of the same title is another edition."""
    await library.report_of("title,author,price\nA,B,1\n")
    report = await library.report_of(f"title,author,price,isbn\nA,B,1,{ISBN}\nA,B,1,{OTHER_ISBN}\n")

    assert counts(report) == (2, 1, 1, 0, 0, 0)
    assert [book["isbn"] for book in (await library.get("/books")).json()] == [ISBN, OTHER_ISBN]


async def test_two_lines_about_one_book(library: Library) -> None:
    """A copy changes nothing; one that says otherwise is refused, also in the next run."""
    content = f"title,author,price,isbn\nA,B,1,{ISBN}\nA,B,1,{ISBN}\nOtro,B,1,{ISBN}\nA,B,2,\n"
    first = await library.report_of(content)
    second = await library.report_of(content)

    assert counts(first) == (4, 1, 0, 1, 2, 0)
    assert counts(second) == (4, 0, 0, 2, 2, 0)
    assert [each["line"] for each in first["errors"]] == [4, 5]
    assert "line 2" in first["errors"][0]["reason"]


async def test_two_lines_about_one_book_in_different_batches(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "BATCH", 2)
    report = await library.report_of("title,author,price\nA,B,1\nC,B,1\nD,B,1\nA,B,2\n")

    assert counts(report) == (4, 3, 0, 0, 1, 0)
    assert "line 2" in report["errors"][0]["reason"]


async def test_a_retired_book_is_not_brought_back(library: Library) -> None:
    """Not by ISBN and not by title; the line says which book it is."""
    content = f"title,author,price,isbn\nA,B,1,{ISBN}\nC,D,1,\n"
    await library.report_of(content)
    for book_id in (1, 2):
        await library.call("DELETE", f"/books/{book_id}")
    report = await library.report_of(content)

    assert counts(report) == (2, 0, 0, 0, 2, 0)
    assert "book 1," in report["errors"][0]["reason"]
    assert await library.titles() == []


async def test_a_book_that_replaced_a_retired_one_is_the_one_that_is_meant(
    library: Library,
) -> None:
    await library.add("A", "B", isbn=ISBN)
    await library.call("DELETE", "/books/1")
    await library.add("A", "B", isbn=ISBN)
    report = await library.report_of(f"title,author,price,isbn\nA,B,1,{ISBN}\n")

    assert counts(report) == (1, 0, 1, 0, 0, 0)
    assert (await library.get("/books/2")).json()["price_minor"] == 100


async def test_a_run_that_was_ended_half_way_is_finished_by_another(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole batches are there or not; nothing is there twice afterwards."""
    monkeypatch.setattr(imports, "BATCH", 2)
    lines = [b"title,author,price\n", *(b"T%d,B,1\n" % number for number in range(5))]
    hung = asyncio.Event()

    async def stuck() -> AsyncIterator[bytes]:
        for line in lines[:4]:
            yield line
        hung.set()
        await asyncio.Event().wait()

    sending = asyncio.create_task(library.import_csv(stuck()))
    await hung.wait()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    assert await library.titles() == ["T0", "T1"]

    assert counts(await library.report_of(b"".join(lines))) == (5, 3, 0, 2, 0, 0)
    assert await library.titles() == ["T0", "T1", "T2", "T3", "T4"]


async def test_two_imports_at_once_write_each_book_once(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "BATCH", 3)
    content = "title,author,price\n" + "".join(f"T{number},B,1\n" for number in range(20))
    reports = await asyncio.gather(*(library.report_of(content) for _ in range(3)))

    assert sum(report["created"] for report in reports) == 20
    assert sum(report["unchanged"] for report in reports) == 40
    assert len(await library.titles()) == 20
