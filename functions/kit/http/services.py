"""The dependencies of handlers: one typed object for each app, created by `build_app`.

A service adds its own members in a subclass, in its `services.py`:

    @dataclass(kw_only=True)
    class PurchaseServices(Services):
        settings: PurchaseSettings
        payment_provider: PaymentProvider
"""

import asyncio
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from litestar import Litestar
from litestar.connection import ASGIConnection

from functions.kit.base.clock import Clock
from functions.kit.base.metrics import Metrics
from functions.kit.base.process import Process
from functions.kit.base.settings import AppSettings, ServiceSettings
from functions.kit.base.tracing import Tracer
from functions.kit.http.topics import Topic

if TYPE_CHECKING:  # an app without a database need not import what has to do with one
    import httpx

    from functions.kit.data.database import Database
    from functions.kit.events.catch_up import CatchUp
    from functions.kit.events.feed import Feed
    from functions.kit.events.internal_secret import InternalSecret
    from functions.kit.events.outbox import Outbox
    from functions.kit.events.relay import Relay
    from functions.kit.events.subscriptions import Subscriptions
    from functions.kit.security.verifier import Verifier

A = TypeVar("A", bound="AppServices")
S = TypeVar("S", bound="Services")


@dataclass(kw_only=True)
class AppServices:
    """The dependencies that every app has, with a database or without."""

    name: str
    settings: AppSettings
    clock: Clock
    http: "httpx.AsyncClient"
    metrics: Metrics
    process: Process
    """Facts about this process."""
    tracer: Tracer | None = None
    """None without a receiver of traces."""
    topics: Sequence[Topic] = ()
    openapi_documents: dict[str, bytes] = field(default_factory=dict)
    """Encoded documents by name, each built at its first request."""
    stopping: bool = False
    """Whether the process is shutting down. Then it is not ready."""
    measuring: set[asyncio.Task[None]] = field(default_factory=set)
    """What reads gauges for an export. It ends before the database is closed."""


@dataclass(kw_only=True)
class Services(AppServices):
    """The dependencies that every service with a database has."""

    settings: ServiceSettings
    database: "Database"
    verifier: "Verifier"
    outbox: "Outbox"
    relay: "Relay"
    feed: "Feed"
    subscriptions: "Subscriptions"
    catch_up: "CatchUp"
    internal_secret: "InternalSecret"
    migrations: ModuleType
    """The package of the service's migrations."""
    audited: bool = False
    """Whether the service runs an audit of its data."""
    run_background_tasks: Callable[[], None]
    """Triggers the background tasks, without waiting for the end of their period."""

    @classmethod
    def extend(cls, shared: "Services", **own: Any) -> Self:
        """A service's dependencies: the members of `shared`, and its own."""
        members = {each.name: getattr(shared, each.name) for each in dataclasses.fields(Services)}
        return cls(**members | own)


def services_of(connection: ASGIConnection[Any, Any, Any, Any] | Litestar, kind: type[A]) -> A:
    """The dependencies of the app that handles a request, as a service's own type.

    Raises `TypeError` if the app has another type.
    """
    app = connection if isinstance(connection, Litestar) else connection.app
    found = app.state.services
    if not isinstance(found, kind):
        raise TypeError(f"this app has {type(found).__name__}, not {kind.__name__}")
    return found
