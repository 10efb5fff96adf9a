"""Accepts connections only while there is room; until then they wait in the system's queue.

asyncio accepts whatever comes until no more files can be opened, and then nothing for a second,
not even the connection to the database that the present requests need. Next file: `connections`.
"""

import asyncio
import os
import socket
from collections.abc import Callable

BACKLOG = 4096
"""Connections that the system completes before they are accepted; Linux allows as many by
default."""
AT_ONCE = 64
"""Connections that are accepted in one turn of the event loop; their requests come next."""
RETRY_SECONDS = 0.05


class Listener:
    """In place of an `asyncio.Server`: it has of that what uvicorn uses.

    It takes over the sockets of a server, which may then be closed.
    """

    def __init__(
        self,
        server: asyncio.Server,
        protocol: Callable[[], asyncio.Protocol],
        has_room: Callable[[int], bool],
    ) -> None:
        """`has_room` is told how many connections were accepted and are not yet announced."""
        self._loop = asyncio.get_running_loop()
        self._protocol = protocol
        self._has_room = has_room
        self._announcing: set[asyncio.Task[object]] = set()
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
        for _ in range(AT_ONCE):
            if not self._has_room(len(self._announcing)):
                self._pause()
                return
            try:
                accepted, _ = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no more files, though they were reserved
                self._pause()
                return
            accepted.setblocking(False)
            task = self._loop.create_task(
                self._loop.connect_accepted_socket(self._protocol, accepted)
            )
            self._announcing.add(task)
            task.add_done_callback(self._announcing.discard)

    def close(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
        for listening in self.sockets:
            self._loop.remove_reader(listening.fileno())
            listening.close()

    async def wait_closed(self) -> None:
        """Until all that was accepted is announced."""
        await asyncio.gather(*self._announcing, return_exceptions=True)
