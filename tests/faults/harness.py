"""The whole shop as real processes, which a test may kill, freeze or give injected faults.

Three services and the local broker: on SQLite files, or on servers of their own, MySQL and
RabbitMQ; started through `fault_injection.py`. What is acknowledged is written into a ledger, which
`audit.py` compares with the shop. Next file: `buyers.py`, which loads the shop.
"""

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from functions.kit.data.database import Database
from functions.kit.data.engines import connect
from tests.faults.disk import disk
from tests.faults.fault_injection import CLOCK, LEASE, PROVIDER
from tests.faults.processes import Process
from tests.faults.provider import UP, WEBHOOK_SECRET
from tests.faults.tcp_proxy import TcpProxy, tcp_proxy
from tests.servers.mysql import Server
from tests.servers.programs import CleanupOnExit
from tests.servers.rabbitmq import RabbitMQ
from tests.support.processes import ROOT
from tests.support.signing import SECRET

SERVICES = ("auth", "catalog", "purchase")
ADMIN = ("admin@bookstore.example", "correct-horse-battery")
BUYER = ("buyer@example.org", "buyer-has-a-password")
PING_SECONDS = 2.0
"""The PingSource period here; in the cluster it is ten minutes."""
LONGEST = 200.0
"""Time limit of every wait, in seconds."""


def steer(file: Path, text: str) -> None:
    """Replace a file atomically, because processes read it at any moment."""
    new = file.with_suffix(".new")
    new.write_text(text, "utf-8")
    new.replace(file)


