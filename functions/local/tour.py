"""`python -m functions.local.tour`, which `nox -s tour` runs: the life of a purchase, step by step.

It uses the shop that `nox -s dev` runs, or starts one of its own, on free ports and in a temporary
folder. The exit code is 1 when a response differs from what the step describes. Next files:
`tour_steps` for the steps, `tour_requests` for how each request is sent and printed;
`tour_storefront` and `tour_pages` for the second part, in which a visitor buys by pages.
"""

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
from functions.local.client import RETRY_SECONDS, Client, wait_until
from functions.local.console import Console
from functions.local.data_folder import DataFolder
from functions.local.dev import RUNNING_FILE
from functions.local.errors import LocalError, ProgramFailedError, ShopError
from functions.local.options import default_data_folders, parse_dev_options, parse_tour_options
from functions.local.ports import SERVICES, Ports
from functions.local.programs import ROOT, Admin
from functions.local.tour_pages import TourBrowser
from functions.local.tour_requests import Caller, TourRequests
from functions.local.tour_steps import PurchaseTour
from functions.local.tour_storefront import StorefrontTour

_OPENING_SECONDS = 120.0


@dataclass(frozen=True)
class Shop:
    urls: Mapping[str, str]
    admin: Admin
    storefront: str | None = None
    """Its address; None where the shop was started without one."""
    folder: DataFolder | None = None
    """Of the runner on this machine; None for a shop that no runner keeps running."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_tour_options(arguments)
    console = Console()
    try:
        if options.own:
            asyncio.run(_tour_own_shop(console))
        else:
            asyncio.run(_tour(DataFolder(options.data or folder_of_open_shop()), console))
    except LocalError as error:
        console.print()
        console.error(f"The tour failed: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def folder_of_open_shop() -> Path:
    """The one that `dev` is configured to use, else the first default one with a running shop."""
    if (configured := parse_dev_options([]).data) is not None:
        return configured
    folders = default_data_folders()
    return next((each for each in folders if (each / RUNNING_FILE).exists()), folders[0])


async def _tour(folder: DataFolder, console: Console) -> None:
    if (shop := await find_shop(folder)) is None:
        await _tour_own_shop(console)
        return
    console.print("The tour uses the shop that is running.")
    await walk(shop, console)


async def _tour_own_shop(console: Console) -> None:
    console.print("The tour starts a shop of its own.")
    async with own_shop(console) as shop:
        await walk(shop, console)


async def walk(shop: Shop, console: Console) -> None:
    console.print("Part one: the life of a purchase, by the services' APIs.")
    async with Client(shop.urls) as client, temporary_staff(client, shop.admin) as staff:
        tour = PurchaseTour(console, TourRequests(console, client), staff)
        await tour.run()
    console.print()
    if shop.storefront is not None:
        await _walk_storefront(shop.storefront, console, first=len(tour.steps()) + 1)
    console.notice("That was the life of a purchase. Every response was as described.")


async def _walk_storefront(url: str, console: Console, *, first: int) -> None:
    async with TourBrowser(console, url) as browser:
        if not await browser.answers():
            console.print(f"There is no part two: no storefront responds at {url}.")
            return
        console.print("Part two: a visitor buys a book in the storefront, page by page.")
        await StorefrontTour(console, browser).run(first)
    console.print()


async def find_shop(folder: DataFolder) -> Shop | None:
    """The running shop of this data folder, else one on the default ports."""
    state = folder.read(RUNNING_FILE)
    ports = Ports()
    urls = {name: str(state[name]) if state else ports.url(name) for name in SERVICES}
    # While the runner lives, a service that does not respond is restarting.
    seconds = RETRY_SECONDS if state and _is_alive(int(state["pid"])) else 0.0
    try:
        await wait_until("the running shop responds", partial(_responds, urls), seconds=seconds)
    except ShopError:
        if seconds:
            raise
        return None
    if (admin := accounts.load_admin(folder) or admin_from(os.environ)) is None:
        raise ShopError(
            f"A shop runs at {urls['auth']}, but {folder.path} holds no admin, with whom the tour "
            "could create a staff account. Give the shop's data folder with --data, or its admin "
            "with FIRST_ADMIN_EMAIL and FIRST_ADMIN_PASSWORD."
        )
    storefront = state.get("storefront") if state else ports.url("storefront")
    return Shop(urls, admin, storefront, folder if state else None)


@asynccontextmanager
async def own_shop(console: Console) -> AsyncIterator[Shop]:
    with tempfile.TemporaryDirectory(prefix="bookstore-tour-") as name:
        folder, ports, log = DataFolder(Path(name) / "data"), Ports.any_free(), Path(name) / "log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "functions.local.parent_watch", "functions.local.dev"),
                *("--data", str(folder.path)),
                *(f"--{program}-port={port}" for program, port in ports.each()),
                cwd=ROOT,
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            with console.step("starting a shop with new data on free ports"):
                await _until_open(process, folder, log)
            admin = accounts.load_or_create_admin(folder)
            urls = {name: ports.url(name) for name in SERVICES}
            yield Shop(urls, admin, ports.url("storefront"), folder)
        finally:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            await process.wait()


async def _until_open(process: asyncio.subprocess.Process, folder: DataFolder, log: Path) -> None:
    try:
        async with asyncio.timeout(_OPENING_SECONDS):
            while folder.read(RUNNING_FILE) is None:
                if process.returncode is not None:
                    raise ProgramFailedError(f"The shop did not start:\n{_end_of(log)}")
                await asyncio.sleep(0.1)
    except TimeoutError as error:
        raise ProgramFailedError(
            f"The shop did not start within {_OPENING_SECONDS:g} s:\n{_end_of(log)}"
        ) from error


@asynccontextmanager
async def temporary_staff(client: Client, admin: Admin) -> AsyncIterator[Caller]:
    """A staff account that is disabled at the end."""
    async with temporary_account(client, admin, "tour-staff") as account:
        token = await accounts.login(client, account.email, account.password)
        yield Caller("STAFF", token)


@asynccontextmanager
async def temporary_account(
    client: Client, admin: Admin, name: str
) -> AsyncIterator[accounts.Account]:
    """A staff account that is disabled at the end."""
    account = await accounts.create_staff(client, admin, name)
    try:
        yield account
    finally:
        # A second error must not replace that of a failed tour.
        with suppress(ShopError):
            await accounts.disable(client, admin, account.user_id)


def _end_of(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-3000:]


async def _responds(urls: Mapping[str, str]) -> bool:
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


def admin_from(environ: Mapping[str, str]) -> Admin | None:
    email, password = environ.get("FIRST_ADMIN_EMAIL"), environ.get("FIRST_ADMIN_PASSWORD")
    return Admin(email, password) if email and password else None


if __name__ == "__main__":
    sys.exit(main())
