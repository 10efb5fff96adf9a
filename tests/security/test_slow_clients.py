"""Callers that take their time, or all the room there is: the server does not wait for them.

The limits are those of functions/kit/http/connections.py; `hasty` makes them a test's size.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from functions.kit.http.connections import MAX_HEAD
from tests.security.served import Answer, Served, serving_process

HEAD = b"POST /login HTTP/1.1\r\nHost: shop.test\r\nContent-Type: application/json\r\n"
BODY = b'{"email": "ana@example.org", "password": "not her password"}'


@pytest.fixture
async def auth(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving_process("auth", tmp_path, module="tests.security.hasty") as served:
        yield served


def request(body: bytes = BODY, *headers: bytes) -> bytes:
    lines = [b"Content-Length: %d" % len(body), *headers]
    return HEAD + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


async def test_a_request_is_answered_on_time(auth: Served) -> None:
    """The server of these tests answers ordinary requests."""
    answer = await auth.send(request(BODY, b"Connection: close"))

    assert answer.startswith(b"HTTP/1.1 401 ")


async def test_slow_headers_are_answered_408(auth: Served) -> None:
    """408 as a problem document, and the connection is closed."""
    wire = await auth.connect()
    assert not await wire.trickle(HEAD + b"X-Slow: " + b"x" * 2000, every=0.05)

    wire = await auth.connect()
    await wire.send(HEAD + b"Accept-Language: en\r\nX-Slow: ")
    answer = Answer.parse(await wire.rest())

    assert (answer.status, answer.headers["retry-after"]) == (408, "1")
    assert answer.problem()["code"] == "request-timeout"
    assert answer.problem()["instance"] == "/login"
    assert answer.problem()["error"] == "The request did not arrive in time"


async def test_a_silent_connection_is_closed(auth: Served) -> None:
    """Otherwise it would hold a place for ever."""
    wire = await auth.connect()

    assert await wire.rest() == b""


async def test_a_slow_second_request_is_not_awaited(auth: Served) -> None:
    """The deadline applies to each request of a connection."""
    wire = await auth.connect()
    await wire.send(request())
    head = await wire.reader.readuntil(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 401 ")
    assert not await wire.trickle(HEAD + b"X-Slow: " + b"x" * 2000, every=0.05)


async def test_a_slow_body_is_answered_408(auth: Served) -> None:
    """The timeout is not logged as a fault of the service."""
    wire = await auth.connect()
    await wire.send(HEAD + b"Content-Length: 60000\r\n\r\n")
    silent = await auth.connect()
    await silent.send(HEAD + b"Content-Length: 60000\r\n\r\n{")

    assert not await wire.trickle(b'{"email": "' + b"x" * 2000, every=0.05)
    assert Answer.parse(await silent.rest()).problem()["code"] == "request-timeout"
    assert "Traceback" not in auth.said()
    assert " 500 " not in auth.said()


async def test_a_slow_body_of_a_refused_request_is_not_awaited(auth: Served) -> None:
    """The refusal was sent before the body ended, and the connection is closed."""
    wire = await auth.connect()
    await wire.send(HEAD.replace(b"/login", b"/nowhere") + b"Content-Length: 60000\r\n\r\n")
    head = await wire.reader.readuntil(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 404 ")
    assert not await wire.trickle(b"x" * 2000, every=0.05)


async def test_a_long_upload_at_a_sufficient_rate_is_accepted(auth: Served) -> None:
    """It takes twice the deadline, at more than the least rate."""
    body = BODY[:-1] + b" " * 60_000 + b"}"
    wire = await auth.connect()
    await wire.send(HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
    pieces = [body[start : start + 3000] for start in range(0, len(body), 3000)]
    for piece in pieces:
        await wire.send(piece)
        await asyncio.sleep(2 / len(pieces))  # the speed of the line is what is tested

    assert (await wire.rest()).startswith(b"HTTP/1.1 401 ")


async def test_slow_callers_do_not_exclude_others(auth: Served) -> None:
    """For each new connection the oldest slow one is closed."""
    crowd = [await auth.connect() for _ in range(40)]
    for wire in crowd:
        await wire.send(HEAD)
    async with httpx.AsyncClient() as client:
        served = await client.get(auth.url)
    answers = [Answer.parse(await wire.rest()) for wire in crowd]

    assert served.status_code == 200
    assert {answer.status for answer in answers} <= {408, 503}
    assert {answer.problem()["code"] for answer in answers} <= {"overloaded", "request-timeout"}
    assert all(answer.headers["retry-after"] for answer in answers)


@pytest.mark.parametrize(
    "line",
    [
        b"X-Long: " + b"x" * MAX_HEAD,
        b"\r\n".join(b"X-%d: y" % number for number in range(MAX_HEAD // 6)),
        b"Cookie: " + b"a=b; " * (MAX_HEAD // 5),
    ],
    ids=["one long", "many", "cookies"],
)
@pytest.mark.parametrize(
    ("language", "error"),
    [(b"en", "Headers too large"), (b"es", "Cabeceras demasiado grandes")],
    ids=["en", "es"],
)
async def test_headers_have_a_limit(auth: Served, line: bytes, language: bytes, error: str) -> None:
    """They are refused when they reach it, before they end."""
    answer = Answer.parse(await auth.send(HEAD + b"accept-language: %s\r\n" % language + line))

    assert (answer.status, answer.headers["content-language"]) == (431, language.decode())
    assert answer.problem()["code"] == "head-too-large"
    assert (answer.problem()["error"], answer.problem()["instance"]) == (error, "/login")


@pytest.mark.parametrize("length", [3 * MAX_HEAD, 200 * MAX_HEAD])
async def test_a_query_string_has_a_limit(auth: Served, length: int) -> None:
    """It has its own status (RFC 9112, section 3), and the refusal can be read."""
    wire = await auth.connect()
    wire.writer.write(b"GET /books?" + b"x" * length + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = Answer.parse(await wire.rest())

    assert answer.status == 414
    assert answer.problem()["code"] == "target-too-long"


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
async def test_a_body_has_a_limit(auth: Served, chunked: bool) -> None:
    """64 KiB, with or without `Content-Length`."""
    body = BODY[:-1] + b" " * 70_000 + b"}"
    if chunked:
        message = HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        message += b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
    else:
        message = request(body, b"Connection: close")
    answer = await auth.send(message)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in answer
