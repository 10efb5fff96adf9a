"""Starts the export of spans after the first response, and ends it with the app.

The exporter (`base/otlp.py`) is imported in a thread after the first request that is no probe, so
that it delays neither the start nor that request. A process that ends before exports as well.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from litestar import Litestar

from functions.kit.base.background import wait_at_most
from functions.kit.base.tracing import Tracer, tracing
from functions.kit.http.measuring import (
    REFRESH_LIMIT,
    leave_out_database,
    measure_process,
    refresh,
)
from functions.kit.http.services import AppServices

if TYPE_CHECKING:
    from functions.kit.base.otlp import Exporter

IDLE_START = 10.0
"""Seconds after which the exporter is started without a request: the relay and the catch-up record
spans too."""


def exporting(
    services: AppServices, tracer: Tracer
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """A lifespan around the app's own, so that the last flush of the outbox is exported too."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        waiting = asyncio.create_task(_start_later(services, tracer), name="start of the exporter")
        try:
            with tracing(tracer):
                yield
        finally:
            waiting.cancel()
            (exporter,) = await asyncio.gather(waiting, return_exceptions=True)
            if isinstance(exporter, BaseException):
                exporter = await asyncio.to_thread(
                    _start, services, tracer, asyncio.get_running_loop()
                )
            await asyncio.to_thread(exporter.stop)

    return lifespan


async def _start_later(services: AppServices, tracer: Tracer) -> "Exporter":
    await wait_at_most(tracer.answered, IDLE_START)
    loop = asyncio.get_running_loop()
    return await asyncio.shield(asyncio.to_thread(_start, services, tracer, loop))


async def _refresh(services: AppServices) -> None:
    if services.stopping:  # since the exporter looked, in its own thread
        return
    task = asyncio.ensure_future(refresh(services))
    services.measuring.add(task)
    task.add_done_callback(services.measuring.discard)
    await task


def _start(services: AppServices, tracer: Tracer, loop: asyncio.AbstractEventLoop) -> "Exporter":
    from functions.kit.base.otlp import Exporter  # noqa: PLC0415 - after the first response

    def measure() -> list[dict[str, Any]]:
        """The metrics. Without those of the database if it is away; up to date unless the app is
        at its end."""
        measure_process(services)
        if not services.stopping:
            refreshing = _refresh(services)
            try:
                refreshed = asyncio.run_coroutine_threadsafe(refreshing, loop)
            except RuntimeError:  # the loop was closed since
                refreshing.close()
                return services.metrics.otlp()
            try:
                refreshed.result(REFRESH_LIMIT)
            except Exception as error:  # noqa: BLE001 - other metrics are exported all the same
                refreshed.cancel()
                if not services.stopping:
                    leave_out_database(services, error)
        return services.metrics.otlp()

    exporter = Exporter(services.name, services.settings, tracer, measure)
    exporter.start()
    return exporter
