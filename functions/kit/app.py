"""`build_app`: assembles an app with the kit's errors, probes, logs, events and lifespan.

A service's `app.py` passes its own parts: tables, handlers, streams, background tasks.
`EXPOSED_API` determines which handlers are mounted: the public API, the internal one, or both.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Generic

from litestar import Litestar
from litestar.types import ControllerRouterHandler
from piccolo.table import Table

from functions.kit.base import logs, startup
from functions.kit.base.background import StoppableTask, stop_requested, wait_at_most
from functions.kit.base.clock import Clock, utc_now
from functions.kit.base.metrics import Metrics
from functions.kit.base.process import VERSION, Process
from functions.kit.base.settings import ServiceSettings
from functions.kit.base.tracing import tracer_of
from functions.kit.data import migrations, process_starts
from functions.kit.data.database import Database, bind
from functions.kit.data.engines import connect, database_url
from functions.kit.data.outages import Outages, is_transient
from functions.kit.events import dead_letters, inbox, relay
from functions.kit.events.catch_up import CatchUp
from functions.kit.events.feed import Feed, OwnedStream
from functions.kit.events.internal_secret import InternalSecret
from functions.kit.events.outbox import Outbox
from functions.kit.events.relay import Relay
from functions.kit.events.subscriptions import Subscriptions
from functions.kit.http import docs
from functions.kit.http.assembly import assemble
from functions.kit.http.client import lazy_client
from functions.kit.http.cors import Cors
from functions.kit.http.services import S, Services
from functions.kit.http.topics import Topic
from functions.kit.internal_api import health
from functions.kit.security.verifier import Verifier

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)

SHUTDOWN_FLUSH = 10.0
"""Seconds, at most, for the last flush of the outbox."""
BACKGROUND_PERIOD: float | None = 15.0
"""Seconds between two runs of the background tasks. A trigger runs them earlier; with None nothing
else does."""
LETTERS_PURGE_PERIOD = timedelta(hours=1)
"""Time between two searches for dead letters that are no longer kept."""

INTERNAL_TOPICS = (
    Topic("events", "CloudEvents from the broker.", ("events",)),
    Topic("internal", "What services and admins read of a service.", ("internal",)),
)

BackgroundTask = Callable[[Database], Awaitable[object]]


@dataclass
class Wiring:
    """The dependencies that a service's factories get from `build_app`."""

    database: Database
    outbox: Outbox
    clock: Clock
    http: "httpx.AsyncClient"
    metrics: Metrics
    run_background_tasks: Callable[[], None]
    """Runs them now, without reading the owners' feeds."""


@dataclass(frozen=True, kw_only=True)
class Service(Generic[S]):
    """The parts of an app that are specific to a service."""

    name: str
    description: str
    migrations: ModuleType
    tables: Sequence[type[Table]]
    public: Sequence[ControllerRouterHandler]
    """Handlers of the public API."""
    internal: Callable[[], Sequence[ControllerRouterHandler]] = tuple
    """Returns the service's own handlers of the internal API. It imports them, since a process of
    the public API alone does not need their modules."""
    streams: Sequence[OwnedStream] = ()
    subscriptions: Callable[[Wiring], Subscriptions] = lambda wiring: Subscriptions()
    """The consumed streams and their handlers."""
    owners: Mapping[str, str] = field(default_factory=dict)
    """Base URLs of the internal APIs of the consumed streams' owners, by name."""
    verifier: Callable[[Wiring], Verifier]
    services: Callable[[Services], S]
    """Extends the shared dependencies by the service's own."""
    background_tasks: Callable[[S], Sequence[BackgroundTask]] = lambda services: ()
    """Run at start, when triggered, and every `BACKGROUND_PERIOD` while the process is awake."""
    topics: Sequence[Topic] = ()
    """Groups of operations in the OpenAPI document."""
    warnings: Sequence[str] = ()
    """Logged at every start, for the operator."""
    audited: bool = False
    """Whether one of its background tasks runs an audit of its data (`data/audit_runs.py`)."""


def build_app(
    service: Service[S],
    settings: ServiceSettings,
    *,
    clock: Clock = utc_now,
    http: "httpx.AsyncClient | None" = None,
) -> Litestar:
    """An app. It shares no state with other apps, and opens nothing before its lifespan begins."""
    startup.mark("app")
    trigger = asyncio.Event()
    shared, outages = _shared(service, settings, clock, http, trigger)
    services = service.services(shared)
    return assemble(
        services,
        _handlers(service, settings),
        lifespan=_lifespan(service, services, outages, trigger, close_client=http is None),
        cors=Cors(
            settings.cors_origins if settings.exposed_api.public else "",
            credentials=settings.cors_credentials,
        ),
        openapi=docs.openapi_config(service.name, VERSION, service.description),
    )


