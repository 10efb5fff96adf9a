"""Time limits for the server's connections, and their eviction when there are too many.

uvicorn's own limit counts idle connections and then answers every request with a bare 503, and it
has no timeout for a request that arrives byte by byte. Here each request must arrive in time. If
there are too many connections, idle ones are closed first, then those whose request is still
arriving. Errors that occur before the app is called are problem documents too (`refusals.py`).
Complete requests wait in `admission.py`.
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

TRANSFER_TIMEOUT = 20.0
"""Seconds for a request, head and body together, to arrive, or for a response to be read."""
MIN_RATE = 500.0
"""Bytes that extend the timeout by one second.

Source of both: the defaults of Apache's mod_reqtimeout."""

MAX_HEAD = 16 * 1024
"""Bytes of request line and headers; up to twice as many may be accepted. A token has at most
4 KiB."""
MAX_CONNECTIONS = 8192
"""Above it, idle connections are closed. An idle one takes about 4 KiB, one with a waiting request
12 KiB."""
RESERVED_FILES = 256
"""File descriptors that are reserved: for the database, for other services and, half of them, for
connections that are accepted only to be answered with an error."""
MIN_WAIT = 0.5
"""Seconds that a connection must have waited for its client before it can be evicted."""
LINGER = 1.0
"""Seconds for which further data of a rejected client is read and discarded. Closing immediately
would reset the connection, and the client might not read the response."""
STOPPING_TIMEOUT = 0.5
"""Seconds for the request of a connection that is accepted while the server is stopping."""

_ABSOLUTE = re.compile(rb"https?://([^/?#@]+)(/[^?#]*)?", re.IGNORECASE)


class Phase(IntEnum):
    """What a connection waits for from its client, in the order of eviction."""

    IDLE = 0
    """The next request."""
    HEAD = 1
    """The rest of a request's head."""
    ANSWER = 2
    """The response to be read."""
    BODY = 3
    """The rest of a request's body."""


class Connections:
    """The connections of a server that wait for their client, by phase, longest wait first."""

    def __init__(self, capacity: int = MAX_CONNECTIONS) -> None:
        self.capacity = capacity
        self.stopping = False
        self._waiting: list[OrderedDict[BoundedProtocol, float]] = [OrderedDict() for _ in Phase]

    def set_phase(self, connection: "BoundedProtocol", phase: Phase | None, now: float) -> None:
        """Record what a connection waits for; None if it waits for the app."""
        if connection.phase is phase:
            return
        if connection.phase is not None:
            del self._waiting[connection.phase][connection]
        if phase is not None:
            self._waiting[phase][connection] = now
        connection.phase = phase

    def has_room(self, count: int, now: float) -> bool:
        """Whether a connection can be accepted in addition to `count` open ones."""
        most = self.capacity + RESERVED_FILES // 2
        return count < most or self._next_to_evict(now) is not None

    def make_room(self, count: int, now: float) -> None:
        """Evict a connection if `count` exceeds the capacity."""
        if count > self.capacity and (connection := self._next_to_evict(now)) is not None:
            connection.evict()

    def _next_to_evict(self, now: float) -> "BoundedProtocol | None":
        for waiting in self._waiting:
            for connection, since in waiting.items():
                if now - since < MIN_WAIT:
                    break  # the others have waited less
                if not connection.has_unread():
                    return connection
        return None


