"""`GET /internal/status`: how a service is doing, for its operators. Part of the internal API.

The members `process`, `tasks` and `pool` are facts of the process that answers. All others are read
from the database, and hold for every replica and both APIs. The answer holds no data of customers,
and no secret: of an error only the type is given, because its text may quote both.
"""

from datetime import datetime
from typing import Any

import msgspec
from litestar import get
from piccolo.querystring import QueryString

from functions.kit.base.process import VERSION
from functions.kit.data import audit_runs, backups, migrations, process_starts
from functions.kit.data.audit_runs import AuditRun
from functions.kit.data.backups import Backup
from functions.kit.data.database import Database
from functions.kit.data.process_starts import StartsOfADay
from functions.kit.events import dead_letters, stream_reads
from functions.kit.events.dead_letters import Waiting
from functions.kit.events.stream_reads import StreamPosition
from functions.kit.events.subscriptions import Stream
from functions.kit.http.guards import admin
from functions.kit.http.problems import problems
from functions.kit.http.requests import AnyRequest
from functions.kit.http.services import Services, services_of


class ProcessStatus(msgspec.Struct, frozen=True, kw_only=True):
    """This process; another replica answers with its own."""

    version: str
    revision: str
    """Knative's name of the revision; empty outside of Knative."""
    exposed_api: str
    started_at: datetime | None
    start_seconds: float | None
    """From the creation of the process until it served; null where the system does not say."""


class TaskStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The last run of a background task in this process."""

    name: str
    started_at: datetime
    result: str
    seconds: float | None
    error: str | None
    """The type of the error; its text is in the log."""
    failures: int
    """Consecutive failures."""
    succeeded_at: datetime | None


class PoolStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The connections of this process to its database."""

    size: int
    in_use: int
    """Including the one that this answer uses."""
    idle: int
    waits: int
    """Statements that had to wait for a connection since the start."""
    timeouts: int
    """Those that got none in time: their requests were answered 503."""
    longest_wait_seconds: float


class SchemaStatus(msgspec.Struct, frozen=True, kw_only=True):
    applied: list[str]
    """Names of the applied migrations that this release knows."""
    pending: list[str]
    """Those that this release needs and the database lacks."""
    newer: list[int]
    """Numbers of migrations that a newer release has applied."""
    last_applied_at: datetime | None


class OutboxStatus(msgspec.Struct, frozen=True, kw_only=True):
    unsent: int
    oldest_seconds: float
    has_broker: bool
    """Without a broker events are not sent: consumers read the feed."""


