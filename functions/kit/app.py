"""`build_app`: the same problems, probes, logs, events and lifespan for every service.

A service's own `app.py` says what is its own: tables, handlers, streams, what is due when it is
poked. Which doors are opened decides what is mounted: the public API, or events and feeds.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any

from litestar import Litestar, Response, route
from litestar.datastructures import State
from litestar.events import BaseEventEmitterBackend
from litestar.handlers import HTTPRouteHandler
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin
from litestar.types import ControllerRouterHandler
from piccolo.table import Table

from functions.kit.base import logs
from functions.kit.base.clock import Clock, utc_now
from functions.kit.base.settings import ServiceSettings
from functions.kit.base.telemetry import Metrics
from functions.kit.data import migrations
from functions.kit.data.database import Database, bind, connect
from functions.kit.data.outages import Outages, is_transient
from functions.kit.events import inbox, relay
from functions.kit.events.catch_up import CatchUp
from functions.kit.events.feed import Feed, OwnedStream
from functions.kit.events.internal_secret import InternalSecret
from functions.kit.events.outbox import Outbox
from functions.kit.events.relay import Relay
from functions.kit.events.subscriptions import Subscriptions
from functions.kit.http import docs, parameters
from functions.kit.http.admission import Admission
from functions.kit.http.client import lazy_client
from functions.kit.http.cors import Cors
from functions.kit.http.forwarded import ForwardedMiddleware
from functions.kit.http.middleware import RequestMiddleware
from functions.kit.http.openapi import Topic
from functions.kit.http.problems import allow, problem_response
from functions.kit.http.requests import MAX_BODY, JSONRequest
from functions.kit.http.responses import JSONResponse
from functions.kit.internal_api import health
from functions.kit.security.verifier import Verifier

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)

SHUTDOWN_FLUSH = 10.0
"""Seconds that a stopping service gives its outbox."""
CHORES_EVERY = 15.0
"""Seconds between looks at what is due, while awake."""

VERSION = "0.1.0"

INTERNAL_TOPICS = (
    Topic("events", "CloudEvents from the broker.", ("events",)),
    Topic("internal", "What services and admins read of a service.", ("internal",)),
)

Chore = Callable[[Database], Awaitable[object]]


@dataclass
class Wiring:
    """What `build_app` hands to a service while it is being built."""

    database: Database
    outbox: Outbox
    clock: Clock
    http: "httpx.AsyncClient"
    metrics: Metrics


@dataclass(frozen=True, kw_only=True)
class Service:
    """What a service says of itself."""

    name: str
    description: str
    migrations: ModuleType
    tables: Sequence[type[Table]]
    public: Sequence[ControllerRouterHandler]
    """Handlers of the public door."""
    streams: Sequence[OwnedStream] = ()
    subscriptions: Callable[[Wiring], Subscriptions] = lambda wiring: Subscriptions()
    """What it consumes."""
    owners: Mapping[str, str] = field(default_factory=dict)
    """Internal addresses of the owners whose streams it reads."""
    verifier: Callable[[Wiring], Verifier]
    chores: Callable[[Wiring], Sequence[Chore]] = lambda wiring: ()
    """What is due now and then: at start, when poked, and every so often while awake."""
    topics: Sequence[Topic] = ()
    """How its operations are grouped in the OpenAPI document."""
    state: Callable[[Wiring], Mapping[str, object]] = lambda wiring: {}
    """More that its handlers find in `app.state`."""
    warnings: Sequence[str] = ()
    """Said at every start: what an operator should not overlook."""


class _App(Litestar):
    """Litestar without its plugin for pydantic, whose models are used nowhere here.

    Piccolo brings pydantic along, and Litestar imports what is there: 10 MiB and a third of a
    second of every cold start.
    """

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]


class _NoListeners(BaseEventEmitterBackend):
    """Litestar's events inside a process, of which there are none: events here go by the outbox.

    Its own emitter waits for them with all of anyio: 15 modules, a fortieth of a cold start.
    """

    def emit(self, event_id: str, *args: Any, **kwargs: Any) -> None:
        raise LookupError(f"nobody listens to {event_id}")

    async def __aexit__(self, *_: object) -> None: ...


def build_app(
    service: Service,
    settings: ServiceSettings,
    *,
    clock: Clock = utc_now,
    http: "httpx.AsyncClient | None" = None,
) -> Litestar:
    """An app that shares nothing with any other, and has opened nothing yet."""
    database = connect(database_url(service.name, settings))
    client = http or lazy_client()
    # Only the internal door shows them.
    metrics = Metrics(shown=settings.exposed_api.internal)
    outbox = Outbox(clock)
    wiring = Wiring(database, outbox, clock, client, metrics)
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
    outbox.wake = sender.notify
    reader = CatchUp(
        database,
        subscriptions,
        service.owners,
        clock=clock,
        metrics=metrics,
        http=client,
        secret=secret,
        period=settings.catch_up_period,
        # Without a broker the other services are not woken by events, and are awake.
        at_start=not settings.k_sink,
        outages=outages,
    )
    due = asyncio.Event()

    def poke() -> None:
        """Do what is due: send, catch up, the service's own chores."""
        sender.notify()
        reader.notify()
        due.set()

    async def clean(database: Database) -> None:
        """Also look at the outbox: a process that was killed may have left something in it."""
        sender.notify()
        await relay.purge(database, clock=clock)
        await inbox.purge(database, clock=clock)

    state = State(
        {
            "service": service.name,
            "settings": settings,
            "database": database,
            "outbox": outbox,
            "clock": clock,
            "http": client,
            "metrics": metrics,
            "feed": feed,
            "relay": sender,
            "catch_up": reader,
            "internal_secret": secret,
            "subscriptions": subscriptions,
            "verifier": service.verifier(wiring),
            "poke": poke,
            "topics": (*service.topics, *INTERNAL_TOPICS),
            "stopping": False,
            **service.state(wiring),
        }
    )

    @contextlib.asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        logs.configure(service.name, settings.log_level, settings.log_format)
        for warning in service.warnings:
            logger.warning("%s", warning)
        bind(database, service.tables)
        async with contextlib.AsyncExitStack() as stack:
            # Closed at the end, also where the start fails: an open connection is a live thread.
            stack.push_async_callback(database.close)
            if http is None:
                stack.push_async_callback(client.aclose)
            await _prepare_schema(service, settings, database)
            tasks = [
                asyncio.create_task(sender.run(), name="relay"),
                asyncio.create_task(
                    _do_chores(database, [*service.chores(wiring), clean], due, outages),
                    name="chores",
                ),
            ]
            if settings.exposed_api.internal and subscriptions.streams:
                tasks.append(asyncio.create_task(reader.run(), name="catch-up"))
            try:
                yield
            finally:
                app.state.stopping = True
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await _last_flush(sender)
                await sender.poster.close()

    handlers: list[ControllerRouterHandler] = [*health.PROBES]
    if settings.exposed_api.public:
        handlers += [*docs.HANDLERS, *service.public]
    if settings.exposed_api.internal:
        from functions.kit.internal_api import handlers as internal  # noqa: PLC0415 - load late

        handlers += [health.metrics, *docs.INTERNAL_HANDLERS, *internal.HANDLERS]
    app = _App(
        [*_options(handlers), *handlers],
        lifespan=[lifespan],
        state=state,
        request_class=JSONRequest,
        before_request=parameters.check,
        response_class=JSONResponse,
        request_max_body_size=MAX_BODY,
        exception_handlers={Exception: problem_response},
        openapi_config=docs.openapi_config(service.name, VERSION, service.description),
        plugins=[docs.AmountSchema()],
        event_emitter_backend=_NoListeners,
        logging_config=None,
        debug=False,
    )
    # Around the router, not inside the routes: an unknown route has a trace and a log line too.
    cors = Cors(
        settings.cors_origins if settings.exposed_api.public else "",
        credentials=settings.cors_credentials,
    )
    app.asgi_handler = ForwardedMiddleware(
        RequestMiddleware(Admission(app.asgi_handler), cors),
        settings.trusted_hops,
        settings.client_address_header,
    )
    return app


