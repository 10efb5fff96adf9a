"""The whole shop in one process: four services, one wire between them, and a broker on it.

The broker reads the real Triggers, and can be told to behave as brokers do: lose events, send
them twice, shuffle them.
"""

import asyncio
import random
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
from litestar import Litestar

from functions.auth.app import create_app as create_auth
from functions.auth.settings import AuthSettings
from functions.catalog.app import create_app as create_catalog
from functions.catalog.settings import CatalogSettings
from functions.kit.base.settings import ServiceSettings
from functions.kit.events import cloudevents, stream_reads
from functions.local.broker.manifests import Manifests, load_manifests
from functions.notifications.app import create_app as create_notifications
from functions.notifications.settings import NotificationsSettings
from functions.purchase.app import create_app as create_purchase
from functions.purchase.settings import PurchaseSettings
from tests.support.apps import serving
from tests.support.clock import FakeClock
from tests.support.folders import contents_of, fill
from tests.support.registration import registered_once

ROOT = Path(__file__).parents[2]
SERVICES: dict[str, tuple[Callable[..., Litestar], type[ServiceSettings]]] = {
    "auth": (create_auth, AuthSettings),
    "catalog": (create_catalog, CatalogSettings),
    "purchase": (create_purchase, PurchaseSettings),
    "notifications": (create_notifications, NotificationsSettings),
}
BROKER = "http://broker.test"
ADMIN = ("admin@bookstore.example", "correct-horse-battery")


def address(service: str) -> str:
    return f"http://{service}.test"


@cache
def _manifests() -> Manifests:
    """Read once: that takes longer than most tests."""
    return load_manifests(
        ROOT / "eventing", {f"{name}-internal": address(name) for name in SERVICES}
    )


class Broker:
    """Takes events with 202 and delivers them as the Triggers say, or as badly as it is told."""

    def __init__(self, deliver: Callable[[str, httpx.Request], Awaitable[httpx.Response]]) -> None:
        self.manifests = _manifests()
        self.deliver = deliver
        self.losing = False
        self.copies = 1
        self.held: list[tuple[str, httpx.Request]] | None = None
        self.seed = 0

    async def take(self, request: httpx.Request) -> httpx.Response:
        event = cloudevents.read(request.headers, request.content)
        if not self.losing:
            for trigger in self.manifests.triggers:
                if trigger.matches({"source": event.source, "type": event.type}):
                    for _ in range(self.copies):
                        await self._send(trigger.subscriber, request)
        return httpx.Response(202)

    async def _send(self, subscriber: str, request: httpx.Request) -> None:
        if self.held is not None:
            self.held.append((subscriber, request))
        else:
            await self._deliver(subscriber, request)

    async def _deliver(self, subscriber: str, request: httpx.Request) -> None:
        headers = {
            name: value for name, value in request.headers.items() if name != "ce-traceparent"
        }
        response = await self.deliver(
            subscriber, httpx.Request("POST", subscriber, headers=headers, content=request.content)
        )

        assert response.status_code == 202

    def hold(self) -> None:
        """Keep what comes, until it is let go."""
        self.held = []

    async def let_go_shuffled(self) -> None:
        """Deliver what was kept, in an order that a seed decides."""
        held, self.held = self.held or [], None
        random.Random(self.seed).shuffle(held)
        for subscriber, request in held:
            await self._deliver(subscriber, request)


class ShopInProcess:
    """The running shop, and its callers."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.apps: dict[str, Litestar] = {}
        self.clients: dict[str, httpx.AsyncClient] = {}
        self._started: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._open: defaultdict[str, set[asyncio.Task[httpx.Response]]] = defaultdict(set)
        """Requests of one service to another that are not answered yet, by their receiver."""
        self.tokens: dict[str, str] = {}
        self.broker = Broker(self._to_service)
        self.wire = httpx.AsyncClient(transport=httpx.MockTransport(self._route))

    async def _route(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "broker.test":
            return await self.broker.take(request)
        return await self._to_service(str(request.url), request)

    async def _to_service(self, url: str, request: httpx.Request) -> httpx.Response:
        service = httpx.URL(url).host.partition(".")[0]
        # As Knative holds a request. One service would else record that it cannot read another's
        # stream if the shop takes longer to start than the first read waits.
        await self._started[service].wait()
        client = self.clients.get(service)
        if client is None:
            raise httpx.ConnectError("stopped")
        task = asyncio.ensure_future(
            client.request(request.method, url, headers=request.headers, content=request.content)
        )
        self._open[service].add(task)
        task.add_done_callback(self._open[service].discard)
        return await task

    def serve(self, service: str, client: httpx.AsyncClient) -> None:
        """A service has started, and takes requests."""
        self.clients[service] = client
        self._started[service].set()

    async def drain(self, service: str) -> None:
        """Accept no further requests to a service, and wait until the open ones are answered.

        A server does so before the app's shutdown; here nothing else would keep a request from
        using a database that is closed.
        """
        self.clients.pop(service, None)  # a test may have taken it away
        await asyncio.gather(*self._open[service], return_exceptions=True)

    async def call(
        self,
        service: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: str | None = None,
        **headers: str,
    ) -> httpx.Response:
        """A request with a JSON body, by a user who has logged in, or by nobody."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if user is not None:
            sent["authorization"] = f"Bearer {self.tokens[user]}"
        content = None if body is None else msgspec.json.encode(body)
        return await self.clients[service].request(method, path, content=content, headers=sent)

    async def log_in(self, user: str, email: str, password: str) -> None:
        answer = await self.call("auth", "POST", "/login", {"email": email, "password": password})

        assert answer.status_code == 200, answer.text
        self.tokens[user] = answer.json()["access_token"]

    async def sign_up(self, user: str, *roles: str) -> int:
        """Register, give roles, log in; the user's id."""
        email, password = f"{user}@example.org", f"{user}-has-a-password"
        made = await self.call("auth", "POST", "/register", {"email": email, "password": password})

        assert made.status_code == 201, made.text
        user_id: int = made.json()["id"]
        if roles:
            given = await self.call(
                "auth", "PATCH", f"/users/{user_id}", {"roles": list(roles)}, user="admin"
            )

            assert given.status_code == 200, given.text
        await self.log_in(user, email, password)
        return user_id

    async def until(self, found: Callable[[], Awaitable[bool]]) -> None:
        """Let the services work until something is so."""
        async with asyncio.timeout(120):
            while not await found():  # noqa: ASYNC110 - nothing announces what is waited for
                # Not at once: the loop would take the time that the services work in.
                await asyncio.sleep(0.002)

    async def sell(self, title: str = "La vorágine", *, stock: int = 5, price: float = 10) -> int:
        """Put a book on sale, and wait until both services have heard of its stock; its id."""
        body = {"title": title, "author": "Autora", "price": price, "stock": stock}
        made = await self.call("catalog", "POST", "/books", body, user="staff")

        assert made.status_code == 201, made.text
        book_id: int = made.json()["book_id"]
        await self.until(lambda: self.stock_is_known(book_id))
        return book_id

    async def stock_is_known(self, book_id: int) -> bool:
        _, revision = await self.shown_stock(book_id)
        return revision > 0

    async def streams_are_read(self) -> bool:
        """Whether each service has read every stream that it consumes to its end."""
        for app in self.apps.values():
            services = app.state.services
            sources = [stream.source for stream in services.subscriptions.streams]
            found = await stream_reads.positions(services.database, sources)
            if not all(each.contacted_at for each in found.values()):
                return False
        return True

    async def shown_stock(self, book_id: int) -> tuple[int, int]:
        """What catalog shows: copies, and the revision that it knows them at."""
        book = (await self.call("catalog", "GET", f"/books/{book_id}")).json()
        return book["stock"], book["stock_revision"]


