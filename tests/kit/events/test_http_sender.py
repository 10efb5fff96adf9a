"""The relay's connection to the broker: kept, opened again, and never trusted too long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from functions.kit.events.http_sender import MAX_RESPONSE, HttpSender, SendFailed

ACCEPTED = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"


class Broker:
    """A server with scripted responses, which records the requests.

    It closes the connection after an answer that begins with `!`.
    """

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self.connections = 0
        self.waiting = asyncio.Event()
        """Set by an answer that is not whole, on a connection that stays open."""
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(length))
                answer = self.answers.pop(0) if self.answers else ACCEPTED
                writer.write(answer.removeprefix(b"!"))
                if not answer.endswith(b"\n"):
                    self.waiting.set()
                if answer.startswith(b"!"):
                    return
        except asyncio.IncompleteReadError:
            pass  # the other side has closed
        finally:
            writer.close()


@asynccontextmanager
async def broker(*answers: bytes) -> AsyncIterator[tuple[Broker, HttpSender]]:
    running, poster = Broker(*answers), HttpSender()
    server = await asyncio.start_server(running.serve, "127.0.0.1", 0)
    running.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield running, poster
    finally:
        await poster.close()
        server.close()
        await server.wait_closed()


async def post(running: Broker, poster: HttpSender, body: bytes = b"{}") -> int:
    async with asyncio.timeout(60):
        return await poster.post(f"{running.url}/shop/default?x=1", {"ce-id": "7"}, body)


async def test_events_share_a_connection() -> None:
    """The second one is sent without a handshake."""
    async with broker() as (running, poster):
        statuses = [await post(running, poster, b'{"n": 1}'), await post(running, poster)]

    assert statuses == [202, 202]
    assert running.connections == 1
    assert running.requests[0].startswith(b"POST /shop/default?x=1 HTTP/1.1\r\n")
    assert running.requests[0].endswith(b'\r\n\r\n{"n": 1}')
    assert b"ce-id: 7" in running.requests[0].lower()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy",
        b"HTTP/1.1 503 Busy\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbusy\r\n0\r\n\r\n",
        b"!HTTP/1.1 503 Busy\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbusy",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n",
    ],
    ids=["length", "chunked", "close", "continue"],
)
async def test_an_answer_is_read_to_its_end(answer: bytes) -> None:
    """For each way in which a response marks its end. The next request gets its own response."""
    async with broker(answer) as (running, poster):
        statuses = [await post(running, poster), await post(running, poster)]

    assert statuses == [503, 202]


async def test_a_connection_that_was_closed_while_idle_is_opened_again() -> None:
    """Also where the close is noticed only when the next event is sent."""
    async with broker(ACCEPTED, b"!", ACCEPTED) as (running, poster):
        statuses = [await post(running, poster), await post(running, poster)]

    assert statuses == [202, 202]
    assert running.connections == 2
    assert len(running.requests) == 3


@pytest.mark.parametrize(
    "answer",
    [b"!", b"!HTTP/1.1 202 Acc", b"!no HTTP at all\r\n\r\n"],
    ids=["none", "half", "other"],
)
async def test_an_incomplete_response_is_a_failure(answer: bytes) -> None:
    """Also on a new connection, because the server may have processed the request."""
    async with broker(answer) as (running, poster):
        with pytest.raises(SendFailed):
            await post(running, poster)
        status = await post(running, poster)

    assert status == 202


async def test_an_endless_answer_is_given_up() -> None:
    """At `MAX_RESPONSE`."""
    length = MAX_RESPONSE * 2
    answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: %d\r\n\r\n" % length + b"x" * length
    async with broker(answer) as (running, poster):
        with pytest.raises(SendFailed, match="longer"):
            await post(running, poster)


async def test_a_cancelled_post_leaves_no_connection_behind() -> None:
    """The late response would be read as that of the next event."""
    async with broker(ACCEPTED, b"HTTP/1.1 202 Acc") as (running, poster):
        await post(running, poster)
        sending = asyncio.create_task(post(running, poster))
        await running.waiting.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        status = await post(running, poster)

    assert status == 202
    assert running.connections == 2


async def test_a_refused_connection_is_an_oserror() -> None:
    """The relay distinguishes it from a response."""
    async with broker() as (running, _):
        gone = running.url
    with pytest.raises(OSError, match="Connect"):
        await HttpSender().post(gone, {}, b"")


async def test_posts_at_a_time_have_connections_of_their_own_which_are_kept() -> None:
    """As many as there were concurrent requests, for any number of later requests."""
    async with broker() as (running, poster):
        for _ in range(3):
            await asyncio.gather(*(post(running, poster) for _ in range(4)))

        assert (len(running.requests), running.connections) == (12, 4)
