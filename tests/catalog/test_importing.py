"""A supplier's file: what becomes of its lines, again and again."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from functions.catalog.commands import imports
from tests.catalog.library import ISBN, OTHER_ISBN, Library, counts, stock_event
from tests.support.contracts import violations


async def test_a_file_becomes_books(library: Library) -> None:
    """Quoted delimiters, quotation marks and line breaks are part of the text."""
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
        "sep=;\r\ntitle;author;price\r\nA;B;12,50\r\n",
        "\ufeffsep=,\r\ntitle,author,price\r\nA,B,12.50\r\n",
        "title,author,price,,\r\nA,B,12.50,,\r\n,,,,\r\n\u200b,,\u00a0\r\n",
        "title,author,price,isbn,category\nA,B,12.50\n",
        'title,author,price\n="A","=""B""",="12.50"\n',
        "title,author,price\nA,B,$12.50\n",
        "title,author,price\nA,B,USD 12.50\n",
    ],
)
async def test_variants_of_csv_are_read_alike(library: Library, content: str) -> None:
    """Delimiters, line ends, byte order marks and column names differ; the book is the same."""
    assert counts(await library.report_of(content)) == (1, 1, 0, 0, 0, 0)
    (book,) = (await library.get("/books")).json()

    assert (book["title"], book["author"], book["price_minor"]) == ("A", "B", 1250)


async def test_an_isbn_that_lost_digits_is_omitted_with_a_warning(library: Library) -> None:
    """Leading zeros are restored; an ISBN in scientific notation is omitted."""
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


@pytest.mark.parametrize(
    "cell",
    [
        "ISBN 978-0-439-02348-1",
        "ISBN-13: 9780439023481",
        "9780439023481 (pbk.)",
        "0439023483 (hardback) : $12.95",
        '="9780439023481"',
        '="0439023483"',
        "'9780439023481",
        "\u202a9780439023481\u202c",
        "9780439023481.00",
        "978\u20110\u2011439\u201102348\u20111",
    ],
)
async def test_an_isbn_is_read_as_suppliers_write_it(library: Library, cell: str) -> None:
    """Labels, hyphens and spreadsheets' changes are removed without a warning."""
    report = await library.report_of(f"title,author,price,isbn\nA,B,1,{cell}\n")

    assert (counts(report), report["warnings"]) == ((1, 1, 0, 0, 0, 0), [])
    assert [book["isbn"] for book in (await library.get("/books")).json()] == [ISBN]


@pytest.mark.parametrize(
    ("cell", "query", "minor"),
    [
        ("1.234,50", "", 123450),
        ("1,234.50", "", 123450),
        ("1.234.567", "", 123456700),
        ("1 234,50", "", 123450),
        ("$5.00", "", 500),
        ("12.50 USD", "", 1250),
        ("0,500", "", 50),
        ("1,000", "decimal=point", 100000),
        ("1,000", "decimal=comma", 100),
        ("2.500", "decimal=point", 250),
        ("2.500", "decimal=comma", 250000),
        ("12.50", "decimal=point", 1250),
        ("12", "decimal=comma", 1200),
    ],
)
async def test_an_unambiguous_price_is_accepted(
    library: Library, cell: str, query: str, minor: int
) -> None:
    """An ambiguous notation is unambiguous once `decimal` is given."""
    report = await library.report_of(f'title,author,price\nA,B,"{cell}"\n', query)

    assert counts(report) == (1, 1, 0, 0, 0, 0)
    assert [book["price_minor"] for book in (await library.get("/books")).json()] == [minor]


@pytest.mark.parametrize(
    ("field", "cell", "query"),
    [
        ("price", "1,000", ""),
        ("price", "2.500", ""),
        ("price", "$1,000", ""),
        ("price", "12,50", "decimal=point"),
        ("price", "12.50", "decimal=comma"),
        ("price", "1.234.50", ""),
        ("stock", "1,000", ""),
        ("stock", "1.000", ""),
        ("stock", "2.5", ""),
    ],
)
async def test_an_ambiguous_number_is_refused(
    library: Library, field: str, cell: str, query: str
) -> None:
    """The refusal names the field, and no book is written."""
    other = {"price": "stock", "stock": "price"}[field]
    content = f'title,author,{field},{other}\nA,B,"{cell}",1\n'
    report = await library.report_of(content, query)

    assert counts(report) == (1, 0, 0, 0, 1, 0)
    assert [each["field"] for each in report["errors"]] == [field]
    assert await library.titles() == []


