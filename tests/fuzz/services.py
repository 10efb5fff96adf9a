"""The services with an API for schemathesis: real apps on SQLite, with some data.

Each has a caller, a customer or a member of staff. In auth, requests change passwords, log out and
delete accounts, so a caller whose account is gone gets a new one. Next file: `runs`, which runs
schemathesis on them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from litestar import Litestar
from litestar.enums import ScopeType
from litestar.types import Receive, Scope, Send

from functions.auth import commands as auth_commands
from functions.auth.app import create_app as create_auth
from functions.auth.domain import Role, device
from functions.auth.settings import AuthSettings
from functions.catalog.app import create_app as create_catalog
from functions.catalog.commands.books import NewBook, add_book
from functions.catalog.commands.reviews import Writer, post_review
from functions.catalog.domain.books import BookDetails
from functions.catalog.domain.reviews import ReviewContent
from functions.catalog.settings import CatalogSettings
from functions.kit.base.clock import utc_now
from functions.notifications.app import create_app as create_notifications
from functions.notifications.settings import NotificationsSettings
from functions.purchase.app import create_app as create_purchase
from functions.purchase.settings import PurchaseSettings
from tests.catalog.reviewing import purchase_event
from tests.purchase.shop import BUYER, STAFF, book_event
from tests.support.tokens import Issuer

CALLERS = ("customer", "staff")
PASSWORD = "una frase bastante larga"
BOOKS = 5


class Credentials(Protocol):
    async def __call__(self) -> str:
        """A valid access token."""


class FuzzedService:
    """An ASGI app around a service, which inserts the data before the first request.

    Schemathesis sends a placeholder token, which is replaced by a valid one.
    """

    MARK = b"Bearer the-caller"

    def __init__(
        self, app: Litestar, prepare: Callable[[], Awaitable[None]], token: Credentials
    ) -> None:
        self.app = app
        self.prepare = prepare
        self.token = token
        self.prepared: asyncio.Task[None] | None = None
        self.statuses: dict[int, int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        if self.prepared is None:
            self.prepared = asyncio.ensure_future(self.prepare())
        await self.prepared
        headers = scope["headers"]
        if (b"authorization", self.MARK) in headers:
            bearer = f"Bearer {await self.token()}".encode()
            scope["headers"] = [
                (name, bearer if name == b"authorization" and value == self.MARK else value)
                for name, value in headers
            ]

        async def counted(message: Any) -> None:
            if message["type"] == "http.response.start":
                status = message["status"]
                self.statuses[status] = self.statuses.get(status, 0) + 1
            await send(message)

        await self.app(scope, receive, counted)


def _environment(name: str, folder: Path) -> Mapping[str, str]:
    return {
        "DATABASE_URL": f"sqlite:///{folder}/{name}.db?synchronous=off",
        "LOG_LEVEL": "ERROR",
        "EXPOSED_API": "public",
    }


def open_auth(folder: Path, caller: str) -> FuzzedService:
    """auth; "staff" is an admin here, the one role with routes of its own."""
    limits = (
        *("LOGIN_TRIES", "LOGIN_TRIES_PER_ADDRESS", "REGISTRATIONS_PER_ADDRESS"),
        *("PASSWORD_RESETS_PER_ACCOUNT", "PASSWORD_RESETS_PER_ADDRESS"),
    )
    generous = dict.fromkeys(limits, "1000")
    settings = AuthSettings.from_mapping({**_environment("auth", folder), **generous})
    app = create_auth(settings)
    state = app.state.services
    made = iter(range(1_000_000))
    current: list[str] = []

    async def prepare() -> None:
        await auth_commands.prepare(state.database, state.dependencies, utc_now())
        for _ in range(3):
            await account()

    async def account() -> str:
        email = f"somebody{next(made)}@example.org"
        database, dependencies = state.database, state.dependencies
        if caller == "staff":
            await auth_commands.make_admin(database, dependencies, email, PASSWORD, now=utc_now())
        else:
            await auth_commands.register(
                *(database, dependencies, email, PASSWORD, None),
                language=None,
                host=None,
                clock=utc_now,
            )
        pair = await auth_commands.log_in(
            *(database, dependencies, email, PASSWORD),
            host=None,
            device=device(None, None),
            language=None,
            clock=utc_now,
        )
        return pair.access.text

    async def token() -> str:
        if current:
            try:
                principal = await state.verifier.authenticate(current[0])
            except Exception:  # noqa: BLE001 - whatever ended it, another one is needed
                current.clear()
            else:
                if caller == "customer" or Role.ADMIN in principal.roles:
                    return current[0]
        current[:] = [await account()]
        return current[0]

    return FuzzedService(app, prepare, token)


def _roles(caller: str) -> tuple[str, ...]:
    """The member of staff sells too, so that the routes of sellers are open to them."""
    return ("staff", "seller") if caller == "staff" else (caller,)


def open_catalog(folder: Path, caller: str) -> FuzzedService:
    issuer = Issuer(utc_now)
    settings = CatalogSettings.from_mapping(
        {**_environment("catalog", folder), "REVIEW_WRITES_PER_HOUR": "0"}
    )
    app = create_catalog(settings, http=issuer.wire())

    async def prepare() -> None:
        state = app.state.services
        await issuer.make_known(state.database)
        for number in range(1, BOOKS + 1):
            details = BookDetails.checked(title=f"Book {number}", author="a", price=Decimal(1))
            new = NewBook(details, settings.currency, 1)
            await add_book(state.database, new, outbox=state.outbox, now=utc_now())
        # The callers have bought them, and somebody else has reviewed them.
        for number, user_id in enumerate((STAFF, BUYER + 1), 1):
            event = purchase_event(number, *range(1, BOOKS + 1), user=user_id)
            await state.subscriptions.consume(state.database, event, clock=utc_now)
        content = ReviewContent.checked(rating=4, text="t", reviewer=None)
        for number in range(1, BOOKS + 1):
            writer = Writer(BUYER + 1, 0)
            await post_review(
                state.database, writer, number, content, outbox=state.outbox, now=utc_now()
            )

    async def token() -> str:
        return issuer.token(STAFF, *_roles(caller))

    return FuzzedService(app, prepare, token)


def open_purchase(folder: Path, caller: str) -> FuzzedService:
    issuer = Issuer(utc_now)
    settings = PurchaseSettings.from_mapping(_environment("purchase", folder))
    app = create_purchase(settings, http=issuer.wire())
    state = app.state.services

    async def prepare() -> None:
        await issuer.make_known(state.database)
        for book_id in range(1, BOOKS + 1):
            event = book_event(book_id, initial_stock=1_000_000)
            await state.subscriptions.consume(state.database, event, clock=utc_now)

    async def token() -> str:
        return issuer.token(STAFF if caller == "staff" else BUYER, *_roles(caller))

    return FuzzedService(app, prepare, token)


def open_notifications(folder: Path, caller: str) -> FuzzedService:
    issuer = Issuer(utc_now)
    settings = NotificationsSettings.from_mapping(_environment("notifications", folder))
    app = create_notifications(settings, http=issuer.wire())

    async def prepare() -> None:
        await issuer.make_known(app.state.services.database)

    async def token() -> str:
        return issuer.token(STAFF if caller == "staff" else BUYER, caller)

    return FuzzedService(app, prepare, token)


SERVICES: dict[str, Callable[[Path, str], FuzzedService]] = {
    "auth": open_auth,
    "catalog": open_catalog,
    "notifications": open_notifications,
    "purchase": open_purchase,
}
