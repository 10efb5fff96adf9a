"""notifications as a real process, killed at each step of a mail."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import msgspec
import pytest

from functions.kit.base.clock import utc_now
from functions.kit.events import cloudevents
from functions.kit.events.cloudevents import Event
from tests.notifications.post_office import OK, MailServer
from tests.support.processes import Service, running
from tests.support.signing import SECRET, SIGNER

CONTACT = b'{"user_id": 7, "email": "ana@example.com", "name": null, "language": "en"}'
LIMIT = 60.0
"""Seconds in which a mail arrives; far above what that takes."""


@asynccontextmanager
async def auth_listening(asked: Callable[[], None]) -> AsyncIterator[str]:
    """The address of what answers every request with a contact, in place of auth.

    `asked` is called before each answer.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):  # a connection that another one overtook
            head = await reader.readuntil(b"\r\n\r\n")
            if b"/contact " in head:
                asked()
        start = f"HTTP/1.1 200 OK\r\ncontent-length: {len(CONTACT)}\r\nconnection: close\r\n\r\n"
        with suppress(ConnectionError):
            writer.write(start.encode() + CONTACT)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def refund() -> Event:
    data = {
        "payment_id": 1,
        "purchase_id": 3,
        "user_id": 7,
        "amount_minor": 4480,
        "refunded_minor": 4480,
        "currency": "USD",
        "status": "Refunded",
    }
    return Event(
        id="0190b5a4-refund",
        source="/bookstore/purchase/orders",
        type="bookstore.payment.refunded.v1",
        subject="purchase/3",
        sequence=1,
        revision=4,
        time=utc_now(),
        data=msgspec.json.encode(data),
    )


@pytest.mark.parametrize(("step", "copies"), [("contact", 1), ("RCPT", 1), ("message", 2)])
async def test_a_killed_process_sends_the_mail_again(
    tmp_path: Path, step: str, copies: int
) -> None:
    """Once, but for a kill between the server's answer and the commit: then it comes twice, with
    the same Message-ID and Date, by which a receiving server can drop it."""
    server, killed, again = MailServer(), asyncio.Event(), asyncio.Event()
    database = tmp_path / "notifications.db"

    def reached(here: str) -> None:
        """Kill the process at its first time at the step."""
        if here == step and not killed.is_set():
            # Without waiting: aiosmtpd cancels its handler once the connection is lost.
            assert service.process is not None
            service.process.kill()
            killed.set()

    def recipient(_: str) -> str:
        reached("RCPT")
        return OK

    async def message() -> str:
        """It is read, so the server delivers it, whether anybody hears of that or not."""
        if killed.is_set():
            again.set()
        reached("message")
        return OK

    server.rcpt, server.data = recipient, message
    async with server.listening(), auth_listening(lambda: reached("contact")) as auth_url:
        environment = {
            "DATABASE_URL": f"sqlite:///{database}",
            "INTERNAL_SECRET": SECRET,
            "K_SINK": "http://127.0.0.1:1",
            "AUTH_INTERNAL_URL": auth_url,
            "SMTP_URL": server.url,
        }
        service = Service("notifications", environment)
        async with running(service):
            headers, body = cloudevents.write(SIGNER.sign(refund()))
            async with httpx.AsyncClient(timeout=60) as client, asyncio.timeout(LIMIT):
                with suppress(httpx.TransportError):  # the kill may come before the answer
                    await client.post(f"{service.url}/events", headers=headers, content=body)
                await killed.wait()
            await service.kill()
            with sqlite3.connect(database) as connection:
                left = connection.execute("SELECT state, tries FROM mails").fetchall()
                # As if the time had passed in which no other process tries it.
                connection.execute("UPDATE mails SET due_at = created_at")
            connection.close()
            await service.start()
            async with asyncio.timeout(LIMIT):
                await again.wait()
            await service.stop()  # after it the mail is recorded
        with sqlite3.connect(database) as connection:
            end = connection.execute("SELECT state, tries FROM mails").fetchall()
        connection.close()

    assert (left, end) == ([("waiting", 1)], [("sent", 2)])
    assert len(server.accepted) == copies
    assert len({(each["message-id"], each["date"]) for each in server.accepted}) == 1
