"""Runs a service: `python -m functions.kit.start.serve functions.catalog.app:create_app`.

All processes configure uvicorn here, those of the local runner and those of images. Limits are in
`http/listening.py` and `http/connections.py` (connections) and `http/admission.py` (requests).
"""

import asyncio
import gc
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, cast

import uvicorn

from functions.kit.base import startup
from functions.kit.http import connections
from functions.kit.http.connections import BoundedProtocol, ServerConfig
from functions.kit.http.listening import Listener
from functions.kit.start import before_start

GRACE = 20
"""Seconds for requests in progress after SIGTERM. With the 10 seconds for the outbox it is less
than the manifests' timeoutSeconds."""
_LOADED = time.time_ns()
KEEP_ALIVE = 95
"""Seconds that an idle connection is kept. It exceeds the 90 of Go's proxies, so that the proxy
closes idle connections, and does not send a request on one that the server is closing."""

SETTINGS: dict[str, Any] = {
    "http": BoundedProtocol,
    "ws": "none",
    "lifespan": "on",
    "log_config": None,  # base/logs.py configures logging in the app's lifespan
    "access_log": False,  # http/middleware.py logs requests
    "server_header": False,
    # http/forwarded.py counts hops; uvicorn would trust ranges of addresses.
    "proxy_headers": False,
    "h11_max_incomplete_event_size": connections.MAX_HEAD,
    "timeout_keep_alive": KEEP_ALIVE,
}
"""uvicorn's settings that are the same everywhere."""


def configuration(
    factory: str, *, host: str = "127.0.0.1", port: int = 8080, grace: int = GRACE
) -> ServerConfig:
    """uvicorn's configuration. `factory` is a path such as `functions.catalog.app:create_app`."""
    return ServerConfig(
        factory, factory=True, host=host, port=port, timeout_graceful_shutdown=grace, **SETTINGS
    )


class ColdServer(uvicorn.Server):
    """A server without garbage collection during its start.

    Imported objects are not garbage. Not collecting saves a tenth of a start, and after
    `gc.freeze()` later collections skip these objects.
    """

    config: ServerConfig

    def __init__(self, config: ServerConfig, started: Callable[[], None] | None = None) -> None:
        super().__init__(config)
        self._on_start = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        files = raise_file_limit(connections.MAX_CONNECTIONS + connections.RESERVED_FILES)
        startup.mark("lifespan")
        self.config.connections.capacity = max(1, files - connections.RESERVED_FILES)
        await super().startup(sockets)
        startup.mark("listening")
        servers = [Listener(server, self._connection, self._has_room) for server in self.servers]
        self.servers = cast("list[asyncio.Server]", servers)
        if self._on_start is not None:
            self._on_start()
        gc.freeze()
        gc.enable()

    def _connection(self) -> asyncio.Protocol:
        return BoundedProtocol(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    def _has_room(self, connecting: int) -> bool:
        count = len(self.server_state.connections) + connecting
        return self.config.connections.has_room(count, asyncio.get_running_loop().time())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # For accepted connections that are not in uvicorn's list yet.
        self.config.connections.stopping = True
        await super().shutdown(sockets)


def raise_file_limit(wanted: int) -> int:
    """Raise the limit of open files up to `wanted`; returns the limit, at most `wanted`."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ModuleNotFoundError:
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft == unlimited or soft >= wanted:
        return wanted
    new = wanted if hard == unlimited else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (new, hard))
    except (OSError, ValueError):  # the system's maximum is below the hard limit
        return soft
    return new


def run(config: ServerConfig, started: Callable[[], None] | None = None) -> None:
    """Serve until a signal; `started` is called once the server listens.

    Exits with 3 if the start fails.
    """
    gc.disable()
    server = ColdServer(config, started)
    server.run()
    if not server.started:
        sys.exit(3)  # the exit code of uvicorn's own command


def main() -> None:
    startup.mark("main", _LOADED)
    import argparse  # noqa: PLC0415 - an image has no arguments

    parser = argparse.ArgumentParser(prog="functions.kit.start.serve", description=__doc__)
    parser.add_argument("factory", help="such as functions.catalog.app:create_app")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--timeout-graceful-shutdown", type=int, default=GRACE)
    given = parser.parse_args()
    before_start.begin(given.factory)
    grace = given.timeout_graceful_shutdown
    run(configuration(given.factory, host=given.host, port=given.port, grace=grace))


if __name__ == "__main__":
    main()