class Shop:
    """The running shop."""

    def __init__(
        self, folder: Path, server: Server | None, rabbitmq: RabbitMQ | None, suffix: str
    ) -> None:
        self.folder = folder
        self.server = server
        """None: each service has a SQLite file in `folder / "data"`."""
        self.rabbitmq = rabbitmq
        """None: events wait in the broker's own SQLite store."""
        self.suffix = suffix
        self.processes: dict[str, Process] = {}
        self.proxies: dict[str, TcpProxy] = {}
        self.tokens: dict[str, str] = {}
        self.http = httpx.AsyncClient(
            timeout=60, limits=httpx.Limits(max_connections=None, max_keepalive_connections=0)
        )
        """No connection is kept alive: one to a killed process would fail the next request."""
        self.unread: set[str] = set()
        """Sources that the running code does not consume, as that of the release before."""
        self.acknowledged: dict[str, bytes] = {}
        """The body of each 201 by its idempotency key."""
        self.clock = folder / "clock"
        self.clock.write_text("0", "utf-8")
        self.manifests = folder / "eventing"
        """Without notifications, which does not run here: nobody takes its events."""
        shutil.copytree(
            ROOT / "eventing",
            self.manifests,
            ignore=shutil.ignore_patterns("*notifications*"),
            dirs_exist_ok=True,
        )
        self.provider = folder / "provider"
        """Steers the payment provider (`provider.py`)."""
        self.provider.write_text(UP, "utf-8")

    @property
    def engine(self) -> str:
        return "mysql" if self.server else "sqlite"

    @property
    def services(self) -> list[Process]:
        return [self.processes[name] for name in self.processes if name != "broker"]

    @property
    def sellers(self) -> list[Process]:
        """Every process of purchase."""
        return [self.processes[name] for name in self.processes if name.startswith("purchase")]

    # Databases

    def database_url(self, service: str, *, by_proxy: bool = False) -> str:
        if self.server is None:
            return f"sqlite:///{self.folder}/data/{service}.db?synchronous=off"
        url = self.server.url(f"{service}_{self.suffix}")
        port = self.proxies["mysql"].port
        return url.replace(f":{self.server.port}/", f":{port}/") if by_proxy else url

    @asynccontextmanager
    async def database(self, service: str) -> AsyncIterator[Database]:
        """A separate connection to a service's database."""
        database = connect(self.database_url(service))
        try:
            yield database
        finally:
            await database.close()

    # Processes

    def environment(self, service: str) -> dict[str, str]:
        environment = {
            "DATABASE_URL": self.database_url(service, by_proxy=self.server is not None),
            "AUTO_MIGRATE": "true",
            # As in a cluster: a signed event has its effect though its owner is away.
            "INTERNAL_SECRET": SECRET,
            "K_SINK": f"http://127.0.0.1:{self.proxies['broker'].port}",
            "FIRST_ADMIN_EMAIL": ADMIN[0],
            "FIRST_ADMIN_PASSWORD": ADMIN[1],
            "LOGIN_TRIES": "1000",
            "REGISTRATIONS_PER_ADDRESS": "1000",
            "HASHING_CONCURRENCY": "1",
            # One buyer buys everything here, and pays for little of it.
            "MAX_UNPAID_PURCHASES": "0",
            "MAX_UNPAID_COPIES": "0",
            "PAYMENT_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "PAYMENT_TIMEOUT_SECONDS": "1.5",
            # The tests audit the shop themselves, when it has come to rest.
            "AUDIT_HOURS": "0",
            CLOCK: str(self.clock),
            LEASE: "2",
            PROVIDER: str(self.provider),
        }
        for name in SERVICES:
            url = f"http://127.0.0.1:{self.proxies[name].port}"
            environment[f"{name.upper()}_URL"] = url
            environment[f"{name.upper()}_INTERNAL_URL"] = url
        return environment

    def add(self, service: str, name: str | None = None) -> Process:
        """One more process of a service."""
        name = name or service
        process = Process(
            [service], {}, ready="/readyz", log=self.folder / f"{name.replace('/', '-')}.log"
        )
        self.processes[name] = process
        return process

    def broker_arguments(self, manifests: Path | None = None) -> list[str]:
        resolve = [
            argument
            for name in SERVICES
            for argument in (
                "--resolve",
                f"{name}-internal=http://127.0.0.1:{self.proxies[name].port}",
            )
        ]
        storing = ["--store", str(self.folder / "broker.db")]
        if self.rabbitmq is not None:
            here, there = urlsplit(self.rabbitmq.url).port, self.proxies["rabbitmq"].port
            storing = ["--rabbitmq", self.rabbitmq.url.replace(f":{here}/", f":{there}/")]
        return [
            *["broker", *storing, *resolve],
            *["--manifests", str(manifests or self.manifests), "--ping-every", str(PING_SECONDS)],
        ]

    async def restart(self, *names: str, **faults: str) -> None:
        """Kill them, and start them again."""
        for name in names:
            await self.processes[name].kill()
        await asyncio.gather(*[self.processes[name].start(**faults) for name in names])

    async def run(self, module: str, service: str, *arguments: str, **environment: str) -> int:
        """A command of a service, in its environment; the exit code."""
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment(service), **environment},
        )
        return await process.wait()

    async def heal(self) -> None:
        """Start everything that is stopped, and remove every injected fault."""
        steer(self.clock, "0")
        steer(self.provider, UP)
        for proxy in self.proxies.values():
            proxy.cut, proxy.delay = False, 0.0
        broker = self.processes["broker"]
        if broker.arguments != self.broker_arguments():
            await broker.kill()
            broker.arguments = self.broker_arguments()
        for process in self.processes.values():
            if process.faults:
                await process.kill()
        await asyncio.gather(*[each.start() for each in self.processes.values() if not each.alive])

    # Callers

    async def call(
        self,
        service: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: str | None = None,
        headers: Mapping[str, str] = {},
    ) -> httpx.Response:
        """A request by a user who has logged in, or an anonymous one."""
        sent = dict(headers)
        if user is not None:
            sent["authorization"] = f"Bearer {self.tokens[user]}"
        url = self.processes[service].url + path
        return await self.http.request(method, url, json=body, headers=sent)

    async def log_in(self, user: str, email: str, password: str) -> httpx.Response:
        answer = await self.call("auth", "POST", "/login", {"email": email, "password": password})
        if answer.status_code == httpx.codes.OK:
            self.tokens[user] = answer.json()["access_token"]
        return answer

    async def let_in(self) -> None:
        """Tokens for the admin, who is staff too, and for a buyer."""
        async with asyncio.timeout(LONGEST):
            # auth makes its first admin when it has started
            while (await self.log_in("admin", *ADMIN)).status_code != httpx.codes.OK:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        if (await self.log_in("buyer", *BUYER)).status_code != httpx.codes.OK:
            body = dict(zip(("email", "password"), BUYER, strict=True))
            await self.call("auth", "POST", "/register", body)
            await self.log_in("buyer", *BUYER)

    async def book(self, copies: int, title: str = "Libro") -> int:
        """A new book with so many copies; returns when purchase sells it."""
        body = {"title": title, "author": "Autora", "price": 19.9, "stock": copies}
        made = await self.call("catalog", "POST", "/books", body, user="admin")
        assert made.status_code == 201, made.text
        book_id: int = made.json()["book_id"]
        async with asyncio.timeout(LONGEST):
            while (await self.stock(book_id)) is None:  # noqa: ASYNC110 - on its way to purchase
                await asyncio.sleep(0.02)
        return book_id

    async def stock(self, book_id: int) -> dict[str, Any] | None:
        """The stock as purchase has it."""
        found = await self.call("purchase", "GET", f"/inventory/{book_id}", user="admin")
        stock: dict[str, Any] | None = found.json() if found.status_code == 200 else None
        return stock


