"""TCP connections to other services, the first one to each attempted in staggered parallel.

The reason is in `functions/kit/mysql/staggered.py`: a new pod's first packets can be lost.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import TypeVar

from functions.kit.mysql.staggered import first_of

T = TypeVar("T")

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class FirstConnections:
    """Remembers which peers this process has reached."""

    def __init__(self) -> None:
        self._reached: set[Hashable] = set()

    async def connect(
        self, peer: Hashable, attempt: Callable[[], Awaitable[T]], close: Callable[[T], None]
    ) -> T:
        """The result of `attempt`, which runs several times in parallel until the peer is reached.

        `close` gets the results that are not used. Raises what `attempt` raises.
        """
        if peer in self._reached:
            return await attempt()
        connected = await first_of(lambda answered: attempt(), close)
        self._reached.add(peer)
        return connected


async def open_streams(first: FirstConnections, host: str, port: int, *, secure: bool) -> Streams:
    """Like `asyncio.open_connection`, with TLS where `secure`. Raises OSError."""
    return await first.connect(
        (host, port),
        lambda: asyncio.open_connection(host, port, ssl=secure or None),
        lambda unused: unused[1].close(),
    )
