"""Prints the links that reset a forgotten password, in place of a service that sends mail.

The runner consumes auth's stream `accounts` through the broker, by the Trigger in `triggers/`. For
each request it asks auth's internal API for address and link, as a mail service would, and prints
them. The link is in no log: neither auth nor the broker has it.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import Any

import httpx
import msgspec
import uvicorn

from functions.kit.base.settings import Secret
from functions.kit.events.internal_secret import RESET_LINKS, InternalSecret
from functions.local.broker.app import MAX_BYTES
from functions.local.broker.errors import NotAnEvent, UnsupportedMode
from functions.local.broker.http_binding import read_event
from functions.local.console import Console
from functions.local.ports import HOST

REQUESTED = "bookstore.user.password_reset_requested.v1"

_CONNECTION_SECONDS = 10.0


class _Request(msgspec.Struct, frozen=True):
    reset_id: int


class _Link(msgspec.Struct, frozen=True):
    email: str
    link: str


class ResetLinks:
    """An ASGI application that consumes events at `POST /events`."""

    def __init__(self, auth_url: str, console: Console) -> None:
        self._auth_url = auth_url
        self._console = console
        # What auth has too: the programs inherit the runner's environment.
        secret = InternalSecret(Secret(os.environ.get("INTERNAL_SECRET", "")))
        self._headers = secret.headers_for(RESET_LINKS)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        status = HTTPStatus.NOT_FOUND
        if (scope["method"], scope["path"]) == ("POST", "/events"):
            headers = {
                name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
            }
            status = await self._consume(headers, await _body(receive))
        fields = [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": int(status), "headers": fields})
        await send({"type": "http.response.body", "body": b""})

    async def _consume(self, headers: dict[str, str], body: bytes) -> HTTPStatus:
        """202, or 503 where the broker is to deliver the event again."""
        try:
            event = read_event(headers, body)
            if event.attributes["type"] != REQUESTED:
                return HTTPStatus.ACCEPTED
            request = msgspec.json.decode(event.message.body, type=_Request)
        except (NotAnEvent, UnsupportedMode, msgspec.MsgspecError):
            return HTTPStatus.ACCEPTED  # it would not be readable the next time either
        return await self._print_link(request.reset_id)

    async def _print_link(self, reset_id: int) -> HTTPStatus:
        url = f"{self._auth_url}/internal/password-resets/{reset_id}/link"
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=_CONNECTION_SECONDS) as client:
                answer = await client.post(url, headers=self._headers)
        except httpx.TransportError:
            return HTTPStatus.SERVICE_UNAVAILABLE
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return HTTPStatus.SERVICE_UNAVAILABLE
        if answer.status_code == HTTPStatus.OK:
            created = msgspec.json.decode(answer.content, type=_Link)
            self._console.notice(
                f"{created.email} has asked for a link to reset a password. A mail would carry it:"
            )
            self._console.print(f"  {created.link}")
        elif answer.status_code == HTTPStatus.UNAUTHORIZED:
            self._console.error(
                "auth gives no link to reset a password: its INTERNAL_SECRET is another one."
            )
        # Otherwise the request has expired, or its link was printed before.
        return HTTPStatus.ACCEPTED


async def _body(receive: Any) -> bytes:
    body = b""
    while len(body) <= MAX_BYTES:
        part = await receive()
        body += part.get("body", b"")
        if not part.get("more_body", False):
            break
    return body


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The runner handles the signals."""
        yield


@asynccontextmanager
async def serving(app: ResetLinks) -> AsyncIterator[str]:
    """The URL at which the app consumes events, on a port of its own."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        server = _Server(config)
        task = asyncio.create_task(server.serve([listener]))
        try:
            yield f"http://{HOST}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task
