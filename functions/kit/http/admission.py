"""How many requests the app works on at a time; the others wait in a bounded queue, first come.

With thousands of requests side by side each would be slow, and the probes as slow as the rest. A
request beyond the queue, or that has waited for too long, is refused with 503 and Retry-After.
Probes never wait. A request that waits for its client (the rest of its body, a client that reads
slowly) gives its place to another one, so slow clients do not hold up the shop.
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

AT_A_TIME = 100
"""Requests that the app works on; more than any `containerConcurrency` of a manifest."""
QUEUE = 2000
"""Requests that wait."""
QUEUE_SECONDS = 10.0
"""How long a request waits before it is refused."""
CLIENT_SECONDS = 0.1
"""How long a request keeps its place while it waits for its client."""
LARGE_PIECE = 64 * 1024
"""Bytes of an answer that the socket may not take at once."""

PROBES = frozenset({"/livez", "/readyz"})


class Overloaded(Unavailable):
    code = "overloaded"
    title = "The service has more requests than it can serve"
    error = Text("Servicio saturado", "Service overloaded")


class Admission:
    """Around the routes of one app, and inside of what every answer carries."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.running = 0
        self._queue: deque[asyncio.Future[bool]] = deque()
        """Of each request that waits, whether it is admitted."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["path"] in PROBES:
            await self.app(scope, receive, send)
            return
        if not await self._admit(scope):
            request = JSONRequest(scope, receive, send)
            refusal = Overloaded("Wait for the seconds of Retry-After, then try again.",
                                 retry_after=2)  # fmt: skip
            response = problem_response(request, refusal)
            await response.to_asgi_response(app=None, request=request)(scope, receive, send)
            return

        async def receive_aside() -> HTTPReceiveMessage | Any:
            return await self._aside(receive)

        async def send_aside(message: Message) -> None:
            piece = message.get("body")
            large = isinstance(piece, bytes) and len(piece) >= LARGE_PIECE
            if large or message.get("more_body"):
                await self._aside(lambda: send(message))
            else:
                await send(message)

        try:
            await self.app(scope, receive_aside, send_aside)
        finally:
            self._leave()

    async def _admit(self, scope: Scope) -> bool:
        """Take a place; False where there will be none."""
        if self.running < AT_A_TIME:
            self.running += 1
            return True
        connection: Any = (scope.get("extensions") or {}).get("bookstore.connection", {})
        if len(self._queue) >= QUEUE or not connection.get("may_wait", True):
            return False
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        self._queue.append(turn)
        timer = loop.call_later(QUEUE_SECONDS, self._give_up, turn)
        try:
            admitted = await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self._leave()
            raise
        finally:
            timer.cancel()
        is_open = connection.get("is_open")
        if admitted and is_open is not None and not is_open():
            self._leave()  # nobody would read the answer
            return False
        return admitted

    def _give_up(self, turn: "asyncio.Future[bool]") -> None:
        if not turn.done():
            turn.set_result(False)
            self._queue.remove(turn)

    def _leave(self) -> None:
        self.running -= 1
        while self._queue and self.running < AT_A_TIME:
            turn = self._queue.popleft()
            if not turn.done():
                self.running += 1
                turn.set_result(True)

    async def _aside(self, wait: Callable[[], Awaitable[T]]) -> T:
        """Wait for the client, for longer than a moment without a place.

        Afterwards the request goes on without a queue: it may hold what others wait for.
        """
        left = False

        def leave() -> None:
            nonlocal left
            left = True
            self._leave()

        timer = asyncio.get_running_loop().call_later(CLIENT_SECONDS, leave)
        try:
            return await wait()
        finally:
            timer.cancel()
            if left:
                self.running += 1
