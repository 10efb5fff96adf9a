"""SIGTERM: who has asked something is answered, and nobody else is waited for.

The server would wait for an hour here, for a request to arrive and for those under way to end; that
the process ends is what is asserted.
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.security.served import Answer, Served, Wire, serving_process

FOREVER = ("--timeout-graceful-shutdown", "3600")
BODY = b'{"email": "ana@example.org", "password": "not her password"}'
POST = (
    b"POST /login HTTP/1.1\r\nHost: shop.test\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n" % len(BODY)
)
GET = b"GET /livez HTTP/1.1\r\nHost: shop.test\r\n\r\n"


@pytest.fixture
async def auth(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving_process(
        "auth", tmp_path, *FOREVER, module="tests.security.patient"
    ) as served:
        yield served


async def asked(served: Served) -> Wire:
    """A connection that was used once and kept open."""
    wire = await served.connect()
    await wire.send(GET)
    await wire.answer()
    return wire


async def test_idle_connections_are_not_waited_for(auth: Served) -> None:
    """Used and unused ones are closed at once."""
    wires = [await asked(auth) for _ in range(20)] + [await auth.connect() for _ in range(20)]
    exit_code = await auth.stop()
    rests = [await wire.rest() for wire in wires]

    assert (exit_code, set(rests)) == (-signal.SIGTERM, {b""})


async def test_an_incomplete_request_is_refused(auth: Served) -> None:
    """It is answered 503 with a time to retry."""
    wire = await asked(auth)
    await wire.send(POST[:60])
    await asked(auth)  # by now the half has arrived
    exit_code = await auth.stop()
    answer = Answer.parse(await wire.rest())

    assert exit_code == -signal.SIGTERM
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert answer.problem()["code"] == "stopping"


async def test_a_request_that_has_begun_is_answered(auth: Served) -> None:
    """The response closes the connection."""
    wire = await asked(auth)
    await wire.send(POST + BODY[:10])
    await asked(auth)
    stopped = asyncio.ensure_future(auth.stop())
    while "Shutting down" not in auth.said() and not stopped.done():  # noqa: ASYNC110
        await asyncio.sleep(0.02)  # nothing else announces it
    await wire.send(BODY[10:])
    answer = Answer.parse(await wire.rest())

    assert await stopped == -signal.SIGTERM
    assert (answer.status, answer.headers["connection"]) == (401, "close")


async def test_connections_that_arrive_meanwhile_are_not_waited_for(auth: Served) -> None:
    """Connections accepted during the shutdown are closed too."""
    over = asyncio.Event()

    async def knock() -> None:
        while not over.is_set():
            with contextlib.suppress(OSError):
                await auth.connect()
            await asyncio.sleep(0)

    knocking = [asyncio.create_task(knock()) for _ in range(20)]
    await asked(auth)
    exit_code = await auth.stop()
    over.set()
    await asyncio.gather(*knocking)

    assert exit_code == -signal.SIGTERM


async def test_a_client_that_does_not_read_is_not_waited_for(tmp_path: Path) -> None:
    """The response is larger than a socket's buffer, and the client reads none of it."""
    async with serving_process("auth", tmp_path, *FOREVER, module="tests.security.hasty") as served:
        with socket.create_connection(("127.0.0.1", served.port)) as client:
            client.sendall(
                b"GET /apidocs/swagger-ui-bundle.js HTTP/1.1\r\nHost: shop.test\r\n\r\n" * 20
            )
            await asyncio.to_thread(client.recv, 1)
            exit_code = await served.stop()

    assert exit_code == -signal.SIGTERM
