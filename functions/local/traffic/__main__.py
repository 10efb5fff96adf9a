"""`python -m functions.local.traffic`, which `nox -s traffic` runs.

It plays people in the shop that `nox -s dev` runs, in one of its own, or in one whose addresses are
given; then it compares what they bought with what the shop says. The exit code is 1 where that
differs, or where the shop failed (5xx other than 503).
"""

import asyncio
import ipaddress
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from urllib.parse import urlsplit

from functions.local import accounts
from functions.local.client import Client
from functions.local.console import Console
from functions.local.data_folder import DataFolder
from functions.local.errors import LocalError, ShopError
from functions.local.options import TrafficOptions, parse_traffic_options
from functions.local.tour import (
    Shop,
    admin_from,
    find_shop,
    folder_of_open_shop,
    own_shop,
    temporary_account,
)
from functions.local.traffic import buyers, readers
from functions.local.traffic import staff as staff_visits
from functions.local.traffic.check import check
from functions.local.traffic.faults import PlannedFault, program_of
from functions.local.traffic.figures import Figures, Outcome
from functions.local.traffic.play import Kind, play
from functions.local.traffic.sellers import sell, seller_with_books
from functions.local.traffic.sending import Sender, Unanswered
from functions.local.traffic.shoppers import Shopper, register

FEWEST, MOST = 3, 30
"""Customers that buy, by the rate; each buys one thing at a time."""

_REFRESH_SECONDS = 0.5
_LINE_SECONDS = 10.0
"""Between two lines, where the output is not a terminal."""


CALLED = ("auth", "catalog", "purchase")
"""The services whose public APIs the traffic calls."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_traffic_options(arguments)
    console = Console()
    try:
        return asyncio.run(_run(options, console))
    except LocalError as error:
        console.print()
        console.error(str(error))
        return 1
    except KeyboardInterrupt:
        return 130


async def _run(options: TrafficOptions, console: Console) -> int:
    stopping = asyncio.Event()

    def stop() -> None:
        loop.remove_signal_handler(signal.SIGINT)  # the second one ends the process
        stopping.set()

    loop = asyncio.get_running_loop()
    program_of(options.fault)  # an unknown fault is refused before a shop is started for it
    async with _shop(options, console) as shop:
        fault = PlannedFault(options.fault, shop)
        urls = {**shop.urls, "storefront": shop.storefront or ""}
        _refuse_remote(urls, allowed=options.allow_remote)
        loop.add_signal_handler(signal.SIGINT, stop)
        figures = Figures()
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(Client(shop.urls))
            account = await stack.enter_async_context(
                temporary_account(client, shop.admin, "traffic-staff")
            )
            sender = await stack.enter_async_context(Sender(urls, figures))
            with console.step("customers and books"):
                staff = await _signed_in(sender, account)
                shoppers = await _register(stack, sender, client, shop, options.rate)
                books = await _books(sender)
                seller = await stack.enter_async_context(
                    seller_with_books(sender, client, shop.admin, shoppers.pop())
                )
            kinds = _kinds(options, sender, shoppers, staff, books, fault)
            if seller is not None:
                books += seller.books
                choose = random.Random(options.seed + 2)  # noqa: S311 - as in `_kinds`
                kinds.append(Kind("seller", 3, lambda: sell(sender, choose, seller)))
            console.notice(
                f"{options.rate:g} visits a second for {options.minutes:g} min at"
                f" {shop.storefront}. Ctrl-C ends it earlier."
            )
            await _play(options, kinds, figures, fault, stopping, console)
            with console.step("comparing what was bought with what the shop says"):
                differences = await check(sender, shoppers, staff)
    return _report(figures, differences, console)


@asynccontextmanager
async def _shop(options: TrafficOptions, console: Console) -> AsyncIterator[Shop]:
    """The shop whose addresses are given, the running one, or one of the traffic's own."""
    given = {
        name: url.rstrip("/")
        for name in (*CALLED, "storefront")
        if (url := getattr(options, f"{name}_url")) is not None
    }
    if given:
        if len(given) < len(CALLED) + 1:
            raise LocalError(
                "Give the addresses of all: --auth-url, --catalog-url, --purchase-url and"
                " --storefront-url."
            )
        if (admin := admin_from(os.environ)) is None:
            raise LocalError(
                "Give the shop's admin by FIRST_ADMIN_EMAIL and FIRST_ADMIN_PASSWORD: it makes the"
                " account of a member of staff, and disables the accounts of the traffic."
            )
        _refuse_remote(given, allowed=options.allow_remote)
        yield Shop({name: given[name] for name in CALLED}, admin, given["storefront"])
        return
    folder = DataFolder(options.data or folder_of_open_shop())
    if not options.own and (running := await find_shop(folder)) is not None:
        console.print("The traffic uses the shop that is running.")
        yield running
        return
    console.print("The traffic starts a shop of its own.")
    async with own_shop(console) as shop:
        yield shop