class PublishedStream(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    source: str
    head: int
    """Sequence of the newest event."""
    floor: int
    """Sequence after which the feed begins."""


class ConsumedStream(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    source: str
    owner: str
    position: int
    """Every event up to this sequence was read."""
    seen: int
    """The highest sequence that has arrived; there is a gap if it is greater."""
    head: int | None
    """The owner's newest sequence, as the last read of its feed found it."""
    lag: int | None
    """Events that are known and not read."""
    restoring: bool
    """Whether the projection is being replaced by the owner's snapshot."""
    contacted_at: datetime | None
    """When the owner's feed was last read."""
    gaps_seen: int
    gaps_repaired: int
    events_read: int
    """Events that took effect by reading the feed, instead of by delivery."""
    restores: int
    failed_at: datetime | None
    """When the last read failed, until one succeeds."""
    failure: str | None


class OperationalStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a service is doing."""

    service: str
    checked_at: datetime
    database: str
    """`mysql` or `sqlite`."""
    process: ProcessStatus
    tasks: list[TaskStatus]
    pool: PoolStatus | None
    """Null for SQLite, which has no pool."""
    schema: SchemaStatus
    outbox: OutboxStatus
    published: list[PublishedStream]
    consumed: list[ConsumedStream]
    dead_letters: Waiting
    starts: StartsOfADay
    audited: bool
    """Whether this service runs an audit."""
    audit: AuditRun | None
    """The last audit; null where none was run yet."""
    backup: Backup | None
    """The last good backup of the database; null where none is known."""


@get("/internal/status", guards=[admin], responses=problems(503))
async def status(request: AnyRequest) -> OperationalStatus:
    """How the service is doing: outbox, streams, dead letters, tasks, audit, backup, starts.

    To ask wakes a service that is scaled to zero.
    """
    services = services_of(request, Services)
    database, clock = services.database, services.clock
    backlog = await services.relay.measure()
    return OperationalStatus(
        service=services.name,
        checked_at=clock(),
        database=database.backend,
        process=_process(services),
        tasks=_tasks(services),
        pool=_pool(database),
        schema=await _schema(services),
        outbox=OutboxStatus(
            unsent=backlog.unsent,
            oldest_seconds=backlog.oldest_seconds,
            has_broker=bool(services.settings.k_sink),
        ),
        published=await _published(services),
        consumed=await _consumed(services),
        dead_letters=await dead_letters.waiting(database),
        starts=await process_starts.of_a_day(database, clock=clock),
        audited=services.audited,
        audit=await audit_runs.last(database),
        backup=await backups.last(database),
    )


def _process(services: Services) -> ProcessStatus:
    process = services.process
    return ProcessStatus(
        version=VERSION,
        revision=process.revision,
        exposed_api=str(services.settings.exposed_api),
        started_at=process.started_at,
        start_seconds=process.start_seconds,
    )


def _tasks(services: Services) -> list[TaskStatus]:
    return [
        TaskStatus(
            name=run.name,
            started_at=run.started_at,
            result=str(run.result),
            seconds=run.seconds,
            error=run.error,
            failures=run.failures,
            succeeded_at=run.succeeded_at,
        )
        for run in services.process.tasks.values()
    ]


def _pool(database: Database) -> PoolStatus | None:
    pool: Any = getattr(database, "pool", None)
    if pool is None:
        return None
    found = pool.statistics()
    return PoolStatus(
        size=found.size,
        in_use=found.in_use,
        idle=found.idle,
        waits=found.waits,
        timeouts=found.timeouts,
        longest_wait_seconds=found.longest_wait,
    )


async def _schema(services: Services) -> SchemaStatus:
    known = {each.version: each for each in migrations.load(services.migrations)}
    rows = await services.database.execute(
        QueryString("SELECT version, applied_at FROM schema_version ORDER BY version")
    )
    applied = [row["version"] for row in rows.rows]
    return SchemaStatus(
        applied=[_name(known[version]) for version in applied if version in known],
        pending=[_name(each) for version, each in known.items() if version not in applied],
        newer=[version for version in applied if version not in known],
        last_applied_at=max((row["applied_at"] for row in rows.rows), default=None),
    )


def _name(migration: migrations.Migration) -> str:
    return f"{migration.version:04d}_{migration.name}"


async def _published(services: Services) -> list[PublishedStream]:
    outcome = await services.database.execute(
        QueryString("SELECT source, head, floor FROM outbox_streams ORDER BY source")
    )
    rows = {row["source"]: row for row in outcome.rows}
    return [
        PublishedStream(
            name=stream.name,
            source=stream.source,
            head=rows[stream.source]["head"] if stream.source in rows else 0,
            floor=rows[stream.source]["floor"] if stream.source in rows else 0,
        )
        for stream in services.feed.streams.values()
    ]


async def _consumed(services: Services) -> list[ConsumedStream]:
    streams = services.subscriptions.streams
    positions = await stream_reads.positions(services.database, [each.source for each in streams])
    return [_stream(stream, positions[stream.source]) for stream in streams]


def _stream(stream: Stream, found: StreamPosition) -> ConsumedStream:
    read = found.read
    return ConsumedStream(
        name=stream.name,
        source=stream.source,
        owner=stream.owner,
        position=found.position,
        seen=found.seen,
        head=found.head,
        lag=found.lag,
        restoring=found.restoring,
        contacted_at=found.contacted_at,
        gaps_seen=read.get("gaps_seen", 0),
        gaps_repaired=read.get("gaps_repaired", 0),
        events_read=read.get("events_read", 0),
        restores=read.get("restores", 0),
        failed_at=read.get("failed_at"),
        failure=read.get("failure"),
    )


HANDLERS = (status,)
