"""Limits concurrent requests; further ones wait in a bounded FIFO queue.

Otherwise, under load, thousands of concurrent requests would all be slow, and the probes with them.
If the queue is full, or after `QUEUE_TIMEOUT`, a request gets 503 with Retry-After. Probes bypass
the queue. A request that waits for its client (for the rest of the body, or for a slow reader)
releases its slot meanwhile, so that slow clients do not block others.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPReceiveMessage, Message, Receive, Scope, Send

from functions.kit.base.errors import Text, Unavailable
from functions.kit.http.problems import problem_response
from functions.kit.http.requests import JSONRequest

T = TypeVar("T")

MAX_CONCURRENT = 100
"""Concurrent requests; more than any manifest's `containerConcurrency`."""
MAX_QUEUED = 2000
"""Waiting requests."""
QUEUE_TIMEOUT = 10.0
"""Seconds that a request waits in the queue at most."""
CLIENT_GRACE = 0.1
"""Seconds that a request keeps its slot while it waits for its client."""
LARGE_CHUNK = 64 * 1024
"""Bytes of a response from which sending may have to wait for the client."""

PROBES = frozenset({"/livez", "/readyz"})


class Overloaded(Unavailable):
    code = "overloaded"
    title = "The service has more requests than it can serve"
    error = Text("Servicio saturado", "Service overloaded")


class Admission:
    """ASGI middleware around an app's router, inside of `RequestMiddleware`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.running = 0
        self._queue: deque[asyncio.Future[bool]] = deque()
        """One future for each waiting request; its result is whether the request is admitted."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["path"] in PROBES:
            await self.app(scope, receive, send)
            return
        if not await self._acquire(scope):
            request = JSONRequest(scope, receive, send)
            refusal = Overloaded("Wait for the seconds of Retry-After, then try again.",
                                 retry_after=2)  # fmt: skip
            response = problem_response(request, refusal)
            await response.to_asgi_response(app=None, request=request)(scope, receive, send)
            return

        async def receive_without_slot() -> HTTPReceiveMessage | Any:
            return await self._wait_for_client(receive)

        async def send_without_slot(message: Message) -> None:
            chunk = message.get("body")
            large = isinstance(chunk, bytes) and len(chunk) >= LARGE_CHUNK
            if large or message.get("more_body"):
                await self._wait_for_client(lambda: send(message))
            else:
                await send(message)

        try:
            await self.app(scope, receive_without_slot, send_without_slot)
        finally:
            self._release()

    async def _acquire(self, scope: Scope) -> bool:
        """Acquire a slot, after waiting if necessary; False if the request is refused."""
        if self.running < MAX_CONCURRENT:
            self.running += 1
            return True
        connection: Any = (scope.get("extensions") or {}).get("bookstore.connection", {})
        if len(self._queue) >= MAX_QUEUED or not connection.get("may_wait", True):
            return False
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        self._queue.append(waiter)
        timer = loop.call_later(QUEUE_TIMEOUT, self._time_out, waiter)
        try:
            admitted = await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.result():
                self._release()
            raise
        finally:
            timer.cancel()
        is_open = connection.get("is_open")
        if admitted and is_open is not None and not is_open():
            self._release()  # the client has disconnected
            return False
        return admitted

    def _time_out(self, waiter: "asyncio.Future[bool]") -> None:
        if not waiter.done():
            waiter.set_result(False)
            self._queue.remove(waiter)

    def _release(self) -> None:
        self.running -= 1
        while self._queue and self.running < MAX_CONCURRENT:
            waiter = self._queue.popleft()
            if not waiter.done():
                self.running += 1
                waiter.set_result(True)

    async def _wait_for_client(self, wait: Callable[[], Awaitable[T]]) -> T:
        """Wait for the client; after `CLIENT_GRACE` without a slot.

        Afterwards the request continues at once, even beyond the limit: it may hold locks that
        other requests wait for.
        """
        released = False

        def release() -> None:
            nonlocal released
            released = True
            self._release()

        timer = asyncio.get_running_loop().call_later(CLIENT_GRACE, release)
        try:
            return await wait()
        finally:
            timer.cancel()
            if released:
                self.running += 1