async def test_a_price_in_another_currency_is_accepted_with_a_warning(library: Library) -> None:
    """The number is kept, and the warning names line and field."""
    report = await library.report_of('title,author,price\nA,B,"19,90 €"\n')

    assert counts(report) == (1, 1, 0, 0, 0, 1)
    assert [(each["line"], each["field"]) for each in report["warnings"]] == [(2, "price")]
    assert [book["price_minor"] for book in (await library.get("/books")).json()] == [1990]


async def test_the_report_lists_what_was_ignored(library: Library) -> None:
    """The report lists unused columns, and other stocks of existing books."""
    content = "title,author,price,stock,binding,\nA,B,1,5,es,\n"
    first = await library.report_of(content)
    await library.deliver(stock_event(1, 4))
    second = await library.report_of(content)
    third = await library.report_of(content.replace(",5,", ",4,"))

    assert first["unused_columns"] == ["binding"]
    assert [counts(each) for each in (first, second, third)] == [
        (1, 1, 0, 0, 0, 0),
        (1, 0, 0, 1, 0, 1),
        (1, 0, 0, 1, 0, 0),
    ]
    assert [(each["line"], each["field"]) for each in second["warnings"]] == [(2, "stock")]
    assert "stays 4, and does not become 5" in second["warnings"][0]["reason"]
    assert (await library.get("/books/1")).json()["stock"] == 4


async def test_a_book_is_changed_by_a_certain_match_only(library: Library) -> None:
    """A row without a readable ISBN never changes an edition that has one."""
    await library.add("A", "B", isbn=ISBN, price=1)
    unreadable = await library.report_of("title,author,price,isbn\nA,B,9,9.78E+12\n")
    missing = await library.report_of("title,author,price\nA,B,9\n")
    same = await library.report_of("title,author,price\nA,B,1\n")
    edition = await library.report_of(f"title,author,price,isbn\nA,B,9,{OTHER_ISBN}\n")

    assert [counts(each)[1:5] for each in (unreadable, missing, same, edition)] == [
        (0, 0, 0, 1),
        (0, 0, 0, 1),
        (0, 0, 1, 0),
        (1, 0, 0, 0),
    ]
    assert "book 1" in unreadable["errors"][0]["reason"]
    assert "9.78E+12" in unreadable["errors"][0]["reason"]
    assert "book 1" in missing["errors"][0]["reason"]
    assert [
        (book["isbn"], book["price_minor"]) for book in (await library.get("/books")).json()
    ] == [(ISBN, 100), (OTHER_ISBN, 900)]


async def test_an_unreadable_isbn_changes_no_book_without_one_either(library: Library) -> None:
    """It creates a book where there is none of that title, and matches it again unchanged."""
    content = "title,author,price,isbn\nA,B,1,9.78E+12\n"
    reports = [await library.report_of(each) for each in (content, content)]
    reports.append(await library.report_of(content.replace(",1,", ",2,")))
    reports.append(await library.report_of("title,author,price\nA,B,2\n"))

    assert [counts(each)[1:5] for each in reports] == [
        (1, 0, 0, 0),
        (0, 0, 1, 0),
        (0, 0, 0, 1),
        (0, 1, 0, 0),
    ]


async def test_an_isbn_is_added_to_the_only_edition_without_one(library: Library) -> None:
    """Where several editions exist, the row is a new one."""
    await library.add("A", "B", isbn=OTHER_ISBN)
    await library.add("A", "B")
    report = await library.report_of(f"title,author,price,isbn\nA,B,12.5,{ISBN}\n")

    assert counts(report) == (1, 1, 0, 0, 0, 0)
    assert [book["isbn"] for book in (await library.get("/books")).json()] == [
        OTHER_ISBN,
        None,
        ISBN,
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Spider\u00adman", "Spiderman"),
        ("Catch\u201122", "Catch-22"),
        ("O\u2019Reilly", "O'Reilly"),
        ("\u2060Emma\u200b", "Emma"),
        ("مكتبة", "مكتبه"),
    ],
)
async def test_titles_that_fold_alike_are_one_book(library: Library, one: str, other: str) -> None:
    """The second import creates no book."""
    report = await library.report_of(f"title,author,price\n{one},B,1\n")
    again = await library.report_of(f"title,author,price\n{other},B,1\n")

    assert [counts(report)[1], counts(again)[1]] == [1, 0]
    assert len(await library.titles()) == 1