def _options(handlers: Sequence[ControllerRouterHandler]) -> list[HTTPRouteHandler]:
    """What answers OPTIONS, for each path once.

    Litestar's own would name the methods of the path's first handler only.
    """
    methods: dict[str, set[str]] = {}
    for handler in handlers:
        if isinstance(handler, HTTPRouteHandler):
            for path in handler.paths:
                known = methods.setdefault(path.rstrip("/") or "/", {"OPTIONS"})
                known.update(map(str, handler.http_methods))
    return [_allow(path, allow(known)) for path, known in methods.items()]


def _allow(path: str, methods: str) -> HTTPRouteHandler:
    @route(path, http_method="OPTIONS", include_in_schema=False, sync_to_thread=False)
    def options() -> Response[None]:
        return Response(None, status_code=204, headers={"allow": methods})

    return options


def database_url(name: str, settings: ServiceSettings) -> str:
    """The database's URL, or the embedded default where nothing is set."""
    if settings.database_url:
        return settings.database_url.reveal()
    return f"sqlite:///.bookstore/{name}.db"


async def _prepare_schema(service: Service, settings: ServiceSettings, database: Database) -> None:
    if not settings.database_url:
        logger.warning(
            "DATABASE_URL is not set: using the embedded SQLite file .bookstore/%s.db",
            service.name,
        )
    embedded = database.backend == "sqlite" and not settings.production
    if settings.auto_migrate if settings.auto_migrate is not None else embedded:
        await migrations.migrate(database, migrations.load(service.migrations))


async def _do_chores(
    database: Database, chores: Sequence[Chore], due: asyncio.Event, outages: Outages
) -> None:
    while True:
        due.clear()  # before the work, so that a poke in the middle of it counts
        for number, chore in enumerate(chores, 1):
            task = f"background task {number} ({chore.__name__})"
            try:
                await chore(database)
            except Exception as error:  # noqa: BLE001 - one that fails does not hold up the others
                outages.report(task, error)
                if is_transient(database, error):
                    break  # the others would wait for the same database
            else:
                outages.over(task)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(due.wait(), CHORES_EVERY)


async def _last_flush(sender: Relay) -> None:
    try:
        async with asyncio.timeout(SHUTDOWN_FLUSH):
            await sender.flush()
    except Exception as error:  # noqa: BLE001 - what is left is sent by the next process, or when poked
        logger.warning("the outbox was not emptied at the end; the next start goes on: %r", error)
