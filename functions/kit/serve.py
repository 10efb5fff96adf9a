"""One service, served: `python -m functions.kit.serve functions.catalog.app:create_app`.

The one place that says how uvicorn is set, for the local runner and, by `start`, for an image.
uvicorn waits for ever for a request that comes byte by byte, so its protocol is given a deadline.
"""

import asyncio
import gc
import socket
import sys
from collections.abc import Callable
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

PATIENCE = 20.0
"""Seconds for a request to arrive, its head and its body together ..."""
MIN_RATE = 500.0
"""... and one more for as many bytes that did: a large file may take its time, a trickle may not.

Source: the defaults of Apache's mod_reqtimeout."""

MAX_HEAD = 16 * 1024
"""Bytes of request line and headers, give or take as many; a token has 4 KiB at most."""
MAX_CONNECTIONS = 900
"""Beyond that the answer is 503. Below the 1,024 files that a process may have open by default,
with room for the database's."""
GRACE = 20
"""Seconds that requests under way have when the process is told to end; the outbox gets 10 more,
and together that is less than a manifest's timeoutSeconds."""
KEEP_ALIVE = 95
"""Seconds that an idle connection is kept. Proxies written in Go keep theirs for 90: the side that
reuses a connection should be the one that closes it, or a request meets a closing door."""


class PromptProtocol(H11Protocol):
    """HTTP/1.1 with a caller that gets on with it."""

    _deadline: asyncio.TimerHandle | None = None
    _begun = 0.0
    _received = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        # h11 measures what is incomplete: a head that comes all at once would have no limit.
        for start in range(0, len(data), MAX_HEAD):
            if not self.transport.is_closing():
                super().data_received(data[start : start + MAX_HEAD])
        self._received += len(data)
        if self.conn.their_state not in {h11.IDLE, h11.SEND_BODY}:
            self._content()
        elif self._deadline is None:
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._content()
        super().connection_lost(exc)

    def _expect(self) -> None:
        """Begin to wait for a request."""
        self._begun, self._received = self.loop.time(), 0
        self._deadline = self.loop.call_later(PATIENCE, self._is_it_here)

    def _is_it_here(self) -> None:
        until = self._begun + PATIENCE + self._received / MIN_RATE
        if until > self.loop.time():
            self._deadline = self.loop.call_at(until, self._is_it_here)
        else:
            self._deadline = None
            self.transport.close()

    def _content(self) -> None:
        """It is all here; the rest is this side's time."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


SETTINGS: dict[str, Any] = {
    "http": PromptProtocol,
    "ws": "none",
    "lifespan": "on",
    "log_config": None,  # logs.py, once the app is there
    "access_log": False,  # middleware.py writes the one line a request has
    "server_header": False,
    # forwarded.py reads them, by hops; uvicorn would by what addresses look like.
    "proxy_headers": False,
    "h11_max_incomplete_event_size": MAX_HEAD,
    "limit_concurrency": MAX_CONNECTIONS,
    "timeout_keep_alive": KEEP_ALIVE,
}
"""What is the same wherever a service runs."""


def configuration(
    factory: str, *, host: str = "127.0.0.1", port: int = 8080, grace: int = GRACE
) -> uvicorn.Config:
    """What uvicorn is given; `factory` is such as functions.catalog.app:create_app."""
    return uvicorn.Config(
        factory, factory=True, host=host, port=port, timeout_graceful_shutdown=grace, **SETTINGS
    )


class ColdServer(uvicorn.Server):
    """Collects no garbage while it starts: what is imported is there to stay.

    That is a tenth of a start; and what is frozen is not looked through again later.
    """

    def __init__(self, config: uvicorn.Config, started: Callable[[], None] | None = None) -> None:
        super().__init__(config)
        self._on_start = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._on_start is not None:
            self._on_start()
        gc.freeze()
        gc.enable()


def run(config: uvicorn.Config, started: Callable[[], None] | None = None) -> None:
    """Serve until a signal ends it; `started` is called once, when it listens."""
    gc.disable()
    server = ColdServer(config, started)
    server.run()
    if not server.started:
        sys.exit(3)  # as uvicorn's own command says it


def main() -> None:
    import argparse  # noqa: PLC0415 - an image has no arguments

    parser = argparse.ArgumentParser(prog="functions.kit.serve", description=__doc__)
    parser.add_argument("factory", help="such as functions.catalog.app:create_app")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--timeout-graceful-shutdown", type=int, default=GRACE)
    given = parser.parse_args()
    grace = given.timeout_graceful_shutdown
    run(configuration(given.factory, host=given.host, port=given.port, grace=grace))


if __name__ == "__main__":
    main()