async def test_a_file_in_a_form_is_imported(library: Library) -> None:
    """The part may have any name and file name, as browsers and `curl -F` send it."""
    report = await library.import_form(
        {"file": ("books.csv", b"title,author,price\r\nA,B,1\r\n", "text/csv")}
    )
    excel = await library.import_form(
        {"upload": ("b.csv", b"title,author,price\nC,D,1", "application/vnd.ms-excel")}
    )

    assert [counts(each.json()) for each in (report, excel)] == [(1, 1, 0, 0, 0, 0)] * 2
    assert await library.titles() == ["A", "C"]


async def test_the_same_file_again_changes_nothing(library: Library) -> None:
    """Books match by ISBN, else by title and author, ignoring accents and case."""
    content = f"title,author,price,isbn\nA,B,1,{ISBN}\nÉl,Ñu,2,\n"
    await library.report_of(content)
    published = len(await library.published())

    assert counts(await library.report_of(content)) == (2, 0, 0, 2, 0, 0)
    assert published == len(await library.published())
    assert await library.walk("") == [1, 2]


async def test_values_of_a_file_replace_those_of_a_book(library: Library) -> None:
    """Omitted values, defaults and the stock of existing books do not change."""
    await library.add("Viejo", "B", isbn=ISBN, description="d", category="c", stock=4)
    report = await library.report_of(
        f"title,author,isbn,price,description,stock\nNuevo,B,{ISBN},9.5,,50\n",
        "default_price=1&default_stock=2",
    )
    book = (await library.get("/books/1")).json()

    assert counts(report) == (1, 0, 1, 0, 0, 1)
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


async def test_defaults_apply_to_new_books_only(library: Library) -> None:
    """A second import with other defaults changes nothing."""
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
    """An equal line changes nothing; a contradicting one is refused, in every run."""
    content = f"title,author,price,isbn\nA,B,1,{ISBN}\nA,B,1,{ISBN}\nOtro,B,1,{ISBN}\nA,B,2,\n"
    first = await library.report_of(content)
    second = await library.report_of(content)

    assert counts(first) == (4, 1, 0, 1, 2, 0)
    assert counts(second) == (4, 0, 0, 2, 2, 0)
    assert [each["line"] for each in first["errors"]] == [4, 5]
    assert "line 2" in first["errors"][0]["reason"]


async def test_a_contradicting_line_in_a_later_batch_is_refused(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its reason names the line that the book came from."""
    monkeypatch.setattr(imports, "BATCH", 2)
    report = await library.report_of("title,author,price\nA,B,1\nC,B,1\nD,B,1\nA,B,2\n")

    assert counts(report) == (4, 3, 0, 0, 1, 0)
    assert "line 2" in report["errors"][0]["reason"]


async def test_an_import_does_not_restore_a_retired_book(library: Library) -> None:
    """A row that matches it by ISBN or title is refused, with its id."""
    content = f"title,author,price,isbn\nA,B,1,{ISBN}\nC,D,1,\n"
    await library.report_of(content)
    for book_id in (1, 2):
        await library.call("DELETE", f"/books/{book_id}")
    report = await library.report_of(content)

    assert counts(report) == (2, 0, 0, 0, 2, 0)
    assert "book 1," in report["errors"][0]["reason"]
    assert await library.titles() == []


async def test_a_book_for_sale_is_matched_before_a_retired_one(
    library: Library,
) -> None:
    """A row changes the book for sale that has the ISBN of a retired one."""
    await library.add("A", "B", isbn=ISBN)
    await library.call("DELETE", "/books/1")
    await library.add("A", "B", isbn=ISBN)
    report = await library.report_of(f"title,author,price,isbn\nA,B,1,{ISBN}\n")

    assert counts(report) == (1, 0, 1, 0, 0, 0)
    assert (await library.get("/books/2")).json()["price_minor"] == 100


async def test_an_interrupted_import_is_completed_by_the_next(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches are atomic, so the next run completes it without duplicates."""
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


async def test_concurrent_imports_create_each_book_once(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other imports report the books as unchanged."""
    monkeypatch.setattr(imports, "BATCH", 3)
    content = "title,author,price\n" + "".join(f"T{number},B,1\n" for number in range(20))
    reports = await asyncio.gather(*(library.report_of(content) for _ in range(3)))

    assert sum(report["created"] for report in reports) == 20
    assert sum(report["unchanged"] for report in reports) == 40
    assert len(await library.titles()) == 20