class ServerConfig(uvicorn.Config):
    """uvicorn's configuration, with the state that the connections of its server share."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connections = Connections()


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 on one connection, with time limits and problem documents."""

    phase: Phase | None = None
    _request_timer: asyncio.TimerHandle | None = None
    """Runs while a request is awaited or arriving."""
    _response_timer: asyncio.TimerHandle | None = None
    """Runs while the client does not read its response."""
    _begun = 0.0
    """When the request timer was started."""
    _received = 0
    """Bytes since then."""
    _unread = 0
    """Bytes in the write buffer at the last check of the response timer."""
    _head: bytes = b""
    """The bytes of the current request's head so far; an error response needs its path and
    language."""
    _refused = False
    """Whether an error response was sent and the connection is to be closed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.shared: Connections = cast("ServerConfig", self.config).connections
        self.app = self._serve

    # Events of the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_request_timer(STOPPING_TIMEOUT if self.shared.stopping else TRANSFER_TIMEOUT)
        self.shared.make_room(len(self.connections), self._begun)
        self._update_phase()

    def data_received(self, data: bytes) -> None:
        if self.conn.their_state is h11.IDLE:
            self._head = (self.conn.trailing_data[0] + data)[:MAX_HEAD]
        # In chunks, because h11 limits only incomplete heads: a complete one may have any size.
        for start in range(0, len(data), MAX_HEAD):
            if not self._refused and not self.transport.is_closing():
                super().data_received(data[start : start + MAX_HEAD])
        self._received += len(data)
        self._update_phase()

    def on_response_complete(self) -> None:
        self._head = self.conn.trailing_data[0][:MAX_HEAD]
        super().on_response_complete()
        self._update_phase()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._update_phase()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._update_phase()

    def connection_lost(self, exc: Exception | None) -> None:
        self.shared.set_phase(self, None, 0.0)
        self._stop_request_timer()
        self._stop_response_timer()
        super().connection_lost(exc)
        self.app = self.config.loaded_app  # breaks the reference cycle through self._serve

    def shutdown(self) -> None:
        """Called when the server stops: close now, or after the response in progress."""
        phase = self._phase()
        if phase is Phase.HEAD:
            self.refuse(refusals.STOPPING)
        elif not self._is_answered():
            self.cycle.keep_alive = False
            self.headers.append(CLOSE_HEADER)  # uvicorn copies it into the response
        elif self.has_unread():
            self._start_request_timer(STOPPING_TIMEOUT)
        elif not self._refused:
            self.transport.close()
            self._update_phase()

    # The request

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        headers: refusals.Headers = scope["headers"]
        names = {name for name, _ in headers}
        if {b"content-length", b"transfer-encoding"} <= names:
            # Request smuggling: a proxy may have used the other one (RFC 9112, section 6.1).
            headers[:] = [each for each in headers if each[0] != b"content-length"]
            headers.append(CLOSE_HEADER)  # uvicorn copies it into the response, and closes
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
        path, language = _path_and_language(scope)
        headers, document = refusals.answer(
            refusal, path=path, accept_language=language, render=self._render
        )
        start = {"type": "http.response.start", "status": int(refusal.status), "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": document, "more_body": False})

    @property
    def _render(self) -> refusals.Render | None:
        """What the app has in place of problem documents."""
        state: Any = getattr(self.config.loaded_app, "state", None)
        render: refusals.Render | None = getattr(state, "render_refusal", None)
        return render

    def _is_open(self) -> bool:
        return self in self.connections

    # Refusals

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn while it handles h11's parse error."""
        error = sys.exc_info()[1]
        refusal = refusals.MALFORMED
        if getattr(error, "error_status_hint", 400) == refusals.HEAD_TOO_LARGE.status:
            in_first_line = b"\n" not in self._head.lstrip(b"\r\n")
            refusal = refusals.TARGET_TOO_LONG if in_first_line else refusals.HEAD_TOO_LARGE
        self.refuse(refusal)

    def refuse(self, refusal: Refusal) -> None:
        """Send an error response instead of the app's, and close the connection."""
        if self._refused or self.transport.is_closing():
            return
        path, language = refusals.read_head(self._head)
        head_only = False
        if not self._is_answered():
            if self.cycle.response_started:
                self.transport.abort()  # so that the client detects the truncated response
                return
            self.cycle.disconnected = True  # the app sees a disconnected client
            self.cycle.message_event.set()
            path, language = _path_and_language(self.cycle.scope)
            head_only = self.cycle.scope["method"] == "HEAD"
        headers, document = refusals.answer(
            refusal, path=path, accept_language=language, render=self._render
        )
        headers = [*self.server_state.default_headers, *headers]
        self._refused = True
        self.transport.write(refusals.message(refusal, headers, b"" if head_only else document))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        self._update_phase()

    def has_unread(self) -> bool:
        """Whether the socket has unread data; closing it would then reset the connection."""
        sock = self.transport.get_extra_info("socket")
        if sock is None or not hasattr(select, "poll"):  # Windows
            return False
        poll = select.poll()
        poll.register(sock.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def evict(self) -> None:
        """Close this connection to make room for another one."""
        if self.flow.write_paused or self._refused or self.transport.is_closing():
            self.transport.abort()
        elif self._is_idle():
            self.transport.close()
        else:
            self.refuse(refusals.FULL)
        self._update_phase()

    # Phases and their time limits

    def _update_phase(self) -> None:
        """Determine the phase, and start or stop the timers accordingly."""
        phase = self._phase()
        if phase is not self.phase:
            self.shared.set_phase(self, phase, self.loop.time())
        new = phase is Phase.IDLE and not self._received
        if not new and phase is not Phase.HEAD and phase is not Phase.BODY:
            self._stop_request_timer()
        elif self._request_timer is None:
            self._start_request_timer(TRANSFER_TIMEOUT)
        if phase is not Phase.ANSWER:
            self._stop_response_timer()
        elif self._response_timer is None:
            self._unread = self.transport.get_write_buffer_size()
            limit = TRANSFER_TIMEOUT if self._unread else LINGER
            self._response_timer = self.loop.call_later(limit, self._check_response)

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
        """Whether no request is in progress."""
        return self.cycle is None or self.cycle.response_complete

    def _is_idle(self) -> bool:
        return self._phase() is Phase.IDLE

    def _start_request_timer(self, timeout: float) -> None:
        self._stop_request_timer()
        self._begun, self._received = self.loop.time(), 0
        self._request_timer = self.loop.call_later(timeout, self._check_request)

    def _check_request(self) -> None:
        """At the request timer: extend it if the request arrives fast enough, or else close."""
        until = self._begun + TRANSFER_TIMEOUT + self._received / MIN_RATE
        stopping = self.shared.stopping and self._phase() is Phase.HEAD
        if self._received and until > self.loop.time() and not stopping:
            self._request_timer = self.loop.call_at(until, self._check_request)
            return
        self._request_timer = None
        if self._is_idle() or (self.cycle is not None and self.cycle.response_complete):
            self.transport.close()
        else:
            self.refuse(refusals.STOPPING if stopping else refusals.TOO_SLOW)

    def _check_response(self) -> None:
        """At the response timer: restart it if the client reads fast enough, or else abort."""
        unread, before = self.transport.get_write_buffer_size(), self._unread
        if unread and before - unread >= TRANSFER_TIMEOUT * MIN_RATE:
            self._unread = unread
            self._response_timer = self.loop.call_later(TRANSFER_TIMEOUT, self._check_response)
        else:
            self._response_timer = None
            self.transport.abort()

    def _stop_request_timer(self) -> None:
        if self._request_timer is not None:
            self._request_timer.cancel()
            self._request_timer = None

    def _stop_response_timer(self) -> None:
        if self._response_timer is not None:
            self._response_timer.cancel()
            self._response_timer = None


def _path_and_language(scope: Any) -> tuple[str, str]:
    """The path, and the value of `Accept-Language`."""
    languages = [value for name, value in scope["headers"] if name == b"accept-language"]
    return scope["path"], b",".join(languages).decode("latin-1")


def _read_target(scope: Any) -> bool:
    """Convert a request target in absolute form to origin form; False for an invalid target.

    `OPTIONS *` becomes `OPTIONS /`. Source: RFC 9112, section 3.2.
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
