"""A database is restored from a backup while the rest of the shop is ahead of it: all agree again.

The owner has lost what came after the backup, and gives its numbers again. Its readers find that
their past is not its past, and take its snapshot, whatever revisions they had.
"""

import os
import random
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from piccolo.querystring import QueryString

from tests.faults import audit
from tests.faults.buyers import buy
from tests.faults.harness import Shop
from tests.faults.processes import Process
from tests.servers.mysql import PASSWORD, USER

pytestmark = pytest.mark.asyncio(loop_scope="session")

Restore = Callable[[], Awaitable[None]]


def processes_of(shop: Shop, service: str) -> list[Process]:
    return [each for each in shop.services if each.arguments[0] == service]


async def backup(shop: Shop, service: str) -> Restore:
    """Copy a service's database while its processes are down; answers what puts it back."""
    processes = processes_of(shop, service)
    for process in processes:
        await process.stop()
    restore = _copied_files(shop, service) if shop.server is None else _copied(shop, service)
    for process in processes:
        await process.start()

    async def put_back() -> None:
        for process in processes:
            await process.kill()
        restore()
        # As the README asks of who restores.
        assert await shop.run(f"functions.{service}.after_restore", service) == 0
        for process in processes:
            await process.start()

    return put_back


def _copied_files(shop: Shop, service: str) -> Callable[[], None]:
    data, kept = shop.folder / "data", shop.folder / "backup"
    kept.mkdir(exist_ok=True)
    for file in data.glob(f"{service}.db*"):
        shutil.copy(file, kept / file.name)

    def restore() -> None:
        for file in data.glob(f"{service}.db*"):
            file.unlink()
        for file in kept.glob(f"{service}.db*"):
            shutil.copy(file, data / file.name)

    return restore


def _copied(shop: Shop, service: str) -> Callable[[], None]:
    assert shop.server is not None
    server, name = shop.server, f"{service}_{shop.suffix}"
    access = ["--host=127.0.0.1", f"--port={server.port}", f"--user={USER}"]
    environment = {**os.environ, "MYSQL_PWD": PASSWORD}

    def run(programs: Sequence[str], *arguments: str, given: bytes = b"") -> bytes:
        program = next(filter(None, map(shutil.which, programs)))
        return subprocess.run(  # noqa: S603 - this machine's own clients
            [program, *access, *arguments, name],
            input=given,
            env=environment,
            capture_output=True,
            check=True,
        ).stdout

    kept = run(("mariadb-dump", "mysqldump"), "--single-transaction")

    def restore() -> None:
        server.create_database(name)
        run(("mariadb", "mysql"), given=kept)

    return restore


async def test_readers_follow_a_seller_that_was_restored(
    shop: Shop, tell: Callable[..., None]
) -> None:
    """Its stock is at an older revision, and it sells on beyond the number that they had read."""
    book_id = await shop.book(100)
    await audit.sound(shop)
    ledger = dict(shop.acknowledged)
    restore = await backup(shop, "purchase")
    for number in range(5):
        await buy(shop, book_id, f"lost-{book_id}-{number}", random.Random(number))
    await audit.sound(shop)
    shop.proxies["broker"].cut = True
    await restore()
    shop.acknowledged = ledger  # what came after the backup is lost, and known to be
    for number in range(8):
        await buy(shop, book_id, f"kept-{book_id}-{number}", random.Random(number))
    shop.proxies["broker"].cut = False
    seconds = await audit.sound(shop)
    shown = (await shop.call("catalog", "GET", f"/books/{book_id}")).json()
    tell(agreed_after_s=round(seconds, 2))

    assert shown["stock"] == 92


async def test_a_seller_follows_a_catalogue_that_was_restored(shop: Shop) -> None:
    """A price goes back to what it was, and a book that catalog has lost is sold no more."""
    kept = await shop.book(10, "Queda")
    await audit.sound(shop)
    restore = await backup(shop, "catalog")
    lost = await shop.book(10, "Se pierde")
    changed = await shop.call(
        "catalog",
        "PUT",
        f"/books/{kept}",
        {"title": "Queda", "author": "Autora", "price": 50.0},
        user="admin",
    )
    await audit.sound(shop)
    await restore()
    await audit.sound(shop)
    bought = await buy(shop, kept, f"kept-{kept}", random.Random(1))
    refused = await buy(shop, lost, f"lost-{lost}", random.Random(1))
    new = await shop.book(3, "Nueva")
    stock = await shop.stock(new)

    assert changed.status_code == 200
    assert bought.json()["total_price"] == 19.9
    assert (refused.status_code, refused.json()["code"]) == (409, "book-retired")
    assert stock is not None
    assert stock["available"] == 3


