"""The server's connections: how long each may take, and which is closed when there are too many.

uvicorn's own limit answers every request with a bare 503 once too many connections are open, idle
ones included, and it waits for ever for a request that comes byte by byte. Here idle connections
are closed first, then those whose request is still arriving; what is answered below the app is a
problem document. Requests that have arrived wait in `admission`. Next file: `refusals`.
"""

import asyncio
import re
import select
import sys
from collections import OrderedDict
from enum import IntEnum
from typing import Any, cast
from urllib.parse import unquote

import h11
import uvicorn
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.h11_impl import H11Protocol

from functions.kit.http import refusals
from functions.kit.http.refusals import Refusal

PATIENCE = 20.0
"""Seconds for a request to arrive, its head and its body together ..."""
MIN_RATE = 500.0
"""... and one more for every so many bytes of it that arrived. For an answer to be read, likewise.

Source: the defaults of Apache's mod_reqtimeout."""

MAX_HEAD = 16 * 1024
"""Bytes of request line and headers, give or take as many; a token has 4 KiB at most."""
MAX_CONNECTIONS = 8192
"""Beyond that, idle connections are closed. An idle one takes about 4 KiB, one whose request
waits 12 KiB."""
RESERVED_FILES = 256
"""Files of the process that are left to the database, to other services and, half of them, to
connections that are only there to be refused."""
SETTLED = 0.5
"""Seconds that a connection has for what it waits for before it is closed for another one."""
LINGER = 1.0
"""Seconds in which what a refused client still sends is read and dropped. Closing at once would
reset the connection, and the client might never read the refusal."""
LAST_CALL = 0.5
"""Seconds for the request of a connection that is accepted while the server stops."""

_ABSOLUTE = re.compile(rb"https?://([^/?#@]+)(/[^?#]*)?", re.IGNORECASE)


class Phase(IntEnum):
    """What a connection waits for that is the client's to do, in the order of being closed."""

    IDLE = 0
    """A request."""
    HEAD = 1
    """The rest of a request's head."""
    ANSWER = 2
    """The client to read its answer."""
    BODY = 3
    """The rest of a request's body."""


class Connections:
    """Those of one server that wait for their client; with the time since when, oldest first."""

    def __init__(self, capacity: int = MAX_CONNECTIONS) -> None:
        self.capacity = capacity
        self.stopping = False
        self._waiting: list[OrderedDict[BoundedProtocol, float]] = [OrderedDict() for _ in Phase]

    def set_phase(self, connection: "BoundedProtocol", phase: Phase | None, now: float) -> None:
        """None: it waits for this server."""
        if connection.phase is phase:
            return
        if connection.phase is not None:
            del self._waiting[connection.phase][connection]
        if phase is not None:
            self._waiting[phase][connection] = now
        connection.phase = phase

    def has_room(self, count: int, now: float) -> bool:
        """Whether one more than `count` can be opened."""
        most = self.capacity + RESERVED_FILES // 2
        return count < most or self._oldest(now) is not None

    def make_room(self, count: int, now: float) -> None:
        """Close one connection if `count` open ones are too many."""
        if count > self.capacity and (connection := self._oldest(now)) is not None:
            connection.give_way()

    def _oldest(self, now: float) -> "BoundedProtocol | None":
        for waiting in self._waiting:
            for connection, since in waiting.items():
                if now - since < SETTLED:
                    break  # the others are younger
                if not connection.has_unread():
                    return connection
        return None


