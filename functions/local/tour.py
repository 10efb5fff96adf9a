"""`python -m functions.local.tour`, which `nox -s tour` runs: a purchase's life, step by step.

Against the shop that `nox -s dev` has open, or against one that it opens for itself, on free
ports and in a temporary folder, and closes again. Ends with 1 at the first thing that is not
as told. Next files: `tour_story` for the steps, `tour_guide` for how one is shown.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from functions.local import accounts
from functions.local.client import PATIENCE_SECONDS, Client, until
from functions.local.console import Console
from functions.local.data_folder import DataFolder
from functions.local.dev import RUNNING_FILE
from functions.local.errors import LocalError, ProgramFailedError, ShopError
from functions.local.invocation import command
from functions.local.options import default_data
from functions.local.ports import SERVICES, Ports
from functions.local.programs import ROOT, Admin
from functions.local.tour_guide import Guide, Person
from functions.local.tour_story import Story

_OPENING_SECONDS = 120.0


def _folder_of_the_open_shop() -> Path:
    """A shop on MySQL or RabbitMQ has a folder of its own; the first that is open is taken."""
    folders = [
        default_data(mysql=mysql, rabbitmq=rabbitmq)
        for mysql in (False, True)
        for rabbitmq in (False, True)
    ]
    return next((each for each in folders if (each / RUNNING_FILE).exists()), folders[0])


@dataclass(frozen=True)
class Shop:
    urls: Mapping[str, str]
    admin: Admin


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog=command("tour --"), description="Walks through the life of a purchase."
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=_folder_of_the_open_shop(),
        metavar="FOLDER",
        help="data folder of the running shop (or BOOKSTORE_DATA; default: where one is open)",
    )
    parser.add_argument(
        "--own", action="store_true", help="open a shop for the tour, even where one is open"
    )
    options = parser.parse_args(arguments)
    console = Console()
    try:
        asyncio.run(_tour(None if options.own else DataFolder(options.data), console))
    except LocalError as error:
        console.say()
        console.say(console.bad(f"The tour ends here: {error}"))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


async def _tour(folder: DataFolder | None, console: Console) -> None:
    if folder is not None and (shop := await find_shop(folder)) is not None:
        console.say("The shop is open; we go in.")
        await walk(shop, console)
        return
    console.say("This tour opens a shop for itself.")
    async with own_shop(console) as shop:
        await walk(shop, console)


async def walk(shop: Shop, console: Console) -> None:
    async with Client(shop.urls) as client, staff_for_a_while(client, shop.admin) as staff:
        await Story(console, Guide(console, client), staff).tell()
    console.say()
    console.notice("That was the life of a purchase. Everything was as told.")


async def find_shop(folder: DataFolder) -> Shop | None:
    """The open shop of this data folder, or the one that listens where shops do."""
    state = folder.read(RUNNING_FILE)
    ports = Ports()
    urls = {name: str(state[name]) if state else ports.url(name) for name in SERVICES}
    # Where a runner is at work, a service that does not answer is being started again.
    patience = PATIENCE_SECONDS if state and _is_alive(int(state["pid"])) else 0.0
    try:
        await until("that the open shop answers", partial(_answer, urls), seconds=patience)
    except ShopError:
        if patience:
            raise
        return None
    if (admin := accounts.known_admin(folder) or _admin_from(os.environ)) is None:
        raise ShopError(
            f"A shop answers at {urls['auth']}, but {folder.path} holds no admin to make a staff "
            "account with: name its data folder with --data, or its admin with "
            "FIRST_ADMIN_EMAIL and FIRST_ADMIN_PASSWORD."
        )
    return Shop(urls, admin)


@asynccontextmanager
async def own_shop(console: Console) -> AsyncIterator[Shop]:
    with tempfile.TemporaryDirectory(prefix="bookstore-tour-") as name:
        folder, ports, log = DataFolder(Path(name) / "data"), Ports.any_free(), Path(name) / "log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "functions.local.leash", "functions.local.dev"),
                *("--data", str(folder.path)),
                *(f"--{program}-port={port}" for program, port in ports.each()),
                cwd=ROOT,
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            with console.step("opening, with fresh data on free ports"):
                await _until_open(process, folder, log)
            yield Shop({s: ports.url(s) for s in SERVICES}, accounts.admin_of(folder))
        finally:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            await process.wait()


async def _until_open(process: asyncio.subprocess.Process, folder: DataFolder, log: Path) -> None:
    try:
        async with asyncio.timeout(_OPENING_SECONDS):
            while folder.read(RUNNING_FILE) is None:
                if process.returncode is not None:
                    raise ProgramFailedError(f"The shop did not open:\n{_end_of(log)}")
                await asyncio.sleep(0.1)
    except TimeoutError as error:
        raise ProgramFailedError(
            f"The shop is not open after {_OPENING_SECONDS:g} s:\n{_end_of(log)}"
        ) from error


@asynccontextmanager
async def staff_for_a_while(client: Client, admin: Admin) -> AsyncIterator[Person]:
    """A staff account that nobody can use afterwards."""
    account = await accounts.make_staff(client, admin, "tour-staff")
    token = await accounts.login(client, account.email, account.password)
    try:
        yield Person("STAFF", token)
    finally:
        # A tour that failed has its own message, which this must not take the place of.
        with suppress(ShopError):
            await accounts.disable(client, admin, account.user_id)


def _end_of(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-3000:]


async def _answer(urls: Mapping[str, str]) -> bool:
    async with httpx.AsyncClient(trust_env=False, timeout=5.0) as client:
        try:
            return all([(await client.get(f"{url}/readyz")).is_success for url in urls.values()])
        except httpx.HTTPError:
            return False


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _admin_from(environ: Mapping[str, str]) -> Admin | None:
    email, password = environ.get("FIRST_ADMIN_EMAIL"), environ.get("FIRST_ADMIN_PASSWORD")
    return Admin(email, password) if email and password else None


if __name__ == "__main__":
    sys.exit(main())
