"""The broker's HTTP API, a plain ASGI application.

`POST /` is Knative's ingress: 202 with an empty body once the event is stored. The runner reads
`/healthz`, people read `/status`.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from functions.local.broker.core import Broker
from functions.local.broker.errors import NotAnEvent, StoreError, UnsupportedMode
from functions.local.broker.http_binding import read_event

logger = logging.getLogger(__name__)

MAX_BYTES = 1024 * 1024

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class _TooLarge(Exception):
    pass


class _SenderDisconnected(Exception):
    pass


class App:
    """`running` is entered at startup, where it returns the broker, and left at shutdown."""

    def __init__(self, running: AbstractAsyncContextManager[Broker]) -> None:
        self._running = running
        self._broker: Broker | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http" and self._broker is not None:
            await self._http(self._broker, scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            self._broker = await self._running.__aenter__()
        except Exception as error:  # noqa: BLE001 - uvicorn prints the message and exits with 3
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._running.__aexit__(None, None, None)
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, broker: Broker, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["method"], scope["path"]:
            case "POST", "/":
                try:
                    status, text = await _publish(broker, scope, receive)
                except _SenderDisconnected:
                    return
                await _respond(send, status, text.encode(), "text/plain; charset=utf-8")
            case "GET" | "HEAD", "/healthz":
                await _respond(send, 200, b"ok", "text/plain")
            case "GET", "/status":
                try:
                    report = json.dumps({"triggers": await broker.status()}, indent=2)
                except StoreError as error:
                    await _respond(send, 503, str(error).encode(), "text/plain; charset=utf-8")
                    return
                await _respond(send, 200, report.encode(), "application/json")
            case _, "/" | "/healthz" | "/status":
                await _respond(send, 405, b"method not allowed", "text/plain")
            case _:
                await _respond(send, 404, b"not found; POST events to /", "text/plain")


async def _publish(broker: Broker, scope: Scope, receive: Receive) -> tuple[int, str]:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    try:
        body = await _read_body(headers, receive)
        event = read_event(headers, body)
        # Shielded: a disconnect must not interrupt the transaction.
        await asyncio.shield(broker.publish(event))
    except _TooLarge:
        return 413, f"an event is limited to {MAX_BYTES} bytes"
    except UnsupportedMode as error:
        return 415, str(error)
    except NotAnEvent as error:
        return 400, str(error)
    except StoreError as error:
        logger.error("an event could not be stored: %s", error)  # noqa: TRY400 - the message suffices
        return 503, str(error)
    return 202, ""


async def _read_body(headers: Mapping[str, str], receive: Receive) -> bytes:
    length = headers.get("content-length", "0")
    if length.isdigit() and int(length) > MAX_BYTES:
        raise _TooLarge
    body = bytearray()
    while True:
        part = await receive()
        if part["type"] == "http.disconnect":
            raise _SenderDisconnected
        body += part.get("body", b"")
        if len(body) > MAX_BYTES:
            raise _TooLarge
        if not part.get("more_body", False):
            return bytes(body)


async def _respond(send: Send, status: int, body: bytes, content_type: str) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    if body:
        headers.append((b"content-type", content_type.encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