async def test_consumers_follow_auth_that_was_restored(shop: Shop) -> None:
    """Who was disabled after the backup comes in again, and can be disabled again."""
    email, password = "restored@example.org", "restored-has-a-password"
    made = await shop.call("auth", "POST", "/register", {"email": email, "password": password})
    user_id = made.json()["id"]
    restore = await backup(shop, "auth")
    await shop.let_in()

    async def may_come_in() -> bool:
        await audit.agrees(shop)
        await shop.log_in("restored", email, password)
        answer = await shop.call("purchase", "GET", "/purchases", user="restored")
        return answer.status_code == 200

    async def disable(*, disabled: bool) -> None:
        await shop.call("auth", "PATCH", f"/users/{user_id}", {"disabled": disabled}, user="admin")

    came = [await may_come_in()]
    for disabled in (True, False, True):
        await disable(disabled=disabled)
        came.append(await may_come_in())
    await restore()
    await shop.let_in()
    came.append(await may_come_in())
    await disable(disabled=True)
    came.append(await may_come_in())

    assert made.status_code == 201
    assert came == [True, False, True, False, True, False]


async def test_a_new_customer_has_nothing_of_a_lost_one(shop: Shop) -> None:
    """The account is lost, the purchases are not; auth takes the lost one's token no more."""
    book_id = await shop.book(5)
    restore = await backup(shop, "auth")
    await shop.let_in()

    async def register(user: str) -> None:
        email, password = f"{user}@example.org", f"{user}-has-a-password"
        await shop.call("auth", "POST", "/register", {"email": email, "password": password})
        await shop.log_in(user, email, password)

    async def purchases(user: str) -> list[dict[str, Any]]:
        found = await shop.call("purchase", "GET", "/purchases", user=user)
        listed: list[dict[str, Any]] = found.json()
        return listed

    await register("lost")
    bought = await shop.call(
        *("purchase", "POST", "/purchase", {"book_id": book_id, "quantity": 1}),
        user="lost",
        headers={"idempotency-key": f"lost-customer-{book_id}"},
    )
    await restore()
    await shop.let_in()
    await register("new")
    shown = await shop.call("auth", "GET", "/me", user="lost")
    await audit.sound(shop)

    assert bought.status_code == 201
    assert (len(await purchases("lost")), await purchases("new")) == (1, [])
    assert shown.status_code == 401


async def test_a_reader_that_was_restored_reads_on(shop: Shop) -> None:
    """From where it stood at its backup; what it owns itself is as old as that."""
    book_id = await shop.book(50)
    await audit.sound(shop)
    restore = await backup(shop, "catalog")
    for number in range(5):
        await buy(shop, book_id, f"reader-{book_id}-{number}", random.Random(number))
    await audit.sound(shop)
    await restore()
    await audit.sound(shop)
    shown = (await shop.call("catalog", "GET", f"/books/{book_id}")).json()

    assert shown["stock"] == 45


async def test_a_projection_is_rebuilt_by_hand(shop: Shop) -> None:
    """While the service runs; a hand in its database has raised revisions beyond the owner's."""
    book_id = await shop.book(50)
    await audit.sound(shop)
    async with shop.database("catalog") as database:
        await database.execute(
            QueryString("UPDATE inventory SET revision = revision + 1000, available = 1")
        )
        await database.execute(
            QueryString("INSERT INTO inventory VALUES ({}, 5, 5, {})", 10**9, "2026-01-01 00:00:00")
        )
    code = await shop.run("functions.catalog.rebuild", "catalog")
    await audit.sound(shop)
    shown = (await shop.call("catalog", "GET", f"/books/{book_id}")).json()

    assert code == 0
    assert shown["stock"] == 50