def _shared(
    service: Service[S],
    settings: ServiceSettings,
    clock: Clock,
    http: "httpx.AsyncClient | None",
    trigger: asyncio.Event,
) -> tuple[Services, Outages]:
    """The dependencies that every service has, connected with each other."""
    tracer = tracer_of(settings)
    database = connect(database_url(service.name, settings), tracer=tracer)
    metrics = Metrics()
    if (pool := getattr(database, "pool", None)) is not None:
        pool.on_acquired = metrics.connection_wait.observe
    wiring = Wiring(
        database, Outbox(clock, metrics), clock, http or lazy_client(), metrics, trigger.set
    )
    feed = Feed({stream.name: stream for stream in service.streams})
    subscriptions = service.subscriptions(wiring)
    secret, outages = InternalSecret(settings.internal_secret), Outages(database)
    sender = Relay(
        database,
        settings.k_sink,
        feed.sources,
        clock=clock,
        metrics=metrics,
        http=http,
        secret=secret,
        outages=outages,
    )
    wiring.outbox.wake = sender.notify
    reader = CatchUp(
        database,
        subscriptions,
        service.owners,
        clock=clock,
        metrics=metrics,
        http=wiring.http,
        secret=secret,
        period=settings.catch_up_period,
        # Without a broker no events wake the other services, so reading does not either.
        at_start=not settings.k_sink,
        outages=outages,
    )

    def run_background_tasks() -> None:
        sender.notify()
        reader.notify()
        trigger.set()

    services = Services(
        name=service.name,
        settings=settings,
        clock=clock,
        database=database,
        http=wiring.http,
        metrics=metrics,
        tracer=tracer,
        verifier=service.verifier(wiring),
        outbox=wiring.outbox,
        relay=sender,
        feed=feed,
        subscriptions=subscriptions,
        catch_up=reader,
        internal_secret=secret,
        process=Process(settings.k_revision),
        migrations=service.migrations,
        audited=service.audited,
        run_background_tasks=run_background_tasks,
        topics=(*service.topics, *INTERNAL_TOPICS),
    )
    return services, outages


def _lifespan(
    service: Service[S],
    services: S,
    outages: Outages,
    trigger: asyncio.Event,
    *,
    close_client: bool,
) -> Callable[[Litestar], contextlib.AbstractAsyncContextManager[None]]:
    """Runs the migrations and the background tasks; on shutdown flushes the outbox."""
    database, settings = services.database, services.settings
    process, clock = services.process, services.clock
    is_start_recorded = False
    letters_purged_at: datetime | None = None

    async def record_start(database: Database) -> None:
        """Store the start of this process once, after it, because nobody waits for it."""
        nonlocal is_start_recorded
        if not is_start_recorded:
            await process_starts.record(database, process, settings.exposed_api, clock=clock)
            is_start_recorded = True

    async def clean(database: Database) -> None:
        """Purge old events. Also wake the relay: a killed process may have left unsent ones."""
        services.relay.notify()
        await relay.purge(database, clock=clock)
        await inbox.purge(database, clock=clock)
        nonlocal letters_purged_at
        if letters_purged_at is None or clock() - letters_purged_at >= LETTERS_PURGE_PERIOD:
            await dead_letters.purge(database, clock=clock)
            letters_purged_at = clock()

    @contextlib.asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        logs.configure(service.name, settings.log_level, settings.log_format)
        for warning in service.warnings:
            logger.warning("%s", warning)
        bind(database, service.tables)
        async with contextlib.AsyncExitStack() as stack:
            # Also closed if the start fails, because an open SQLite connection is a live thread.
            stack.push_async_callback(database.close)
            if close_client:
                stack.push_async_callback(services.http.aclose)
            await _prepare_schema(service, settings, database)
            own = [*service.background_tasks(services), clean, record_start]
            tasks = [
                StoppableTask(services.relay.run(), name="relay"),
                StoppableTask(
                    _run_background_tasks(services, own, trigger, outages), name="background tasks"
                ),
            ]
            if settings.exposed_api.internal and services.subscriptions.streams:
                tasks.append(StoppableTask(services.catch_up.run(), name="catch-up"))
            process.serving(clock)
            try:
                yield
            finally:
                services.stopping = True
                ending = [*[task.stop() for task in tasks], *services.measuring]
                for measuring in services.measuring:
                    measuring.cancel()
                await asyncio.gather(*ending, return_exceptions=True)
                await _last_flush(services.relay)
                await services.relay.http_sender.close()

    return lifespan


def _handlers(service: Service[S], settings: ServiceSettings) -> Sequence[ControllerRouterHandler]:
    """The mounted handlers."""
    handlers: list[ControllerRouterHandler] = [health.root, *health.PROBES]
    if settings.exposed_api.public:
        handlers += [*docs.HANDLERS, *service.public]
    if settings.exposed_api.internal:
        # Imported late: a process of the public API alone does not need these modules.
        from functions.kit.internal_api import handlers as internal  # noqa: PLC0415

        handlers += [health.metrics, *docs.INTERNAL_HANDLERS, *internal.HANDLERS]
        handlers += service.internal()
    return handlers


async def _prepare_schema(
    service: Service[S], settings: ServiceSettings, database: Database
) -> None:
    if not settings.database_url:
        logger.warning(
            "DATABASE_URL is not set: using the embedded SQLite file .bookstore/%s.db",
            service.name,
        )
    embedded = database.backend == "sqlite" and not settings.production
    if settings.auto_migrate if settings.auto_migrate is not None else embedded:
        await migrations.migrate(database, migrations.load(service.migrations))


async def _run_background_tasks(
    services: Services,
    tasks: Sequence[BackgroundTask],
    trigger: asyncio.Event,
    outages: Outages,
) -> None:
    database = services.database
    while not stop_requested():
        trigger.clear()  # before the tasks, so that a trigger during them causes another run
        for number, run in enumerate(tasks, 1):
            if stop_requested():
                return
            name = f"background task {number} ({run.__name__})"
            try:
                with services.process.task(run.__name__, services.clock):
                    await run(database)
            except Exception as error:  # noqa: BLE001 - a failure must not stop the other tasks
                outages.report(name, error)
                if is_transient(database, error):
                    break  # the others would fail for the same reason
            else:
                outages.recovered(name)
        await wait_at_most(trigger, BACKGROUND_PERIOD)


async def _last_flush(sender: Relay) -> None:
    try:
        async with asyncio.timeout(SHUTDOWN_FLUSH):
            await sender.flush()
    except Exception as error:  # noqa: BLE001 - the next process sends the remaining events
        logger.warning("unsent events remain in the outbox; the next start sends them: %r", error)
