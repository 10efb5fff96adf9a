"""Requests that two servers could parse differently: one response, then a closed connection.

Each contains a second request, `GET /smuggled`, which must never be answered.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.security.served import Answer, Served, serving_process

pytestmark = pytest.mark.asyncio(loop_scope="module")

INSIDE = b"GET /smuggled HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n"
START = b"POST /login HTTP/1.1\r\nHost: shop.test\r\nContent-Type: application/json\r\n"

AMBIGUOUS = {
    "two lengths": START + b"Content-Length: 2\r\nContent-Length: 60\r\n\r\n{}" + INSIDE,
    "two lengths in one line": START + b"Content-Length: 2, 60\r\n\r\n{}" + INSIDE,
    "a length with a sign": START + b"Content-Length: +2\r\n\r\n{}" + INSIDE,
    "a negative length": START + b"Content-Length: -1\r\n\r\n{}" + INSIDE,
    "a length in hexadecimal": START + b"Content-Length: 0x2\r\n\r\n{}" + INSIDE,
    "a space before the colon": START + b"Content-Length : 2\r\n\r\n{}" + INSIDE,
    "a tab before the colon": START + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n" + INSIDE,
    "an unknown coding": START + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + INSIDE,
    "two codings": START + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + INSIDE,
    "chunked twice": START
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    + INSIDE,
    "a chunk that is no number": START
    + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n"
    + INSIDE,
    "a chunk longer than it says": START
    + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n"
    + INSIDE,
    "a NUL in a header": START + b"X: a\x00b\r\nContent-Length: 2\r\n\r\n{}" + INSIDE,
    "a bare CR in a header": START
    + b"X: a\rContent-Length: 60\r\nContent-Length: 2\r\n\r\n{}"
    + INSIDE,
    "two hosts": START + b"Host: evil.example\r\nContent-Length: 2\r\n\r\n{}" + INSIDE,
    "no host": b"POST /login HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}" + INSIDE,
    "a line that is none": b"POST /login\r\n\r\n" + INSIDE,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def auth(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    folder: Path = tmp_path_factory.mktemp("auth")
    async with serving_process("auth", folder, module="tests.security.hasty") as served:
        yield served


@pytest.mark.parametrize("message", AMBIGUOUS.values(), ids=AMBIGUOUS)
async def test_an_ambiguous_request_is_refused(auth: Served, message: bytes) -> None:
    """400, and the connection is closed; the bytes behind are not read."""
    answer = await auth.send(message)

    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert Answer.parse(answer).problem()["code"] == "malformed-request"
    assert "smuggled" not in auth.said()


async def test_chunks_override_a_content_length(auth: Served) -> None:
    """The chunks decide where the body ends (RFC 9112, section 6.1)."""
    body = b"2\r\n{}\r\n0\r\n\r\n"
    message = START + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    answer = await auth.send(message + INSIDE)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"email y password requeridos" in answer
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"\r\nconnection: close\r\n" in answer.lower()
    assert "smuggled" not in auth.said()


TARGETS = {
    "http://shop.test/livez": 200,
    "HTTP://shop.test:5000/livez": 200,
    "https://shop.test/livez?x=1": 400,
    "http://shop.test": 200,
    "http://shop.test?": 200,
    "http://shop.test/nowhere": 404,
    "http://shop.test/%6Civez": 200,
    "http:///livez": 400,
    "http://": 400,
    "http://user@shop.test/livez": 400,
    "http://shop.test/livez#part": 400,
    "ftp://shop.test/livez": 400,
    "livez": 400,
    "*": 400,
    "shop.test:80": 400,
}


@pytest.mark.parametrize("target", TARGETS)
async def test_a_target_may_be_an_absolute_uri(auth: Served, target: str) -> None:
    """RFC 9112, section 3.2.2; any other form is refused with a problem document."""
    sent = f"GET {target} HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n"
    answer = Answer.parse(await auth.send(sent.encode()))

    assert answer.status == TARGETS[target]
    if answer.status != 200:
        assert answer.problem()["status"] == answer.status


async def test_the_server_as_a_whole_has_options(auth: Served) -> None:
    """`OPTIONS *` (RFC 9112, section 3.2.4) is answered 204."""
    sent = b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    assert Answer.parse(await auth.send(sent)).status == 204


async def test_connect_is_refused(auth: Served) -> None:
    """The server is no forward proxy: CONNECT opens no tunnel."""
    sent = b"CONNECT shop.test:443 HTTP/1.1\r\nHost: shop.test:443\r\n\r\n"

    assert Answer.parse(await auth.send(sent)).problem()["status"] == 400


async def test_pipelined_requests_are_answered_in_order(auth: Served) -> None:
    """Pipelined requests are answered in order."""
    first = START + b"Content-Length: 2\r\n\r\n{}"
    answer = await auth.send(first + INSIDE.replace(b"smuggled", b"livez"))

    assert answer.index(b"HTTP/1.1 400 ") < answer.index(b"HTTP/1.1 200 ")