class ServerConfig(uvicorn.Config):
    """uvicorn's, with what the connections of its one server share."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connections = Connections()


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 on one connection, with time limits and problem documents."""

    phase: Phase | None = None
    _arrival: asyncio.TimerHandle | None = None
    """Runs while a request is arriving."""
    _departure: asyncio.TimerHandle | None = None
    """Runs while the client does not read its answer."""
    _begun = 0.0
    _received = 0
    _unread = 0
    _head: bytes = b""
    """What is known of the head that is arriving, for its refusal."""
    _refused = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.shared: Connections = cast("ServerConfig", self.config).connections
        self.app = self._serve

    # Events of the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect(LAST_CALL if self.shared.stopping else PATIENCE)
        self.shared.make_room(len(self.connections), self._begun)
        self._look()

    def data_received(self, data: bytes) -> None:
        if self.conn.their_state is h11.IDLE:
            self._head = (self.conn.trailing_data[0] + data)[:MAX_HEAD]
        # h11 measures what is incomplete: a head that comes all at once would have no limit.
        for start in range(0, len(data), MAX_HEAD):
            if not self._refused and not self.transport.is_closing():
                super().data_received(data[start : start + MAX_HEAD])
        self._received += len(data)
        self._look()

    def on_response_complete(self) -> None:
        self._head = self.conn.trailing_data[0][:MAX_HEAD]
        super().on_response_complete()
        self._look()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._look()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self.shared.set_phase(self, None, 0.0)
        self._stop_arrival()
        self._stop_departure()
        super().connection_lost(exc)
        self.app = self.config.loaded_app  # no circle that only the garbage collector ends

    def shutdown(self) -> None:
        """The server stops: end at once, or after the answer that is under way."""
        phase = self._phase()
        if phase is Phase.HEAD:
            self.refuse(refusals.STOPPING)
        elif not self._is_answered():
            self.cycle.keep_alive = False
            self.headers.append(CLOSE_HEADER)  # uvicorn repeats it in the answer
        elif self.has_unread():
            self._expect(LAST_CALL)
        elif not self._refused:
            self.transport.close()
            self._look()

    # The request

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        headers: refusals.Headers = scope["headers"]
        names = {name for name, _ in headers}
        if {b"content-length", b"transfer-encoding"} <= names:
            # A proxy in between may have read the other one (RFC 9112, section 6.1).
            headers[:] = [each for each in headers if each[0] != b"content-length"]
            headers.append(CLOSE_HEADER)  # uvicorn repeats it in the answer, and closes
        crowded = len(self.connections) > self.shared.capacity
        if crowded or self.shared.stopping:
            headers.append(CLOSE_HEADER)
        if not _read_target(scope):
            await self._refuse_request(refusals.TARGET, scope, send)
            return
        scope["extensions"] = {
            "bookstore.connection": {"is_open": self._is_open, "may_wait": not crowded}
        }
        await self.config.loaded_app(scope, receive, send)

    async def _refuse_request(self, refusal: Refusal, scope: Any, send: Any) -> None:
        path, language = _of_scope(scope)
        headers, document = refusals.answer(refusal, path=path, accept_language=language)
        start = {"type": "http.response.start", "status": int(refusal.status), "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": document, "more_body": False})

    def _is_open(self) -> bool:
        return self in self.connections

    # Refusals

    def send_400_response(self, msg: str) -> None:
        """What h11 could not parse; it is called where its error is being handled."""
        error = sys.exc_info()[1]
        refusal = refusals.MALFORMED
        if getattr(error, "error_status_hint", 400) == refusals.HEAD_TOO_LARGE.status:
            in_first_line = b"\n" not in self._head.lstrip(b"\r\n")
            refusal = refusals.TARGET_TOO_LONG if in_first_line else refusals.HEAD_TOO_LARGE
        self.refuse(refusal)

    def refuse(self, refusal: Refusal) -> None:
        """Answer in place of the app, and close."""
        if self._refused or self.transport.is_closing():
            return
        path, language = refusals.read_head(self._head)
        head_only = False
        if not self._is_answered():
            if self.cycle.response_started:
                self.transport.abort()  # the client sees that its answer is cut
                return
            self.cycle.disconnected = True  # for the app, the client is gone
            self.cycle.message_event.set()
            path, language = _of_scope(self.cycle.scope)
            head_only = self.cycle.scope["method"] == "HEAD"
        headers, document = refusals.answer(refusal, path=path, accept_language=language)
        headers = [*self.server_state.default_headers, *headers]
        self._refused = True
        self.transport.write(refusals.message(refusal, headers, b"" if head_only else document))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        self._look()

    def has_unread(self) -> bool:
        """Whether the client has sent something that is not read yet: closing would reset it."""
        sock = self.transport.get_extra_info("socket")
        if sock is None or not hasattr(select, "poll"):  # Windows
            return False
        poll = select.poll()
        poll.register(sock.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def give_way(self) -> None:
        """Close for another connection."""
        if self.flow.write_paused or self._refused or self.transport.is_closing():
            self.transport.abort()
        elif self._is_silent():
            self.transport.close()
        else:
            self.refuse(refusals.FULL)
        self._look()

    # Phases and their time limits

    def _look(self) -> None:
        """Find out whom the connection waits for; and start or stop the clock."""
        phase = self._phase()
        if phase is not self.phase:
            self.shared.set_phase(self, phase, self.loop.time())
        new = phase is Phase.IDLE and not self._received
        if not new and phase is not Phase.HEAD and phase is not Phase.BODY:
            self._stop_arrival()
        elif self._arrival is None:
            self._expect(PATIENCE)
        if phase is not Phase.ANSWER:
            self._stop_departure()
        elif self._departure is None:
            self._unread = self.transport.get_write_buffer_size()
            limit = PATIENCE if self._unread else LINGER
            self._departure = self.loop.call_later(limit, self._is_it_read)

    def _phase(self) -> Phase | None:
        if self.flow.write_paused or self._refused:
            return Phase.ANSWER
        if self.transport.is_closing():
            return Phase.ANSWER if self.transport.get_write_buffer_size() else None
        if self.conn.their_state is h11.SEND_BODY:
            return Phase.BODY
        if not self._is_answered():
            return None
        return Phase.HEAD if self.conn.trailing_data[0] else Phase.IDLE

    def _is_answered(self) -> bool:
        """Whether no request is under way."""
        return self.cycle is None or self.cycle.response_complete

    def _is_silent(self) -> bool:
        return self._phase() is Phase.IDLE

    def _expect(self, patience: float) -> None:
        """Begin to wait for a request."""
        self._stop_arrival()
        self._begun, self._received = self.loop.time(), 0
        self._arrival = self.loop.call_later(patience, self._is_it_here)

    def _is_it_here(self) -> None:
        until = self._begun + PATIENCE + self._received / MIN_RATE
        stopping = self.shared.stopping and self._phase() is Phase.HEAD
        if self._received and until > self.loop.time() and not stopping:
            self._arrival = self.loop.call_at(until, self._is_it_here)
            return
        self._arrival = None
        if self._is_silent() or (self.cycle is not None and self.cycle.response_complete):
            self.transport.close()
        else:
            self.refuse(refusals.STOPPING if stopping else refusals.TOO_SLOW)

    def _is_it_read(self) -> None:
        unread, before = self.transport.get_write_buffer_size(), self._unread
        if unread and before - unread >= PATIENCE * MIN_RATE:
            self._unread = unread
            self._departure = self.loop.call_later(PATIENCE, self._is_it_read)
        else:
            self._departure = None
            self.transport.abort()

    def _stop_arrival(self) -> None:
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None

    def _stop_departure(self) -> None:
        if self._departure is not None:
            self._departure.cancel()
            self._departure = None


def _of_scope(scope: Any) -> tuple[str, str]:
    """The path and the Accept-Language."""
    languages = [value for name, value in scope["headers"] if name == b"accept-language"]
    return scope["path"], b",".join(languages).decode("latin-1")


def _read_target(scope: Any) -> bool:
    """Put the absolute form of a request target into the usual one; False where it is neither.

    Source: RFC 9112, section 3.2.
    """
    target: bytes = scope["raw_path"]
    if target.startswith(b"/"):
        return True
    if target == b"*" and scope["method"] == "OPTIONS":
        scope["path"], scope["raw_path"] = "/", b"/"
        return True
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        return False
    raw_path = absolute[2] or b"/"
    scope["raw_path"], scope["path"] = raw_path, unquote(raw_path.decode("ascii"))
    headers = scope["headers"]
    headers[:] = [each for each in headers if each[0] != b"host"]
    headers.append((b"host", absolute[1]))
    return True
