"""A supplier's file: which lines, and which files, are not taken, and what is said of it."""

import gzip
from collections.abc import AsyncIterator
from typing import Any

import pytest

from functions.catalog.commands import imports
from tests.catalog.library import Library, counts, open_library


async def test_each_refused_line_is_named_with_its_reason(library: Library) -> None:
    """Valid lines are imported; a record is reported with its first line."""
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
        (16, "price"),
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
        (b"title,author,price\rA,B,1\r", "", "CR alone"),
        (b"title,author,price\rA,B,1\r" * 3, "", "CSV UTF-8"),
        (b"sep=;\n", "", "empty"),
        (b",,\n,,\n", "", "empty"),
        (b"PK\x03\x04\x14\x00", "", "Excel workbook"),
        (b'"title"x,author,price\n', "", "header"),
        ("title,author,price\nA,B,1\n".encode("utf-16"), "", "UTF-8"),
        (b"title,author,price\nA,B,1\nC,Jos\xe9,1\n", "", "Line 3 is not UTF-8"),
        (b"title,author,price\nA,B,1\nC,Jos\xe9,1\n", "", "should read \u201cJos\u00e9\u201d"),
        (b"\xef\xbb\xbftitle,author,price\nA,B,1\nC,Jos\xc3", "", "Line 3 is not UTF-8"),
        (b'title,author,price\nA,B,1\nC,"D,1\nE,F,1\n', "", "line 3 is never closed"),
        (b"title,author,price\nA,B,1\nC," + b"x" * 70_000, "", "line 3 is longer"),
        (gzip.compress(b"title,author,price\nA,B,1\n", mtime=0), "", "UTF-8"),
    ],
)
async def test_a_file_that_cannot_be_read_on_is_refused(
    library: Library, content: bytes, query: str, part: str
) -> None:
    """Rows before that place are kept, and the refusal counts them."""
    response = await library.import_csv(content, query)
    problem = response.json()

    assert (response.status_code, problem["code"]) == (400, "malformed-csv")
    assert part in problem["detail"]
    assert problem["imported"]["created"] == len(await library.titles())


async def test_rows_before_an_unreadable_place_are_kept(library: Library) -> None:
    """The refusal counts them in `imported`."""
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
        ("application/vnd.ms-excel", 200),
        ("multipart/form-data; boundary=x", 400),
        ("multipart/form-data", 400),
    ],
)
async def test_the_media_type_of_a_file_decides_whether_it_is_read(
    library: Library, media_type: str, status: int
) -> None:
    """CSV and unspecific types in UTF-8 are accepted, others are answered 415."""
    response = await library.import_csv(
        "title,author,price\nA,B,1\n", **{"content-type": media_type}
    )

    assert status == response.status_code


@pytest.mark.parametrize(
    "query", ["default_price=1.005", "default_price=-1", "default_price=NaN", "default_stock=-1"]
)
async def test_an_invalid_default_is_named(library: Library, query: str) -> None:
    """It is answered 400, with the parameter in `errors`."""
    response = await library.import_csv("title,author\nA,B\n", query)

    assert response.status_code == 400
    assert [query.split("=", maxsplit=1)[0]] == [
        each["field"] for each in response.json()["errors"]
    ]


async def test_a_file_that_is_too_large_is_refused(database_url: str) -> None:
    """At once where `Content-Length` is too large, else when the limit is reached."""
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
    """The lines within the limit are kept, and the detail names the last of them."""
    monkeypatch.setattr(imports, "MAX_LINES", 2)
    response = await library.import_csv("title,author,price\nA,B,1\nC,B,1\nD,B,1\n")

    assert (response.status_code, response.json()["imported"]["created"]) == (413, 2)
    assert "line 3" in response.json()["detail"]


async def test_a_report_lists_a_bounded_number_of_errors(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All refusals are counted, and `truncated` is true."""
    monkeypatch.setattr(imports, "LISTED", 2)
    report = await library.report_of("title,author,price\n" + ",B,1\n" * 3)

    assert (report["refused"], len(report["errors"]), report["truncated"]) == (3, 2, True)


async def test_reasons_are_in_the_callers_language(library: Library) -> None:
    """Spanish is the default."""
    wrong = "title,author,price,isbn\nA,B,x,\nC,D,1,12\n"
    spanish = (await library.import_csv(wrong, **{"accept-language": ""})).json()
    english = (await library.import_csv(wrong)).json()
    refused = await library.import_csv(b"t\n", **{"accept-language": "es"})

    assert [
        (report["errors"][0]["reason"], report["warnings"][0]["reason"])
        for report in (spanish, english)
    ] == [
        (
            "debe ser un número, como 12.50",
            "no se tomó: 12 debe ser un ISBN de 10 o 13 dígitos",
        ),
        ("must be a number, such as 12.50", "left out: 12 must be an ISBN of 10 or 13 digits"),
    ]
    assert "La cabecera no tiene columna" in refused.json()["detail"]


async def test_an_invisible_title_is_refused(library: Library) -> None:
    """Files and bodies alike; invisible characters between letters are permitted."""
    nothing = "\u200b\u2060\u00ad\u3164\u2800"
    report = await library.report_of(f"title,author,price\n{nothing},B,1\nA\u2060A,B,1\n")
    refused = await library.call("POST", "/books", {"title": nothing, "author": "B", "price": 1})

    assert counts(report) == (2, 1, 0, 0, 1, 0)
    assert [each["field"] for each in report["errors"]] == ["title"]
    assert refused.status_code == 400
    assert [each["field"] for each in refused.json()["errors"]] == ["title"]


@pytest.mark.parametrize(
    ("files", "data", "part"),
    [
        ([("file", ("a.csv", b"title,author,price\nA,B,1\n")), ("file", ("b.csv", b"x"))], None,
         "is too many"),
        ([("file", ("a.csv", b"title,author,price\nA,B,1\n"))], {"default_price": "1"},
         "default_price"),
        ([("file", ("a.csv", b""))], None, "empty"),
    ],
)  # fmt: skip
async def test_a_form_has_exactly_one_file(
    library: Library, files: Any, data: dict[str, str] | None, part: str
) -> None:
    """Another part is refused by its name; rows before it are kept."""
    response = await library.import_form(files, data)

    assert (response.status_code, response.json()["code"]) == (400, "malformed-csv")
    assert part in response.json()["detail"]
    assert response.json()["imported"]["created"] == len(await library.titles())


async def test_a_truncated_form_is_refused(library: Library) -> None:
    """Complete rows are kept, and the refusal counts them."""
    content = (
        b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        b"title,author,price\nA,B,1\nC,D,1\n"
    )
    response = await library.import_csv(
        content, **{"content-type": "multipart/form-data; boundary=x"}
    )

    assert response.status_code == 400
    assert "broken off" in response.json()["detail"]
    assert response.json()["imported"]["created"] == len(await library.titles())


async def test_a_file_in_a_form_is_limited_like_any_other(database_url: str) -> None:
    """A larger one is answered 413, before or while it is read."""
    content = b"title,author,price\n" + b"".join(b"T%d,B,1\n" % number for number in range(200))
    async with open_library(database_url, IMPORT_MAX_BYTES="1024") as library:
        streamed = await library.import_form({"file": ("a.csv", content)})
        large = await library.import_form({"file": ("a.csv", content * 20)})

        assert [streamed.status_code, large.status_code] == [413, 413]
        assert large.json()["imported"]["created"] == 0
        assert streamed.json()["imported"]["created"] == len(await library.walk("limit=100"))
