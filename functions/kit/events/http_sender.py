"""A minimal HTTP/1.1 client on h11, with keep-alive, for the relay's POST to the broker.

httpx would take a fifth of a cold start, and five times as long for each event, and the relay needs
none of its other features. All other requests to services are rare and use httpx.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

import h11

from functions.kit.base.connecting import FirstConnections, open_streams

MAX_RESPONSE = 64 * 1024
"""Largest response, in bytes; a broker's is empty."""


class SendFailed(OSError):
    """No complete response arrived. The server may or may not have processed the request."""


class _Connection(NamedTuple):
    origin: tuple[str, str]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    http: h11.Connection


class HttpSender:
    """Keeps idle connections and reuses them.

    Concurrent requests use separate connections, so there are at most as many connections as there
    were concurrent requests.
    """

    def __init__(self) -> None:
        self._idle: list[_Connection] = []
        self._first_connections = FirstConnections()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Send a POST request; returns the status. It has no timeout of its own.

        If a reused connection fails, the request is sent again on a new one, so it may arrive
        twice. Raises `SendFailed` or another `OSError`.
        """
        parts = urlsplit(url)
        idle = self._pop_idle(parts)
        if idle is not None:
            with contextlib.suppress(OSError, h11.RemoteProtocolError):
                return await self._exchange(idle, parts, headers, body)
            # The server may close an idle connection at any time.
        try:
            return await self._exchange(await self._connect(parts), parts, headers, body)
        except h11.RemoteProtocolError as error:
            raise SendFailed(f"no complete response: {error}") from error

    async def _connect(self, parts: SplitResult) -> _Connection:
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        reader, writer = await open_streams(
            self._first_connections, parts.hostname or "", port, secure=secure
        )
        http = h11.Connection(h11.CLIENT)
        return _Connection((parts.scheme, parts.netloc), reader, writer, http)

    def _pop_idle(self, parts: SplitResult) -> _Connection | None:
        """The idle connection that was used last; closes those that cannot be reused."""
        while self._idle:
            idle = self._idle.pop()
            if idle.origin == (parts.scheme, parts.netloc) and not idle.reader.at_eof():
                return idle
            idle.writer.close()
        return None

    async def _exchange(
        self, connection: _Connection, parts: SplitResult, headers: Mapping[str, str], body: bytes
    ) -> int:
        http = connection.http
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        request = h11.Request(
            method="POST",
            target=target,
            headers=[("host", parts.netloc), ("content-length", str(len(body))), *headers.items()],
        )
        sent = (http.send(request), http.send(h11.Data(body)), http.send(h11.EndOfMessage()))
        try:
            connection.writer.write(b"".join(part or b"" for part in sent))
            status = await _read_response(connection)
            if http.our_state is h11.DONE and http.their_state is h11.DONE:
                http.start_next_cycle()
                self._idle.append(connection)
                connection = None  # type: ignore[assignment] # idle, so not closed below
            return status
        finally:
            if connection is not None:
                connection.writer.close()

    async def close(self) -> None:
        while self._idle:
            self._idle.pop().writer.close()
        await asyncio.sleep(0)  # asyncio closes sockets in the next iteration of the loop


async def _read_response(connection: _Connection) -> int:
    """Read a response to its end, so that the connection can be reused; returns the status."""
    status, read = 0, 0
    while True:
        event = connection.http.next_event()
        if event is h11.NEED_DATA:
            received = await connection.reader.read(4096)
            read += len(received)
            if read > MAX_RESPONSE:
                raise SendFailed(f"the response is longer than {MAX_RESPONSE} bytes")
            connection.http.receive_data(received)
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.EndOfMessage):
            return status
        elif isinstance(event, h11.ConnectionClosed):
            raise SendFailed("the connection was closed before the response")