@asynccontextmanager
async def open_shop(
    server: Server | None = None, rabbitmq: RabbitMQ | None = None, *, sellers: int = 2
) -> AsyncIterator[Shop]:
    """The shop with several processes of purchase, an admin and a buyer."""
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    shop = Shop(folder, server, rabbitmq, f"f{os.getpid()}")
    data = folder / "data"
    data.mkdir()
    cleanup = CleanupOnExit('umount -l "$1"; rm -rf "$2"', data, folder)
    try:
        async with contextlib.AsyncExitStack() as stack:
            if server is None:
                stack.enter_context(disk(data))
            for name in SERVICES:
                shop.add(name)
            for number in range(2, sellers + 1):
                shop.add("purchase", f"purchase/{number}")
            broker = Process([], {}, ready="/healthz", log=folder / "broker.log")
            targets = {name: shop.processes[name].port for name in SERVICES}
            targets["broker"] = broker.port
            if rabbitmq is not None:
                targets["rabbitmq"] = urlsplit(rabbitmq.url).port or 5672
            if server is not None:
                targets["mysql"] = server.port
                for name in SERVICES:
                    server.create_database(f"{name}_{shop.suffix}")
            for name, port in targets.items():
                shop.proxies[name] = await stack.enter_async_context(tcp_proxy(port))
            broker.arguments = shop.broker_arguments()
            for process in shop.services:
                process.environment = shop.environment(process.arguments[0])
            shop.processes["broker"] = broker
            stack.push_async_callback(_end, shop)
            await broker.start()
            await asyncio.gather(
                *[each.start() for each in shop.services], _write_down_its_queues(rabbitmq)
            )
            await shop.let_in()
            yield shop
    finally:
        cleanup.cancel()
        shutil.rmtree(folder, ignore_errors=True)


async def _write_down_its_queues(rabbitmq: RabbitMQ | None) -> None:
    """RabbitMQ 3.10 writes a new quorum queue's name down some seconds late, or at an orderly end;
    killed before, it has a queue that nobody can use."""
    if rabbitmq is not None:
        await asyncio.to_thread(rabbitmq.restart)


async def _end(shop: Shop) -> None:
    await asyncio.gather(*[process.kill() for process in shop.processes.values()])
    await shop.http.aclose()
