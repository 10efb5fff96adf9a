"""One service, served: `python -m functions.kit.start.serve functions.catalog.app:create_app`.

The one place that says how uvicorn is set, for the local runner and, by `start`, for an image.
Next files: `listening` and `connections`, the limits of what arrives, and `admission`, of what is
worked on.
"""

import asyncio
import gc
import socket
import sys
from collections.abc import Callable
from typing import Any, cast

import uvicorn

from functions.kit.http import connections
from functions.kit.http.connections import BoundedProtocol, ServerConfig
from functions.kit.http.listening import Listener

GRACE = 20
"""Seconds that requests under way have when the process is told to end; the outbox gets 10 more,
and together that is less than a manifest's timeoutSeconds."""
KEEP_ALIVE = 95
"""Seconds that an idle connection is kept. Proxies written in Go keep theirs for 90: the side that
reuses a connection should be the one that closes it, or a request meets a closed connection."""

SETTINGS: dict[str, Any] = {
    "http": BoundedProtocol,
    "ws": "none",
    "lifespan": "on",
    "log_config": None,  # logs.py, once the app is there
    "access_log": False,  # middleware.py writes the one line a request has
    "server_header": False,
    # forwarded.py reads them, by hops; uvicorn would by what addresses look like.
    "proxy_headers": False,
    "h11_max_incomplete_event_size": connections.MAX_HEAD,
    "timeout_keep_alive": KEEP_ALIVE,
}
"""What is the same wherever a service runs."""


def configuration(
    factory: str, *, host: str = "127.0.0.1", port: int = 8080, grace: int = GRACE
) -> ServerConfig:
    """What uvicorn is given; `factory` is such as functions.catalog.app:create_app."""
    return ServerConfig(
        factory, factory=True, host=host, port=port, timeout_graceful_shutdown=grace, **SETTINGS
    )


class ColdServer(uvicorn.Server):
    """Collects no garbage while it starts: what is imported is there to stay.

    That is a tenth of a start; and what is frozen is not looked through again later.
    """

    config: ServerConfig

    def __init__(self, config: ServerConfig, started: Callable[[], None] | None = None) -> None:
        super().__init__(config)
        self._on_start = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        files = raise_file_limit(connections.MAX_CONNECTIONS + connections.RESERVED_FILES)
        self.config.connections.capacity = max(1, files - connections.RESERVED_FILES)
        await super().startup(sockets)
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

    def _has_room(self, announced_soon: int) -> bool:
        count = len(self.server_state.connections) + announced_soon
        return self.config.connections.has_room(count, asyncio.get_running_loop().time())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Connections that were accepted and not announced yet are not in uvicorn's list.
        self.config.connections.stopping = True
        await super().shutdown(sockets)


def raise_file_limit(wanted: int) -> int:
    """Raise the limit of open files as far as the system allows; answers it, at most `wanted`."""
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
    except (OSError, ValueError):  # a system's own upper limit, below the hard one
        return soft
    return new


def run(config: ServerConfig, started: Callable[[], None] | None = None) -> None:
    """Serve until a signal ends it; `started` is called once, when it listens."""
    gc.disable()
    server = ColdServer(config, started)
    server.run()
    if not server.started:
        sys.exit(3)  # as uvicorn's own command says it


def main() -> None:
    import argparse  # noqa: PLC0415 - an image has no arguments

    parser = argparse.ArgumentParser(prog="functions.kit.start.serve", description=__doc__)
    parser.add_argument("factory", help="such as functions.catalog.app:create_app")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--timeout-graceful-shutdown", type=int, default=GRACE)
    given = parser.parse_args()
    grace = given.timeout_graceful_shutdown
    run(configuration(given.factory, host=given.host, port=given.port, grace=grace))


if __name__ == "__main__":
    main()
