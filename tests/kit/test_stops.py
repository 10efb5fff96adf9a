"""A stop ends the tasks of an app, at whatever moment it comes."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from functions.kit.base.background import StoppableTask, stop_requested, wait_at_most
from functions.kit.base.process import Process, TaskResult
from functions.kit.data.database import Database
from tests.kit import sample
from tests.support.apps import serving
from tests.support.clock import FakeClock
from tests.support.tokens import Issuer

TURNS = range(-15, 20)
"""Of the event loop, between what wakes the tasks and the request to stop; negative ones after it.
It takes a few turns from the request until the tasks are cancelled."""
STOP_SECONDS = 60
"""Far more than a stop takes: only a lost cancellation exceeds it."""


async def _quick(_: Database) -> None:
    """Ends at once."""


async def _loses_cancellation(_: Database) -> None:
    """As a library does that drops it."""
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


async def _fails_when_cancelled(_: Database) -> None:
    """As a group of tasks does, one of which fails while it is cancelled."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        raise KeyError("title") from None


async def _idle(process: Process) -> None:
    """The background tasks have run, and wait."""
    runs = process.tasks
    while "record_start" not in runs or runs["record_start"].result is TaskResult.RUNNING:  # noqa: ASYNC110
        await asyncio.sleep(0)
    await _turns(5)


async def _turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


@pytest.mark.parametrize("answer", [202, 503])
@pytest.mark.parametrize("turns", TURNS)
async def test_an_app_stops_at_any_moment_after_its_tasks_were_woken(
    tmp_path: Path, clock: FakeClock, issuer: Issuer, turns: int, answer: int
) -> None:
    """With a broker that accepts events, and with one whose refusals the relay waits out."""
    app = sample.create_app(
        f"sqlite:///{tmp_path}/sample.db",
        clock=clock,
        http=issuer.wire(lambda _: httpx.Response(answer)),
        environ={"K_SINK": "http://broker.test"},
        background_tasks=lambda _: [_quick],
    )
    async with asyncio.timeout(STOP_SECONDS), serving(app):
        services = app.state.services
        await sample.write_note(services.database, "a", outbox=services.outbox)
        await _idle(services.process)

        async def wake() -> None:
            await _turns(-turns)
            services.run_background_tasks()

        waking = asyncio.create_task(wake())
        await _turns(turns)
    await waking


@pytest.mark.parametrize("task", [_loses_cancellation, _fails_when_cancelled])
async def test_an_app_stops_though_a_task_loses_the_cancellation(
    tmp_path: Path,
    clock: FakeClock,
    issuer: Issuer,
    task: Callable[[Database], Awaitable[None]],
) -> None:
    """The tasks after it, and its own next run, are not begun."""
    began, begun_later = asyncio.Event(), []

    async def first(database: Database) -> None:
        began.set()
        await task(database)

    async def later(_: Database) -> None:
        begun_later.append(1)

    app = sample.create_app(
        f"sqlite:///{tmp_path}/sample.db",
        clock=clock,
        http=issuer.wire(),
        background_tasks=lambda _: [first, later],
    )
    async with asyncio.timeout(STOP_SECONDS), serving(app):
        await began.wait()

    assert begun_later == []


async def _fail_late() -> None:
    """When the group already waits for its tasks."""
    await _turns(3)
    raise OSError


async def test_a_group_of_tasks_that_fails_does_not_end_the_background_tasks(
    tmp_path: Path, clock: FakeClock, issuer: Issuer
) -> None:
    """Python leaves the task that waited marked as being cancelled; it runs the next time too."""
    runs: asyncio.Queue[int] = asyncio.Queue()

    async def grouped(_: Database) -> None:
        runs.put_nowait(1)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_fail_late())

    app = sample.create_app(
        f"sqlite:///{tmp_path}/sample.db",
        clock=clock,
        http=issuer.wire(),
        background_tasks=lambda _: [grouped],
    )
    async with asyncio.timeout(STOP_SECONDS), serving(app):
        await _idle(app.state.services.process)
        for _ in range(3):
            await runs.get()
            app.state.services.run_background_tasks()


@pytest.mark.parametrize("turns", range(6))
async def test_waiting_keeps_a_cancellation_that_comes_with_the_event(turns: int) -> None:
    """The task ends, or knows that it should."""
    event, going_on = asyncio.Event(), []

    async def wait() -> None:
        await wait_at_most(event, 3600)
        going_on.append(not stop_requested())

    waiting = StoppableTask(wait(), name="waiting")
    await asyncio.sleep(0)
    event.set()
    await _turns(turns)
    was_done = bool(going_on)
    await asyncio.wait([waiting.stop()])

    assert was_done or True not in going_on


async def test_a_stop_reaches_the_tasks_that_were_started_meanwhile() -> None:
    """And no other task."""
    seen = []

    async def child() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        seen.append(stop_requested())

    async def parent() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(child())

    other = StoppableTask(child(), name="other")
    stopped = StoppableTask(parent(), name="stopped")
    await _turns(3)
    await asyncio.wait([stopped.stop()])
    stopped_first, seen[:] = seen[:], []
    await asyncio.wait([other.stop()])

    assert (stopped_first, seen, stop_requested()) == ([True], [True], False)


async def test_waiting_says_whether_the_event_is_set() -> None:
    """A limit of zero does not wait."""
    event = asyncio.Event()

    assert not await wait_at_most(event, 0)
    event.set()
    assert await wait_at_most(event, None)
