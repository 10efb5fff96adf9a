"""The first connection of a process is attempted in staggered parallel."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.kit.mysql.errors import CannotConnect
from functions.kit.mysql.staggered import DELAYS, first_of
from tests.kit.mysql.conftest import MakeEngine

AT_ONCE = (0.0, 0.0, 0.0)


class Attempts:
    """Attempts that end as planned: `None` never ends, an error is raised, a name is the result."""

    def __init__(self, *plans: str | Exception | None) -> None:
        self.plans = plans
        self.started = 0
        self.all_started = asyncio.Event()
        self.cancelled = 0
        self.closed: list[str] = []

    async def __call__(self, answered: asyncio.Event) -> str:
        plan = self.plans[self.started]
        self.started += 1
        if self.started == len(self.plans):
            self.all_started.set()
        if plan is None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        if isinstance(plan, Exception):
            raise plan
        assert isinstance(plan, str)
        return plan


@given(st.integers(0, 3), st.booleans())
def test_the_first_attempt_that_succeeds_wins(silent: int, fails_after: bool) -> None:
    """Silent attempts are cancelled, and no attempt starts after a success."""
    attempts = Attempts(*[None] * silent, "won", *[OSError() if fails_after else None] * 3)

    won = asyncio.run(first_of(attempts, attempts.closed.append, delays=AT_ONCE))

    assert (won, attempts.started, attempts.cancelled) == ("won", silent + 1, silent)
    assert attempts.closed == []


async def test_a_second_success_is_closed() -> None:
    """Of two attempts that succeed together, the later one's result is closed."""
    together = asyncio.Barrier(2)
    names = iter("ab")
    closed: list[str] = []

    async def attempt(answered: asyncio.Event) -> str:
        name = next(names)
        await together.wait()
        return name

    won = await first_of(attempt, closed.append, delays=AT_ONCE[:1])

    assert sorted([won, *closed]) == ["a", "b"]


async def test_an_error_is_raised_when_no_attempt_is_left() -> None:
    """The first error ends the start of further attempts; a silent one is still waited for."""
    refused = ConnectionRefusedError("nobody listens")
    attempts = Attempts(refused)

    with pytest.raises(ConnectionRefusedError) as caught:
        await first_of(attempts, attempts.closed.append, delays=(60.0,))

    assert (caught.value, attempts.started) == (refused, 1)


async def test_an_answer_ends_the_start_of_further_attempts() -> None:
    """A peer that has answered gets the time it needs."""
    starts = 0
    started, go_on = asyncio.Event(), asyncio.Event()

    async def attempt(answered: asyncio.Event) -> str:
        nonlocal starts
        starts += 1
        answered.set()
        started.set()
        await go_on.wait()
        return "won"

    race = asyncio.ensure_future(first_of(attempt, lambda unused: None, delays=(60.0, 60.0)))
    await started.wait()
    go_on.set()

    assert (await race, starts) == ("won", 1)


async def test_a_cancelled_race_leaves_no_attempt() -> None:
    """Its attempts are cancelled and have ended before the cancellation is passed on."""
    attempts = Attempts(None, None, None, None)
    race = asyncio.ensure_future(first_of(attempts, attempts.closed.append, delays=AT_ONCE))
    await attempts.all_started.wait()

    race.cancel()
    with suppress(asyncio.CancelledError):
        await race

    assert attempts.cancelled == 4


@given(steps=st.integers(0, 12), take=st.lists(st.integers(0, 4), min_size=4, max_size=4))
def test_a_cancelled_race_loses_no_connection(steps: int, take: list[int]) -> None:
    """Whenever it is cancelled, each connection is either its result or is closed."""
    opened: list[int] = []
    closed: list[int] = []
    plans = iter(take)

    async def attempt(answered: asyncio.Event) -> int:
        for _ in range(next(plans)):
            await asyncio.sleep(0)
        opened.append(len(opened))
        return opened[-1]

    async def race_and_cancel() -> list[int]:
        race = asyncio.ensure_future(first_of(attempt, closed.append, delays=AT_ONCE))
        for _ in range(steps):
            await asyncio.sleep(0)
        race.cancel()
        (result,) = await asyncio.gather(race, return_exceptions=True)
        return [result] if isinstance(result, int) else []

    kept = asyncio.run(race_and_cancel())

    assert sorted([*kept, *closed]) == opened


class SilentAtFirst:
    """Accepts connections; the first ones get no answer, later ones reach the server."""

    def __init__(self, url: str, silent: int) -> None:
        server = urlsplit(url)
        self._host, self._port = server.hostname or "", server.port or 3306
        self.silent = silent
        self.connections: list[asyncio.Task[None]] = []
        """Each ends when the client closes its side."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[int]:
        """The port it listens on."""
        listening = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        async with listening:
            yield listening.sockets[0].getsockname()[1]

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_silent = len(self.connections) < self.silent
        forward = self._hold if is_silent else self._forward
        self.connections.append(asyncio.ensure_future(forward(reader, writer)))

    async def _hold(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await reader.read()
        writer.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, to_upstream = await asyncio.open_connection(self._host, self._port)
        await asyncio.gather(_copy(reader, to_upstream), _copy(upstream, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@pytest.mark.parametrize("silent", range(1, len(DELAYS) + 1))
async def test_a_lost_connection_attempt_does_not_hold_the_first_statement_up(
    make_engine: MakeEngine, url: str, silent: int
) -> None:
    """The first statement is answered though the first connections are not."""
    proxy = SilentAtFirst(url, silent)
    async with proxy.running() as port:
        engine = make_engine(host="127.0.0.1", port=port, connect_timeout=30.0)

        await engine.ping()

        # On a slow machine a further attempt may have started before the greeting came.
        assert silent < len(proxy.connections) <= 1 + len(DELAYS)
        await engine.close_connection_pool()
        await asyncio.gather(*proxy.connections)


async def test_attempts_take_no_more_places_than_the_pool_has(
    make_engine: MakeEngine, url: str
) -> None:
    """A pool of one connection attempts one at a time, within the one deadline."""
    proxy = SilentAtFirst(url, 99)
    async with proxy.running() as port:
        engine = make_engine(host="127.0.0.1", port=port, connect_timeout=1.0, pool_size=1)

        with pytest.raises(CannotConnect, match="no answer from"):
            await engine.ping()

        assert len(proxy.connections) == 1
        await asyncio.gather(*proxy.connections)


async def test_only_the_first_connection_is_attempted_more_than_once(
    make_engine: MakeEngine, url: str
) -> None:
    """Once the server has been reached, a silent connection is one attempt, up to its deadline."""
    proxy = SilentAtFirst(url, 0)
    async with proxy.running() as port:
        engine = make_engine(host="127.0.0.1", port=port, connect_timeout=1.0, max_age=1e-9)
        await engine.ping()
        before = len(proxy.connections)
        proxy.silent = 99

        with pytest.raises(CannotConnect, match="no answer from"):
            await engine.ping()

        assert len(proxy.connections) == before + 1
        await asyncio.gather(*proxy.connections)
