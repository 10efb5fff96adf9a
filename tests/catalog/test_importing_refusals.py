"""A supplier's file: which lines, and which files, are not taken, and what is said of it."""

import gzip
from collections.abc import AsyncIterator

import pytest

from functions.catalog.commands import imports
from tests.catalog.library import Library, counts, open_library


async def test_each_refused_line_is_named_with_its_reason(library: Library) -> None:
    """What can be a book arrives all the same; a line is counted where its record begins."""
    report = await library.report_of(
        "title,author,price,stock\n"
        "Bueno,B,1.00,1\n"
        ",B,1.00,1\n"
        "Sin autor,,1.00,1\n"
        "Sin precio,B,,1\n"
        "Caro,B,abc,1\n"
        "Fino,B,1.005,1\n"
        "Negativo,B,-1,1\n"
        "Medio,B,1.00,1.5\n"
        "Mucho,B,1.00,1000001\n"
        '"dos\nlíneas",B,1.00,-1\n'
        '"en\ndos",B,1.00,1\n'
        "De más,B,1.00,1,x\n"
        "De menos,B\n"
        '"Mal"x,B,1.00,1\n'
        f"{'L' * 256},B,1.00,1\n"
        "Nu\x00lo,B,1.00,1\n"
        ",,0,\n"
        "Último,B,0,\n",
    )

    assert counts(report) == (18, 3, 0, 0, 15, 0)
    assert [(each["line"], each["field"]) for each in report["errors"]] == [
        (3, "title"),
        (4, "author"),
        (5, "price"),
        (6, "price"),
        (7, "price"),
        (8, "price"),
        (9, "stock"),
        (10, "stock"),
        (11, "stock"),
        (15, ""),
        (16, ""),
        (17, ""),
        (18, "title"),
        (19, "title"),
        (20, "title"),
        (20, "author"),
    ]
    assert all(each["reason"] for each in report["errors"])
    assert await library.titles() == ["Bueno", "en dos", "Último"]


@pytest.mark.parametrize(
    ("content", "query", "part"),
    [
        (b"", "", "empty"),
        (b"\n \n", "", "empty"),
        (b"name,price\n", "", "no column for title and author"),
        (b"title,author\nA,B\n", "", "default_price"),
        (b"title,author,price\rA,B,1\r", "", "header"),
        (b'"title"x,author,price\n', "", "header"),
        ("title,author,price\nA,B,1\n".encode("utf-16"), "", "UTF-8"),
        (b"title,author,price\nA,B,1\nC,Jos\xe9,1\n", "", "Line 3 is not UTF-8"),
        (b"\xef\xbb\xbftitle,author,price\nA,B,1\nC,Jos\xc3", "", "Line 3 is not UTF-8"),
        (b'title,author,price\nA,B,1\nC,"D,1\nE,F,1\n', "", "line 3 is never closed"),
        (b"title,author,price\nA,B,1\nC," + b"x" * 70_000, "", "line 3 is longer"),
        (gzip.compress(b"title,author,price\nA,B,1\n", mtime=0), "", "UTF-8"),
    ],
)
async def test_a_file_that_cannot_be_read_on_is_refused(
    library: Library, content: bytes, query: str, part: str
) -> None:
    """What came before that place is written, and the refusal counts it."""
    response = await library.import_csv(content, query)
    problem = response.json()

    assert (response.status_code, problem["code"]) == (400, "malformed-csv")
    assert part in problem["detail"]
    assert problem["imported"]["created"] == len(await library.titles())


async def test_what_came_before_the_unreadable_place_is_written(library: Library) -> None:
    response = await library.import_csv(b"title,author,price\nA,B,1\n,B,1\nC,Jos\xe9,1\n")

    assert response.json()["imported"] == {
        "lines": 2,
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "refused": 1,
    }
    assert await library.titles() == ["A"]


@pytest.mark.parametrize(
    ("media_type", "status"),
    [
        ("text/csv", 200),
        ("text/csv; charset=UTF-8", 200),
        ("application/octet-stream", 200),
        ("application/x-www-form-urlencoded", 200),
        ("text/csv; charset=iso-8859-1", 415),
        ("application/json", 415),
        ("multipart/form-data; boundary=x", 415),
    ],
)
async def test_media_types(library: Library, media_type: str, status: int) -> None:
    response = await library.import_csv(
        "title,author,price\nA,B,1\n", **{"content-type": media_type}
    )

    assert status == response.status_code


@pytest.mark.parametrize(
    "query", ["default_price=1.005", "default_price=-1", "default_price=NaN", "default_stock=-1"]
)
async def test_defaults_that_cannot_be(library: Library, query: str) -> None:
    response = await library.import_csv("title,author\nA,B\n", query)

    assert response.status_code == 400
    assert [query.split("=", maxsplit=1)[0]] == [
        each["field"] for each in response.json()["errors"]
    ]


async def test_a_file_that_is_too_large_is_refused(database_url: str) -> None:
    """At once where its length is announced; else where the limit is reached, and counted."""
    content = b"title,author,price\n" + b"".join(b"T%d,B,1\n" % number for number in range(200))

    async def in_parts() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 100):
            yield content[start : start + 100]

    async with open_library(database_url, IMPORT_MAX_BYTES="1024") as library:
        announced = await library.import_csv(content)
        assert (announced.status_code, announced.json()["imported"]["created"]) == (413, 0)

        streamed = await library.import_csv(in_parts())
        assert streamed.status_code == 413
        assert 0 < streamed.json()["imported"]["created"] == len(await library.walk("limit=100"))


async def test_a_file_of_too_many_lines_is_refused(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "MAX_LINES", 2)
    response = await library.import_csv("title,author,price\nA,B,1\nC,B,1\nD,B,1\n")

    assert (response.status_code, response.json()["imported"]["created"]) == (413, 2)
    assert "line 3" in response.json()["detail"]


async def test_the_report_is_bounded(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "LISTED", 2)
    report = await library.report_of("title,author,price\n" + ",B,1\n" * 3)

    assert (report["refused"], len(report["errors"]), report["truncated"]) == (3, 2, True)