def _refuse_remote(urls: dict[str, str], *, allowed: bool) -> None:
    """Raises LocalError for an address beyond this machine, unless they are allowed."""
    for name, url in urls.items():
        if not allowed and not is_loopback(url):
            raise LocalError(
                f"{name} is at {url}, which is not this machine. The traffic registers customers"
                " there, buys and pays; --allow-remote says that this is meant."
            )


def is_loopback(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _register(
    stack: AsyncExitStack, sender: Sender, client: Client, shop: Shop, rate: float
) -> list[Shopper]:
    """New customers, whose accounts are disabled at the end; one of them may become a seller."""
    shoppers: list[Shopper] = []

    registered: list[int] = []

    async def disable() -> None:
        for user_id in registered:
            # A second error must not replace the first.
            with suppress(ShopError):
                await accounts.disable(client, shop.admin, user_id)

    stack.push_async_callback(disable)
    for number in range(min(max(FEWEST, round(rate * 2)), MOST) + 1):
        shopper = await register(sender, number)
        shoppers.append(shopper)
        registered.append(shopper.user_id)  # at once: it is disabled if the next one fails
    return shoppers


async def _signed_in(sender: Sender, account: accounts.Account) -> Shopper:
    staff = Shopper(account.email, account.password, account.user_id)
    try:
        await staff.sign_in(sender)
    except Unanswered as error:
        raise ShopError("auth does not answer.") from error
    return staff


async def _books(sender: Sender) -> list[int]:
    try:
        response = await sender.read(
            "list", "catalog", "/books?in_stock=true&sort=popular&limit=100"
        )
    except Unanswered as error:
        raise ShopError("catalog does not answer.") from error
    books = [book["id"] for book in response.json()] if response.is_success else []
    if not books:
        raise ShopError("The shop has no book in stock, so there is nothing to buy.")
    return books


def _kinds(
    options: TrafficOptions,
    sender: Sender,
    shoppers: list[Shopper],
    staff: Shopper,
    books: list[int],
    fault: PlannedFault,
) -> list[Kind]:
    choose = random.Random(options.seed)  # noqa: S311 - chooses books, not secrets
    free: asyncio.Queue[Shopper] = asyncio.Queue()
    for shopper in shoppers:
        free.put_nowait(shopper)

    async def buyer() -> None:
        shopper = await free.get()
        try:
            methods = buyers.SLOW_PROVIDER if fault.slows_provider else buyers.PAYS_WITH
            await buyers.buy(sender, choose, shopper, books, methods)
        finally:
            free.put_nowait(shopper)

    return [
        Kind("reader", 70, lambda: readers.look_around(sender, choose, books)),
        Kind("buyer", 24, buyer),
        Kind("member of staff", 6, lambda: staff_visits.work(sender, choose, staff, books)),
    ]


async def _play(
    options: TrafficOptions,
    kinds: list[Kind],
    figures: Figures,
    fault: PlannedFault,
    stopping: asyncio.Event,
    console: Console,
) -> None:
    seconds = options.minutes * 60
    shown = asyncio.create_task(_show(figures, fault, console))
    broken = asyncio.create_task(fault.run(seconds))
    try:
        await play(
            kinds,
            rate=options.rate,
            seconds=seconds,
            choose=random.Random(options.seed + 1),  # noqa: S311
            figures=figures,
            stopping=stopping,
        )
    finally:
        for task in (broken, shown):
            task.cancel()
        await asyncio.gather(broken, shown, return_exceptions=True)


async def _show(figures: Figures, fault: PlannedFault, console: Console) -> None:
    """A table that changes in place on a terminal; a line from time to time elsewhere."""
    if not console.is_terminal:
        while True:
            await asyncio.sleep(_LINE_SECONDS)
            away = figures.total(Outcome.AWAY)
            console.print(
                f"{figures.requests} requests, {away} of them without an answer."
                f" {figures.sentence()}" + (f" Now: {fault.name}." if fault.on else "")
            )
    with console.live() as show:
        while True:
            below = figures.sentence() + (f" Now: {fault.name}." if fault.on else "")
            show(figures.rows(), below)
            await asyncio.sleep(_REFRESH_SECONDS)


def _report(figures: Figures, differences: list[str], console: Console) -> int:
    console.print()
    console.table(figures.rows())
    console.print()
    console.print(figures.sentence())
    if figures.turned_away:
        console.print(f"{figures.turned_away} visits were turned away: too many were under way.")
    for failure, times in figures.failures.most_common(10):
        console.error(f"{times} × {failure}")
    for difference in differences[:20]:
        console.error(difference)
    if len(differences) > 20:
        console.error(f"and {len(differences) - 20} more differences")
    if differences or figures.failures:
        console.error("The shop did not hold.")
        return 1
    console.notice("Everything that was bought is in the shop: once, at its price, paid once.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
