"""`create_app` wires auth; behaviour is in `controllers/` and `commands/`.

auth consumes no events, so it has no `subscriptions.py`; `events.py` has those that it publishes.
"""

import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from litestar import Litestar
from litestar.types import ControllerRouterHandler

from functions.auth import commands, events, migrations, queries
from functions.auth.controllers import HANDLERS
from functions.auth.dependencies import Dependencies
from functions.auth.errors import SigningKeyUnreadable
from functions.auth.services import AuthServices
from functions.auth.settings import AuthSettings
from functions.auth.tables import TABLES
from functions.kit.app import BackgroundTask, Service, Wiring, build_app
from functions.kit.base.clock import Clock, utc_now
from functions.kit.data.database import Database
from functions.kit.events.cloudevents import Event
from functions.kit.events.feed import OwnedStream
from functions.kit.http.services import Services
from functions.kit.http.topics import Topic
from functions.kit.security.verifier import Verifier

if TYPE_CHECKING:
    import httpx

NO_LINKS = (
    "STOREFRONT_URL is not set: no link to reset a password can be made, and POST /password/forgot"
    " answers 503"
)

DESCRIPTION = "Accounts, roles, and the tokens that the whole bookstore trusts."


def create_app(
    settings: AuthSettings | None = None,
    *,
    clock: Clock = utc_now,
    http: "httpx.AsyncClient | None" = None,
) -> Litestar:
    """The factory for `uvicorn --factory`; tests pass arguments."""
    settings = settings or AuthSettings.from_mapping(os.environ)

    def verifier(wiring: Wiring) -> Verifier:
        access = queries.Access(wiring.database, clock)
        return Verifier(
            access,
            access.is_revoked,
            issuer=settings.token_issuer,
            audience=settings.token_audience,
            clock=clock,
        )

    def snapshot(database: Database, after: str | None) -> AsyncGenerator[Event]:
        return queries.security_snapshot(database, clock, after)

    def accounts_snapshot(database: Database, after: str | None) -> AsyncGenerator[Event]:
        return queries.accounts_snapshot(database, clock, after)

    def services(shared: Services) -> AuthServices:
        dependencies = Dependencies.of(settings, shared.outbox)
        return AuthServices.extend(shared, dependencies=dependencies)

    def internal() -> Sequence[ControllerRouterHandler]:
        from functions.auth.controllers import internal  # noqa: PLC0415 - see `Service.internal`

        return internal.HANDLERS

    def background_tasks(services: AuthServices) -> Sequence[BackgroundTask]:
        async def prepare(database: Database) -> None:
            with suppress(SigningKeyUnreadable):  # logged already, with the key and the remedy
                await commands.prepare(database, services.dependencies, clock())

        async def announce_resets(database: Database) -> None:
            await commands.announce_resets(database, services.dependencies, clock())

        async def purge(database: Database) -> None:
            await commands.purge(database, clock())

        return (prepare, announce_resets, purge)

    service = Service(
        name="auth",
        description=DESCRIPTION,
        migrations=migrations,
        tables=TABLES,
        public=HANDLERS,
        internal=internal,
        streams=[
            OwnedStream(events.STREAM, events.SOURCE, snapshot, queries.security_digest),
            OwnedStream(events.ACCOUNTS_STREAM, events.ACCOUNTS_SOURCE, accounts_snapshot),
        ],
        warnings=[] if settings.link_base is not None else [NO_LINKS],
        verifier=verifier,
        topics=(
            Topic(
                "logins", "Log in, stay in, log out.", ("login", "refresh", "validate", "logout")
            ),
            Topic("account", "Register, and one's own account.", ("register", "me", "password")),
            Topic("administration", "Accounts and keys, for admins.", ("users", "admin")),
            Topic("keys", "The public keys that verify tokens.", (".well-known",)),
        ),
        services=services,
        background_tasks=background_tasks,
    )
    return build_app(service, settings, clock=clock, http=http)
