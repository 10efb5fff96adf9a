"""The relay's way to the broker: connections that are kept, HTTP/1.1 by h11.

httpx costs a cold start a fifth of its time and each event five times as much as this, and the
relay of a sale needs nothing of what it can do more. Everything else in the kit that asks other
services, which is rare, uses httpx. Next file: `relay`.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

import h11

MAX_ANSWER = 64 * 1024
"""Bytes of an answer that are read; a broker's is empty."""


class SendFailed(OSError):
    """No whole answer came; whether the other side has the event is not known."""


class _Connection(NamedTuple):
    origin: tuple[str, str]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    http: h11.Connection


class HttpSender:
    """Each request has a connection of its own while it is under way; the next one takes it over.

    So there are as many as there were requests at a time.
    """

    def __init__(self) -> None:
        self._idle: list[_Connection] = []

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status of the answer. The caller bounds the time.

        Raises `SendFailed`, or what else the network raises (`OSError`). A connection that the
        other side had closed meanwhile is opened again once: an event may arrive twice.
        """
        parts = urlsplit(url)
        kept = self._kept(parts)
        if kept is not None:
            with contextlib.suppress(OSError, h11.RemoteProtocolError):
                return await self._exchange(kept, parts, headers, body)
            # Closed just now, as an idle connection may be at any time.
        try:
            return await self._exchange(await _connect(parts), parts, headers, body)
        except h11.RemoteProtocolError as error:
            raise SendFailed(f"no whole answer: {error}") from error

    def _kept(self, parts: SplitResult) -> _Connection | None:
        """The connection that was used last, if it still is one; those that are not are closed."""
        while self._idle:
            kept = self._idle.pop()
            if kept.origin == (parts.scheme, parts.netloc) and not kept.reader.at_eof():
                return kept
            kept.writer.close()
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
            status = await _read_answer(connection)
            if http.our_state is h11.DONE and http.their_state is h11.DONE:
                http.start_next_cycle()
                self._idle.append(connection)
                connection = None  # type: ignore[assignment] # kept, and not to be closed below
            return status
        finally:
            if connection is not None:
                connection.writer.close()

    async def close(self) -> None:
        while self._idle:
            self._idle.pop().writer.close()
        await asyncio.sleep(0)  # asyncio closes sockets in the loop's next round


async def _connect(parts: SplitResult) -> _Connection:
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=secure or None)
    http = h11.Connection(h11.CLIENT)
    return _Connection((parts.scheme, parts.netloc), reader, writer, http)


async def _read_answer(connection: _Connection) -> int:
    """Read the answer to its end, which is where the next one on this connection begins."""
    status, read = 0, 0
    while True:
        event = connection.http.next_event()
        if event is h11.NEED_DATA:
            received = await connection.reader.read(4096)
            read += len(received)
            if read > MAX_ANSWER:
                raise SendFailed(f"the answer is longer than {MAX_ANSWER} bytes")
            connection.http.receive_data(received)
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.EndOfMessage):
            return status
        elif isinstance(event, h11.ConnectionClosed):
            raise SendFailed("the connection was closed before the answer")
