"""`python -m functions.local.dev`, which `nox -s dev` runs: the whole shop on this machine.

It says what it does, step by step, then stays until Ctrl-C. Next files: `programs` for what
runs, `supervisor` for how it is kept running.
"""

import asyncio
import os
import signal
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
from functions.local.invocation import command
from functions.local.mysql import MySQLServer
from functions.local.options import Options, parse_options
from functions.local.ports import SERVICES, check_free
from functions.local.programs import MANIFESTS, ROOT, Admin, Plan
from functions.local.rabbitmq import RabbitMQServer
from functions.local.reload import LOOKS_EVERY, Sources
from functions.local.seed import stock_shop
from functions.local.supervisor import Supervisor, describe_exit
from functions.local.welcome import welcome

RUNNING_FILE = "running.json"
"""In the data folder while the shop is open: where it is. The tour finds it by this."""

_SEEDED_FILE = "seeded.json"


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_options(arguments)
    console = Console()
    try:
        return asyncio.run(_Run(options, console).until_ended())
    except LocalError as error:
        console.say(console.bad(str(error)))
        return 1


class _Run:
    def __init__(self, options: Options, console: Console) -> None:
        self._options = options
        self._console = console
        self._folder = DataFolder(options.data)
        self._ending = asyncio.Event()
        self._supervisor: Supervisor | None = None

    async def until_ended(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._end)
        # Under nohup a terminal that is closed is not to end it.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            loop.add_signal_handler(signal.SIGHUP, self._end)
        self._console.notice("The bookstore, on this machine")
        with self._folder.in_use(fresh=self._options.fresh):
            self._supervisor = Supervisor(
                self._console, self._folder.logs, patient=self._options.reload
            )
            try:
                await self._run(self._supervisor)
            finally:
                await self._close(self._supervisor)
        return 0

    async def _run(self, supervisor: Supervisor) -> None:
        """Until somebody ends it, or a program is given up."""
        opening = asyncio.create_task(self._open(supervisor))
        ended = asyncio.create_task(self._ending.wait())
        reasons: set[asyncio.Future[Any]] = {ended, supervisor.failed}
        try:
            await asyncio.wait(reasons | {opening}, return_when=asyncio.FIRST_COMPLETED)
            if opening.done():
                await opening
                await asyncio.wait(reasons, return_when=asyncio.FIRST_COMPLETED)
            if supervisor.failed.done():
                supervisor.failed.result()
        finally:
            for task in (opening, ended):
                task.cancel()
            await asyncio.gather(opening, ended, return_exceptions=True)

    def _end(self) -> None:
        if self._ending.is_set():
            # Asked twice: now, and without ceremony.
            if self._supervisor is not None:
                self._supervisor.kill()
            os._exit(130)
        self._ending.set()

    async def _open(self, supervisor: Supervisor) -> None:
        options, console = self._options, self._console
        with console.step(f"data folder {_short(self._folder.path)}"):
            plan = Plan(
                self._folder,
                options.ports,
                accounts.admin_of(self._folder),
                options.package,
                options.poke_every,
                options.fast_clock,
                MySQLServer(options.mysql) if options.mysql else None,
                RabbitMQServer(options.rabbitmq) if options.rabbitmq else None,
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
        with console.step(f"databases of {', '.join(SERVICES)}: schema up to date"):
            await asyncio.gather(*(_migrate(plan, service) for service in SERVICES))
        with console.step("broker, with the Triggers of eventing/"):
            await supervisor.start(plan.broker())
        with console.step(f"services {', '.join(SERVICES)}"):
            await supervisor.start(*(plan.service(service) for service in SERVICES))
        async with Client({name: options.ports.url(name) for name in SERVICES}) as client:
            new = await self._prepare_accounts(client, plan)
            if options.seed and self._folder.read(_SEEDED_FILE) is None:
                await self._seed(client, plan, new.get("staff"))
        self._announce(new, plan.admin)
        if options.reload:
            await self._reload(supervisor, plan)

    async def _reload(self, supervisor: Supervisor, plan: Plan) -> None:
        """Start again what was changed, for as long as the shop is open."""
        package = find_spec(plan.package)
        if package is None or package.origin is None:
            raise LocalError(f"There is no package {plan.package}.")
        sources = Sources(Path(package.origin).parent)
        self._console.notice("What you change is started again.")
        while True:
            await asyncio.sleep(LOOKS_EVERY)
            changed = sources.changed()
            if not (names := sorted(sources.programs(changed))):
                continue
            self._console.notice(f"changed: {', '.join(sorted({path.name for path in changed}))}")
            schemas = sources.programs(path for path in changed if "migrations" in path.parts)
            try:
                await asyncio.gather(*(_migrate(plan, name) for name in schemas))
            except ProgramFailedError as error:
                self._console.say(self._console.bad(str(error)))
                continue  # the next change may be the one that it lacks
            supervisor.restart(*names)

    async def _prepare_accounts(self, client: Client, plan: Plan) -> dict[str, accounts.Account]:
        if accounts.known_accounts(self._folder) and not self._options.new_accounts:
            return {}
        with self._console.step("accounts for trying out"):
            return await accounts.make_accounts(client, plan.admin)

    async def _seed(self, client: Client, plan: Plan, staff: accounts.Account | None) -> None:
        console = self._console
        staff = staff or await accounts.make_staff(client, plan.admin, "seed")
        token = await accounts.login(client, staff.email, staff.password)
        with console.step("books, through POST /books/import"):
            content = stock_shop.books_as_csv()
            book_ids = await stock_shop.import_books(client, token, content)
        with console.step("delivery providers"):
            await stock_shop.add_providers(client, token)
        with console.step(f"events: purchase knows all {len(book_ids)} books"):
            await stock_shop.until_purchase_knows(client, token, book_ids)
        self._folder.write(_SEEDED_FILE, {"books": len(book_ids)})

    def _announce(self, new: dict[str, accounts.Account], admin: Admin) -> None:
        ports = self._options.ports
        self._folder.write(
            RUNNING_FILE,
            {"pid": os.getpid(), **{name: ports.url(name) for name, _ in ports.each()}},
        )
        known = accounts.known_accounts(self._folder)
        welcome(self._console, ports, self._folder, admin, new, known)
        if new:
            # Only now: had it ended before, nobody would have seen their passwords.
            accounts.remember_accounts(self._folder, new)
        self._console.programs_speak = True

    async def _close(self, supervisor: Supervisor) -> None:
        """The services first: what is in their outboxes still finds the broker."""
        if self._ending.is_set():
            self._console.say()
            self._console.notice("Closing. Once more Ctrl-C kills.")
        self._folder.forget(RUNNING_FILE)
        await supervisor.stop(*SERVICES)
        await supervisor.stop("broker")


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
            f"Is the database of another version? {command('dev -- --fresh')} begins anew."
        )


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


if __name__ == "__main__":
    sys.exit(main())
