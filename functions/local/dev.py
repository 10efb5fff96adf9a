"""`python -m functions.local.dev`, which `nox -s dev` runs: the whole shop on this machine.

It prints each step of the start, then runs until Ctrl-C. Next files: `programs` for what runs,
`supervisor` for how it is kept running.
"""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from functions.local import accounts
from functions.local.client import Client
from functions.local.console import Console
from functions.local.data_folder import DataFolder
from functions.local.errors import LocalError, ProgramFailedError
from functions.local.faults import make_requested
from functions.local.invocation import command
from functions.local.mysql import MySQLServer
from functions.local.options import DevOptions, parse_dev_options
from functions.local.ports import SERVICES, check_free
from functions.local.programs import MANIFESTS, ROOT, Admin, Plan
from functions.local.rabbitmq import RabbitMQServer
from functions.local.reload import POLL_SECONDS, Sources
from functions.local.seed import seed_shop
from functions.local.supervisor import Supervisor, describe_exit
from functions.local.welcome import welcome

RUNNING_FILE = "running.json"
"""In the data folder while the shop is open: its addresses, by which the tour finds it."""

_SEEDED_FILE = "seeded.json"

_OLDEST_SQLITE = (3, 37)
"""The first with STRICT tables, which the broker's store uses."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_dev_options(arguments)
    console = Console()
    try:
        return asyncio.run(_Run(options, console).until_stopped())
    except LocalError as error:
        console.error(str(error))
        return 1


class _Run:
    def __init__(self, options: DevOptions, console: Console) -> None:
        self._options = options
        self._console = console
        self._folder = DataFolder(options.data_folder)
        self._stopping = asyncio.Event()
        self._supervisor: Supervisor | None = None

    async def until_stopped(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        # nohup ignores SIGHUP, so that the shop outlives its terminal.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            loop.add_signal_handler(signal.SIGHUP, self._stop)
        self._console.notice("The bookstore, on this machine")
        with self._folder.in_use(fresh=self._options.fresh):
            self._supervisor = Supervisor(
                self._console, self._folder.logs, wait_for_changes=self._options.reload
            )
            try:
                await self._run(self._supervisor)
            finally:
                await self._close(self._supervisor)
        return 0

    async def _run(self, supervisor: Supervisor) -> None:
        """Returns when it is stopped. Raises ProgramFailedError when a program cannot run."""
        opening = asyncio.create_task(self._open(supervisor))
        faulty = asyncio.create_task(make_requested(self._folder, supervisor, self._console))
        stopped = asyncio.create_task(self._stopping.wait())
        reasons: set[asyncio.Future[Any]] = {stopped, supervisor.failed}
        try:
            await asyncio.wait(reasons | {opening}, return_when=asyncio.FIRST_COMPLETED)
            if opening.done():
                await opening
                await asyncio.wait(reasons, return_when=asyncio.FIRST_COMPLETED)
            if supervisor.failed.done():
                supervisor.failed.result()
        finally:
            tasks = (opening, stopped, faulty)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _stop(self) -> None:
        if self._stopping.is_set():
            # The second signal: kill everything and exit at once.
            self._console.restore_terminal()
            if self._supervisor is not None:
                self._supervisor.kill()
            os._exit(130)
        self._stopping.set()

    async def _open(self, supervisor: Supervisor) -> None:
        options, console = self._options, self._console
        _check_sqlite()
        with console.step(f"data folder {_short(self._folder.path)}"):
            plan = Plan(
                self._folder,
                options.ports,
                accounts.load_or_create_admin(self._folder),
                options.package,
                options.ping_interval,
                options.fast_clock,
                MySQLServer(options.mysql_url) if options.mysql_url else None,
                RabbitMQServer(options.rabbitmq_url) if options.rabbitmq_url else None,
                accounts.load_or_create_session_key(self._folder),
            )
        numbers = ", ".join(str(port) for _, port in options.ports.each())
        with console.step(f"ports {numbers}"):
            check_free(options.ports)
        if plan.mysql is not None:
            with console.step(f"databases on the MySQL server {plan.mysql.name}"):
                plan.mysql.prepare(self._folder, fresh=options.fresh)
        if plan.rabbitmq is not None:
            with console.step(f"queues on the RabbitMQ server {plan.rabbitmq.name}"):
                await plan.rabbitmq.prepare(
                    self._folder, MANIFESTS, plan.addresses, fresh=options.fresh
                )
        with console.step(f"schemas of {', '.join(SERVICES)}"):
            await asyncio.gather(*(_migrate(plan, service) for service in SERVICES))
        with console.step("broker with the Triggers of eventing/, receiver of traces"):
            await supervisor.start(plan.broker(), plan.traces())
        with console.step("mailbox, which takes every mail"):
            await supervisor.start(plan.mailbox())
        with console.step(f"services {', '.join(SERVICES)}"):
            await supervisor.start(*(plan.service(service) for service in SERVICES))
        with console.step("storefront, the pages"):
            await supervisor.start(plan.storefront())
        async with Client({name: options.ports.url(name) for name in SERVICES}) as client:
            new = await self._prepare_accounts(client, plan)
            if options.seed and self._folder.read(_SEEDED_FILE) is None:
                await self._seed(client, plan, new.get("staff"), new.get("seller"))
        self._announce(new, plan.admin)
        if options.reload:
            await self._reload(supervisor, plan)

    async def _reload(self, supervisor: Supervisor, plan: Plan) -> None:
        """Restarts the programs of changed files, until cancelled."""
        package = find_spec(plan.package)
        if package is None or package.origin is None:
            raise LocalError(f"Package {plan.package} does not exist.")
        sources = Sources(Path(package.origin).parent)
        self._console.notice("Programs restart when their files change.")
        while True:
            await asyncio.sleep(POLL_SECONDS)
            changed = sources.changed()
            if not (names := sorted(sources.programs(changed))):
                continue
            self._console.notice(f"changed: {', '.join(sorted({path.name for path in changed}))}")
            schemas = sources.programs(path for path in changed if "migrations" in path.parts)
            try:
                await asyncio.gather(*(_migrate(plan, name) for name in schemas))
            except ProgramFailedError as error:
                self._console.error(str(error))
                continue  # the next change may repair it
            supervisor.restart(*names)

    async def _prepare_accounts(self, client: Client, plan: Plan) -> dict[str, accounts.Account]:
        if accounts.load_accounts(self._folder) and not self._options.new_accounts:
            return {}
        with self._console.step("accounts for trying the shop out"):
            return await accounts.create_accounts(client, plan.admin)

    async def _seed(
        self,
        client: Client,
        plan: Plan,
        staff: accounts.Account | None,
        seller: accounts.Account | None,
    ) -> None:
        console = self._console
        staff = staff or await accounts.create_staff(client, plan.admin, "seed")
        token = await accounts.login(client, staff.email, staff.password)
        with console.step("books by POST /books/import"):
            content = seed_shop.books_as_csv()
            book_ids = await seed_shop.import_books(client, token, content)
        if seller is not None:
            with console.step("a seller, with some of the books"):
                own = await accounts.login(client, seller.email, seller.password)
                await seed_shop.add_seller(client, own, token, seller.user_id, book_ids)
        with console.step("delivery providers"):
            await seed_shop.add_providers(client, token)
        with console.step(f"events about all {len(book_ids)} books, to purchase and back"):
            await seed_shop.wait_for_purchase(client, token, book_ids)
            await seed_shop.wait_for_catalog(client)
        self._folder.write(_SEEDED_FILE, {"books": len(book_ids)})

    def _announce(self, new: dict[str, accounts.Account], admin: Admin) -> None:
        ports = self._options.ports
        self._folder.write(
            RUNNING_FILE,
            {"pid": os.getpid(), **{name: ports.url(name) for name, _ in ports.each()}},
        )
        known = accounts.load_accounts(self._folder)
        welcome(self._console, ports, self._folder, admin, new, known)
        if new:
            # Stored after they were printed, so that a run that stops earlier leaves none behind.
            accounts.store_accounts(self._folder, new)
        self._console.show_program_output = True

    async def _close(self, supervisor: Supervisor) -> None:
        """The services stop first: the broker still accepts the events of their outboxes."""
        if self._stopping.is_set():
            self._console.print()
            self._console.notice("Stopping. A second Ctrl-C kills all programs at once.")
        self._folder.delete(RUNNING_FILE)
        await supervisor.stop("storefront", *SERVICES)
        await supervisor.stop("broker", "mailbox")


async def _migrate(plan: Plan, service: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *plan.migration(service),
        cwd=ROOT,
        env=plan.environment(service),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        text = output.decode(errors="replace").strip()
        raise ProgramFailedError(
            f"The migration of {service} {describe_exit(process.returncode or 0)}:\n"
            f"{text[-2000:]}\n"
            f"Is the database of another version? {command('dev -- --fresh')} creates a new one."
        )


def _check_sqlite() -> None:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        oldest = ".".join(map(str, _OLDEST_SQLITE))
        raise LocalError(
            f"This Python has SQLite {sqlite3.sqlite_version}; the shop needs {oldest} or newer. "
            "Use a Python that was built with it, such as one from python.org or uv."
        )


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


if __name__ == "__main__":
    sys.exit(main())
