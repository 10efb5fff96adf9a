"""A file in a form comes out as it was put in, wherever the pieces of the body end."""

from collections.abc import AsyncIterator
from itertools import pairwise

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.kit.errors import InvalidInput
from functions.kit.forms import file_in


def form(content: bytes, field: str = "file", **others: str) -> tuple[str, bytes]:
    """A form as httpx writes it: its media type and its body."""
    request = httpx.Request(
        "POST", "http://shop.test/", files={field: ("books.csv", content, "text/csv")}, data=others
    )
    return request.headers["content-type"], request.read()


async def content_of(content_type: str, body: bytes, cuts: list[int]) -> bytes:
    async def pieces() -> AsyncIterator[bytes]:
        for start, end in pairwise([0, *sorted(cuts), len(body)]):
            yield body[start:end]

    return b"".join([piece async for piece in file_in(content_type, pieces())])


@given(st.binary(max_size=300), st.data())
async def test_a_file_comes_out_as_it_was(content: bytes, data: st.DataObject) -> None:
    """Also one with lines that look like the form's own."""
    content_type, body = form(content + b"\r\n--not-the-boundary\r\n")
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=6))

    assert await content_of(content_type, body, cuts) == content + b"\r\n--not-the-boundary\r\n"


@given(st.integers(0, 150))
async def test_a_form_that_ends_early_is_refused(lost: int) -> None:
    """Whatever is missing of it, but its last line break."""
    content_type, body = form(b"a,b\n" * 20)
    with pytest.raises(InvalidInput):
        await content_of(content_type, body[: len(body) - 3 - lost], [])


BAD = {
    "another field": form(b"a", field="books"),
    "a field besides": form(b"a", name="b"),
    "empty": (form(b"a")[0], b""),
    "no boundary": ("multipart/form-data", form(b"a")[1]),
    "another boundary": ("multipart/form-data; boundary=other", form(b"a")[1]),
    "no form": (form(b"a")[0], b"title,author\n"),
}


@pytest.mark.parametrize("name", BAD)
async def test_what_is_no_form_with_one_file_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        await content_of(*BAD[name], [])


async def test_two_files_are_one_too_many() -> None:
    """Nobody could say which one was meant."""
    files = [("file", ("a.csv", b"a")), ("file", ("b.csv", b"b"))]
    request = httpx.Request("POST", "http://shop.test/", files=files)
    with pytest.raises(InvalidInput, match="one field"):
        await content_of(request.headers["content-type"], request.read(), [])
