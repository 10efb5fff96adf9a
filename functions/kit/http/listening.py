"""Accepts connections only while there is room; others wait in the operating system's queue.

asyncio accepts connections until the process has no free file descriptors. Then it pauses for a
second, and meanwhile the current requests cannot connect to the database either.
"""

import asyncio
import os
import socket
from collections.abc import Callable

BACKLOG = 4096
"""Length of the operating system's queue; Linux's default maximum."""
ACCEPTS_PER_TURN = 64
"""Connections that are accepted in one iteration of the event loop, before their requests are
read."""
RETRY_SECONDS = 0.05


class Listener:
    """Replaces an `asyncio.Server`; implements the methods that uvicorn calls.

    It duplicates the server's sockets, and closes the server.
    """

    def __init__(
        self,
        server: asyncio.Server,
        protocol: Callable[[], asyncio.Protocol],
        has_room: Callable[[int], bool],
    ) -> None:
        """`has_room` gets the number of accepted connections that the protocol does not have yet,
        and returns whether one more can be accepted."""
        self._loop = asyncio.get_running_loop()
        self._protocol = protocol
        self._has_room = has_room
        self._connecting: set[asyncio.Task[object]] = set()
        self._retry: asyncio.TimerHandle | None = None
        self.sockets = [socket.socket(fileno=os.dup(each.fileno())) for each in server.sockets]
        server.close()
        for listening in self.sockets:
            listening.setblocking(False)
            listening.listen(BACKLOG)
        self._resume()

    def _resume(self) -> None:
        self._retry = None
        for listening in self.sockets:
            self._loop.add_reader(listening.fileno(), self._accept, listening)

    def _pause(self) -> None:
        for listening in self.sockets:
            self._loop.remove_reader(listening.fileno())
        self._retry = self._retry or self._loop.call_later(RETRY_SECONDS, self._resume)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            if not self._has_room(len(self._connecting)):
                self._pause()
                return
            try:
                accepted, _ = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no free file descriptors, in spite of the reserve
                self._pause()
                return
            accepted.setblocking(False)
            task = self._loop.create_task(
                self._loop.connect_accepted_socket(self._protocol, accepted)
            )
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    def close(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
        for listening in self.sockets:
            self._loop.remove_reader(listening.fileno())
            listening.close()

    async def wait_closed(self) -> None:
        """Wait until the protocol has every accepted connection."""
        await asyncio.gather(*self._connecting, return_exceptions=True)
