"""Cursors and the link to the next page."""

import base64
import contextlib
import re
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from piccolo.querystring import QueryString

from functions.kit.base.errors import InvalidInput
from functions.kit.base.money import MAX_ID
from functions.kit.data.database import Database
from functions.kit.http.pagination import decode_cursor, encode_cursor

keys = st.tuples(
    st.integers(-MAX_ID, MAX_ID), st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
)


def cursor_of(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@given(keys)
def test_a_cursor_holds_the_key_of_a_row(key: tuple[int, str]) -> None:
    """Of any text and any number that a column holds."""
    cursor = encode_cursor(*key)

    assert decode_cursor(cursor, int, str) == key
    assert re.fullmatch(r"[A-Za-z0-9_-]+", cursor)


@given(st.text(max_size=100) | st.binary(max_size=60).map(cursor_of))
def test_any_other_text_is_refused(cursor: str) -> None:
    """As a field that is wrong, whatever it is."""
    kinds: list[type] = [int, str]
    with contextlib.suppress(InvalidInput):
        kinds = [type(part) for part in decode_cursor(cursor, int, str)]

    assert kinds == [int, str]


@pytest.mark.parametrize(
    ("raw", "kinds"),
    [
        (b"[1]", (int, str)),
        (b'["1"]', (int,)),
        (b"[true]", (int,)),
        (b"[1,2]", (int,)),
        (b'{"0":1}', (int,)),
        (b"[9223372036854775808]", (int,)),
        (b"[-99999999999999999999999]", (int,)),
        (b"[NaN]", (float,)),
        (b'["\\ud800"]', (str,)),
        (b"[" * 500, (int,)),
    ],
)
def test_a_cursor_of_another_list_is_refused(raw: bytes, kinds: tuple[type[Any], ...]) -> None:
    """Of other columns, of other types, or with a number that no column holds."""
    with pytest.raises(InvalidInput):
        decode_cursor(cursor_of(raw), *kinds)


async def fill(database: Database, count: int) -> None:
    for number in range(count):
        await database.execute(
            QueryString("INSERT INTO notes (text, revision) VALUES ({}, 1)", f"note {number}")
        )


async def test_the_links_lead_through_the_whole_list(
    client: httpx.AsyncClient, database: Database
) -> None:
    """Each row once, and the last page has no link."""
    await fill(database, 7)
    texts, pages, url = [], 0, "/notes?limit=3"
    while url:
        response = await client.get(url)
        texts += [row["text"] for row in response.json()]
        pages += 1
        url = response.links.get("next", {}).get("url", "")

    assert texts == [f"note {number}" for number in range(7)]
    assert pages == 3


async def test_a_list_is_a_bare_array(client: httpx.AsyncClient) -> None:
    """Empty where there is nothing."""
    response = await client.get("/notes")

    assert (response.status_code, response.json()) == (200, [])
    assert "link" not in response.headers


async def test_the_link_keeps_what_else_was_asked(
    client: httpx.AsyncClient, database: Database
) -> None:
    """Escaped, so that no caller can write a header or a second link."""
    await fill(database, 2)
    response = await client.get('/notes?limit=1&q=%0d%0ax: y>; rel="evil"')
    link = response.headers["link"]

    assert link.count("rel=") == 1
    assert "q=%0D%0Ax%3A+y%3E%3B+rel%3D%22evil%22" in link


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "after=x", "limit=-1"])
async def test_a_page_that_cannot_be_is_refused(client: httpx.AsyncClient, query: str) -> None:
    """The parameter is named."""
    response = await client.get(f"/notes?{query}")

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == query.partition("=")[0]
