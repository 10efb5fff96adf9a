"""Refreshes the gauges of the database and its pool, for `/metrics` and for each export.

Those of the database hold for every process of a service, and each reports the same.
"""

import logging
from typing import TYPE_CHECKING, Any

from functions.kit.base import startup
from functions.kit.base.metrics import Instrument
from functions.kit.http.services import AppServices, Services

if TYPE_CHECKING:
    from datetime import datetime


logger = logging.getLogger(__name__)

REFRESH_LIMIT = 5.0
"""Seconds for the gauges that are read from the database."""


def measure_process(services: AppServices) -> None:
    """What is known without the database. The start is measured once, also without a trace."""
    metrics = services.metrics
    if services.tracer is not None:
        metrics.dropped_spans.set(services.tracer.dropped)
    if not metrics.init_duration.series and (seconds := startup.seconds()) is not None:
        metrics.init_duration.observe(seconds)


async def refresh(services: AppServices) -> None:
    """Raises the database's errors, after which `leave_out_database` is due."""
    measure_process(services)
    if isinstance(services, Services):
        from functions.kit.events import dead_letters  # noqa: PLC0415 - the storefront has none

        _measure_pool(services)
        await services.relay.measure()
        services.metrics.dead_letters.set(await dead_letters.count_waiting(services.database))
        await _measure_streams(services)
        await _measure_audit(services)
        await _measure_backup(services)
        services.metrics.database_is_read = True


def leave_out_database(services: AppServices, error: BaseException) -> None:
    """End the series that could not be read, and say so once until they can be."""
    was_read = services.metrics.delete_database_series()
    message = "metrics of the database are left out until it can be read: %r"
    logger.log(logging.WARNING if was_read else logging.DEBUG, message, error)


def _measure_pool(services: Services) -> None:
    """SQLite has no pool."""
    pool: Any = getattr(services.database, "pool", None)
    if pool is None:
        return
    found, metrics = pool.statistics(), services.metrics
    metrics.connections.labels("idle").set(found.idle)
    metrics.connections.labels("used").set(found.in_use)
    metrics.connections_max.set(found.size)
    metrics.connections_pending.set(found.pending)
    metrics.connection_timeouts.set(found.timeouts)


async def _measure_streams(services: Services) -> None:
    from functions.kit.events import stream_reads  # noqa: PLC0415 - the storefront reads none

    sources = [stream.source for stream in services.subscriptions.streams]
    found = await stream_reads.positions(services.database, sources)
    services.metrics.stream_lag.replace(
        {(source,): each.lag for source, each in found.items() if each.lag is not None}
    )
    now = services.clock()
    services.metrics.stream_behind.replace(
        {
            (source,): _age(each.contacted_at, now)
            for source, each in found.items()
            if each.contacted_at is not None
        }
    )


async def _measure_audit(services: Services) -> None:
    if not services.audited:
        return
    from functions.kit.data import audit_runs  # noqa: PLC0415 - not every service has an audit

    run = await audit_runs.last_finished(services.database)
    if run is None:
        return
    found: dict[tuple[str, ...], float] = {(each.invariant,): each.count for each in run.breaches}
    services.metrics.audit_violations.replace(found or {("",): 0.0})
    services.metrics.audit_age.set(_age(run.finished_at, services.clock()))


async def _measure_backup(services: Services) -> None:
    from functions.kit.data import backups  # noqa: PLC0415 - the storefront has no database

    backup = await backups.last(services.database)
    age: Instrument = services.metrics.backup_age
    age.replace({} if backup is None else {(): _age(backup.finished_at, services.clock())})


def _age(moment: "datetime", now: "datetime") -> float:
    """In seconds; 0 for a moment that another clock puts into the future."""
    return max(0.0, (now - moment).total_seconds())