class StoppedShop(NamedTuple):
    """What a shop has left, of which any number of shops can be opened."""

    files: dict[str, bytes]
    tokens: dict[str, str]
    """Access tokens of its people."""


_new_shops: dict[tuple[tuple[str, str], ...], StoppedShop] = {}


@asynccontextmanager
async def open_shop(folder: Path, **environ: str) -> AsyncIterator[ShopInProcess]:
    """All four services on new SQLite files in a folder, an admin and a member of staff logged in.

    The two are registered once in this process for each environment. Every shop gets copies of the
    files that were left then, and starts on them as after any other stop.
    """
    key = tuple(sorted(environ.items()))
    if key not in _new_shops:
        with tempfile.TemporaryDirectory() as made:
            async with open_shop_on(Path(made), **environ) as shop:
                pass
            _new_shops[key] = left_by(shop, Path(made))
    async with open_copy(folder, _new_shops[key], **environ) as shop:
        yield shop


def left_by(shop: ShopInProcess, folder: Path) -> StoppedShop:
    """Of a shop that has stopped."""
    files = contents_of(folder)

    assert {name for name in files if ".db" in name} == {f"{name}.db" for name in SERVICES}
    return StoppedShop(files, dict(shop.tokens))


@asynccontextmanager
async def open_copy(
    folder: Path, stopped: StoppedShop, **environ: str
) -> AsyncIterator[ShopInProcess]:
    """A shop that goes on from what another one has left."""
    fill(folder, stopped.files)
    async with _run_shop(folder, environ) as shop:
        shop.tokens = dict(stopped.tokens)
        yield shop


@asynccontextmanager
async def open_shop_on(folder: Path, **environ: str) -> AsyncIterator[ShopInProcess]:
    """A shop on the files of a folder, if any: it migrates, and registers an admin and staff.

    Its services have read each other's streams once, so that a read that fails while it stops is
    a short interruption to a shop that goes on from its files.
    """
    async with _run_shop(folder, environ) as shop:
        await shop.until(_admin_exists(shop))
        await shop.sign_up("staff", "staff")
        await shop.until(shop.streams_are_read)
        yield shop


@asynccontextmanager
async def _run_shop(folder: Path, environ: Mapping[str, str]) -> AsyncIterator[ShopInProcess]:
    shop = ShopInProcess(FakeClock())
    addresses = {
        f"{name.upper()}_{prefix}URL": address(name)
        for name in SERVICES
        for prefix in ("", "INTERNAL_")
    }

    def environment(name: str) -> dict[str, str]:
        return {
            **addresses,
            "DATABASE_URL": f"sqlite:///{folder}/{name}.db?synchronous=off",
            "K_SINK": BROKER,
            "FIRST_ADMIN_EMAIL": ADMIN[0],
            "FIRST_ADMIN_PASSWORD": ADMIN[1],
            **environ,
        }

    shop.apps = {
        name: registered_once(
            create_app,
            settings.from_mapping(environment(name)),
            clock=shop.clock,
            http=shop.wire,
        )
        for name, (create_app, settings) in SERVICES.items()
    }
    async with AsyncExitStack() as stack:
        for name, app in shop.apps.items():
            shop.serve(name, await stack.enter_async_context(serving(app)))
            stack.push_async_callback(shop.drain, name)
        yield shop


def _admin_exists(shop: ShopInProcess) -> Callable[[], Awaitable[bool]]:
    async def found() -> bool:
        answer = await shop.call(
            "auth", "POST", "/login", {"email": ADMIN[0], "password": ADMIN[1]}
        )
        if answer.status_code == httpx.codes.OK:
            shop.tokens["admin"] = answer.json()["access_token"]
        return "admin" in shop.tokens

    return found
