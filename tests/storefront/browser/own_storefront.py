"""A storefront of its own in a thread, with a clock that is told and gates before the services.

The services behind the gates are the processes of the running shop. A gate is open, refuses
connections, holds every answer back for ever, or cuts the connection once its answer is there.
"""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any, TypeVar
from urllib.parse import urlsplit

import uvicorn

from functions.kit.start.serve import SETTINGS
from functions.storefront.app import create_app
from functions.storefront.settings import StorefrontSettings
from tests.journeys.shop_in_process import SERVICES
from tests.servers.programs import free_port
from tests.storefront.browser.running import RunningShop
from tests.support.clock import FakeClock

T = TypeVar("T")

KEY, OTHER_KEY = "of-tests-only-" + "0" * 32, "of-tests-too-" + "1" * 32
LIMIT = "6"
"""Seconds that a page waits for a service: enough for a password to be hashed on a busy machine."""


class State(Enum):
    OPEN = "open"
    REFUSING = "refusing"
    HANGING = "hanging"
    CUTTING = "cutting"


class Gate:
    """Before one service."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self.state = State.OPEN
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        inner: asyncio.StreamWriter | None = None
        try:
            if self.state is State.REFUSING:
                return
            answers, inner = await asyncio.open_connection(self._host, self._port)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._requests(reader, inner))
                both.create_task(self._answers(answers, writer))
        except* (OSError, _Cut):
            pass
        finally:
            writer.transport.abort()
            if inner is not None:
                inner.transport.abort()

    async def _requests(self, reader: asyncio.StreamReader, inner: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if self.state is State.REFUSING:
                break
            inner.write(data)
            await inner.drain()
        raise _Cut

    async def _answers(self, answers: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await answers.read(65_536):
            if self.state is State.HANGING:
                await asyncio.get_running_loop().create_future()
            if self.state is State.CUTTING:
                break
            writer.write(data)
            await writer.drain()
        raise _Cut


class _Cut(Exception):
    """The connection ends."""


class OwnStorefront:
    def __init__(self, shop: RunningShop, clock: FakeClock) -> None:
        self.clock = clock
        self.gates = {name: Gate(shop.url(name)) for name in SERVICES}
        self.port = free_port()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def open(self) -> None:
        self._thread.start()
        for gate in self.gates.values():
            self._do(gate.start())
        self.start()

    def close(self) -> None:
        self.stop()
        for gate in self.gates.values():
            self._do(gate.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def start(self, keys: str = KEY) -> None:
        self._do(self._start(keys))

    def stop(self) -> None:
        self._do(self._stop())

    @contextmanager
    def failing(self, name: str, state: State) -> Iterator[None]:
        """One service is away, in one way, for a while."""
        self.gates[name].state = state
        try:
            yield
        finally:
            self.gates[name].state = State.OPEN

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _start(self, keys: str) -> None:
        addresses = {
            f"{name.upper()}_URL": f"http://127.0.0.1:{gate.port}"
            for name, gate in self.gates.items()
        }
        environ = {"SESSION_KEYS": keys, "SERVICE_TIMEOUT_SECONDS": LIMIT, **addresses}
        app = create_app(StorefrontSettings.from_mapping(environ), clock=self.clock)
        config = uvicorn.Config(
            app, host="127.0.0.1", port=self.port, timeout_graceful_shutdown=1, **_PLAIN
        )
        self._server = _Server(config)
        self._serving = asyncio.create_task(self._server.serve())
        while not self._server.started:
            assert not self._serving.done(), self._serving
            await asyncio.sleep(0.01)  # uvicorn announces it by this attribute alone

    async def _stop(self) -> None:
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            with contextlib.suppress(asyncio.CancelledError):
                await self._serving
            self._server = self._serving = None


_PLAIN = {**SETTINGS, "http": "h11"}
"""The limits of `BoundedProtocol` belong to a process, which is not started here."""


class _Server(uvicorn.Server):
    """Outside the main thread no signal can be handled."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
