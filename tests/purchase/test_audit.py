"""The audit finds what is wrong with the books, and nothing where they add up."""

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from piccolo.querystring import QueryString

from functions.kit.data import audit_runs
from functions.kit.data.audit_runs import AuditRun
from functions.kit.data.database import Database
from functions.purchase.audit import INVARIANTS, audit, audit_and_record
from functions.purchase.ledger_audit import SENTENCES, audit_ledger
from tests.purchase.shop import STAFF, Shop, open_shop

ROOT = Path(__file__).parents[2]

ADD_ADDRESS_OF_EACH_ADJUSTMENT = (
    "INSERT INTO addresses (user_id, recipient, line_1, city, country, created_at)"
    " SELECT 7, 'A', 'B', 'C', 'AO', created_at FROM adjustments"
)
ADD_TO_CART = (
    "INSERT INTO cart_items (user_id, book_id, quantity, price_when_added_minor, added_at)"
    " SELECT 7, {}, 1, 1, created_at FROM adjustments WHERE id = 1"
)
CLOSE_ACCOUNTS = "UPDATE customers SET closed_at = (SELECT MAX(created_at) FROM adjustments)"
ADDRESS_OF_THE_DELIVERED = (
    "INSERT INTO purchase_addresses (purchase_id, recipient, line_1, city, country)"
    " SELECT id, 'A', 'B', 'C', 'AO' FROM purchases WHERE status = 'Delivered'"
)

BREACHES = {
    "initial stock": ["UPDATE adjustments SET delta = delta + 1 WHERE book_id = 1"],
    "of purchases that hold stock": ["UPDATE purchases SET status = 'Expired' WHERE id = 1"],
    "those of delivered purchases": ["UPDATE inventory SET fulfilled = 9 WHERE book_id = 1"],
    "costs its items": ["UPDATE purchase_items SET unit_price_minor = 1 WHERE purchase_id = 1"],
    "last one of its timeline": ["DELETE FROM purchase_timeline WHERE purchase_id = 1"],
    "every key of a purchase": [
        "DELETE FROM purchase_items WHERE purchase_id = 1",
        "DELETE FROM purchase_timeline WHERE purchase_id = 1",
        "DELETE FROM purchases WHERE id = 1",
    ],
    "sum of its refunds": ["UPDATE payments SET refunded_minor = 1"],
    "not paid": ["UPDATE purchases SET status = 'Cancelled' WHERE id = 2"],
    "paid once": ["UPDATE payments SET status = 'Failed'"],
    "at most one payment": [
        "UPDATE payments SET status = 'Processing'",
        "UPDATE purchases SET status = 'Expired'",
    ],
    "every key of a payment": [
        "UPDATE payments SET requested_by = 7, request_key = 'a-key', outcome = 'paid'",
        "UPDATE idempotency_keys SET status = 0, route = 'POST /payment'",
    ],
    "addresses": [ADD_ADDRESS_OF_EACH_ADJUSTMENT] * 7,
    "books": [ADD_TO_CART.format(book_id) for book_id in range(1, 52)],
    "a book in a cart": [ADD_TO_CART.format(99)],
    "no address and no cart": [CLOSE_ACCOUNTS, ADD_TO_CART.format(1)],
    "until it ends": [CLOSE_ACCOUNTS, ADDRESS_OF_THE_DELIVERED],
    "has no gap": ["DELETE FROM outbox WHERE sequence = 2"],
    "that catalog can have assigned": [
        "UPDATE books SET revision = 4611686018427387904 WHERE book_id = 1"
    ],
    "newest revision": ["UPDATE inventory SET revision = revision + 1 WHERE book_id = 2"],
}


async def busy(shop: Shop) -> None:
    """One purchase that waits for its money under a key, one that is paid, one delivered."""
    await shop.call("POST", "/purchase", {"book_id": 1, "quantity": 2}, key="a-key")
    await shop.pay(await shop.buy(2))
    delivered = await shop.buy(3)
    await shop.pay(delivered)
    assignment = await shop.assign(delivered)
    for status in ("in_transit", "delivered"):
        await shop.call("PATCH", f"/assignments/{assignment}", {"status": status}, user=STAFF)
    await shop.published("inventory")  # reading the feed numbers its rows


async def found(database: Database) -> list[str]:
    return [finding.sentence for finding in await audit(database) if finding.breaches]


async def test_every_invariant_holds_in_a_busy_shop(database_url: str) -> None:
    """Every invariant holds."""
    async with open_shop(database_url) as shop:
        await busy(shop)
        findings = await audit(shop.database)

    assert [finding.sentence for finding in findings] == [each.sentence for each in INVARIANTS]
    assert [list(finding.breaches) for finding in findings] == [[]] * len(INVARIANTS)


@pytest.mark.parametrize("name", BREACHES)
async def test_a_manual_change_of_the_database_is_found(database_url: str, name: str) -> None:
    """Each manual change violates the invariant about it."""
    async with open_shop(database_url) as shop:
        await busy(shop)
        for statement in BREACHES[name]:
            await shop.database.execute(QueryString(statement))
        sentences = await found(shop.database)

    assert [sentence for sentence in sentences if name in sentence] != []


LEDGER_BREACHES = {
    "every charge of the provider": ["UPDATE payments SET status = 'Failed' WHERE id = 1"],
    "recorded as charged is in": ["DELETE FROM simulated_ledger WHERE kind = 'charge'"],
    "every refund of the provider": ["UPDATE refunds SET settled = 0"],
    "recorded as paid is in": ["DELETE FROM simulated_ledger WHERE kind = 'refund'"],
    "no refund is owed": ["UPDATE refunds SET settled = 0"],
    "without an answer": ["UPDATE payments SET status = 'Processing' WHERE id = 2"],
    "charge of the provider is a": ["UPDATE simulated_ledger SET amount_minor = 1"],
    "charge of the provider": ["UPDATE payments SET reference = 'unknown' WHERE id = 1"],
}


@pytest.mark.parametrize("name", LEDGER_BREACHES)
async def test_a_ledger_that_disagrees_is_found(database_url: str, name: str) -> None:
    """Charges and refunds that one side does not know, and refunds that are owed."""
    async with open_shop(database_url) as shop:
        for book_id in (1, 2):
            payment_id = await shop.pay(await shop.buy(book_id))
        path = f"/payments/{payment_id}/refunds"
        await shop.call("POST", path, {"amount": 1}, user=STAFF, key="r")
        shop.clock.advance(minutes=16)
        before = await audit_ledger(shop.database, shop.provider, shop.clock())
        for statement in LEDGER_BREACHES[name]:
            await shop.database.execute(QueryString(statement))
        after = await audit_ledger(shop.database, shop.provider, shop.clock())

    assert [finding.sentence for finding in before] == list(SENTENCES)
    assert [finding for finding in before if finding.breaches] == []
    assert [each.sentence for each in after if each.breaches and name in each.sentence] != []


@pytest.mark.parametrize(("broken", "code", "word"), [(False, 0, "ok"), (True, 1, "BREACH")])
async def test_the_command_prints_breaches_and_exits_with_one(
    database_url: str, *, broken: bool, code: int, word: str
) -> None:
    """It prints a line per invariant, and exits with 1 on a breach."""
    async with open_shop(database_url) as shop:
        await busy(shop)
        if broken:
            await shop.database.execute(QueryString("UPDATE inventory SET revision = 99"))
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "functions.purchase.audit"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database_url},
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    lines = [line for line in printed.decode().splitlines() if not line.startswith("    ")]

    assert (process.returncode, len(lines)) == (code, len(INVARIANTS) + len(SENTENCES))
    assert word in {line.split()[0] for line in lines}


async def test_a_running_service_audits_itself_once_a_day(tmp_path: Path) -> None:
    """The result is stored and shown to admins; a breach is in it, with the number of rows."""
    async with open_shop(f"sqlite:///{tmp_path}/purchase.db") as shop:
        await busy(shop)
        audits = [await next_audit(shop, timedelta(minutes=1))]
        await shop.database.execute(QueryString("UPDATE inventory SET revision = 99"))
        unchanged = await next_audit(shop, timedelta(hours=23))
        audits.append(await next_audit(shop, timedelta(hours=1)))
        stored = await audit_runs.last(shop.database)
        answer = await shop.client.get("/internal/status", headers=shop.issuer.bearer(1, "admin"))

    assert [each.outcome for each in audits] == ["clean", "breached"]
    assert unchanged == audits[0]
    assert audits[1].checked == len(INVARIANTS) + len(SENTENCES)
    assert stored == audits[1]
    assert answer.json()["audited"] is True
    assert answer.json()["audit"]["breaches"] == [
        {"invariant": each.invariant, "count": each.count} for each in audits[1].breaches
    ]


async def next_audit(shop: Shop, later: timedelta) -> AuditRun:
    """The last result, once the background tasks have run at a later time."""
    shop.clock.advance(seconds=later.total_seconds())
    tasks = shop.app.state.services.process.tasks
    async with asyncio.timeout(60):
        for _ in range(2):  # the round that runs now may have passed the audit already
            before = tasks.get("record_start")
            shop.app.state.services.run_background_tasks()
            while tasks.get("record_start") is before:  # noqa: ASYNC110 - the last task of a round
                await asyncio.sleep(0)
    found = await audit_runs.last(shop.database)

    assert found is not None
    return found


@pytest.mark.parametrize(("broken", "outcome"), [(False, "clean"), (True, "breached")])
async def test_the_command_stores_its_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, broken: bool, outcome: str
) -> None:
    """As the daily audit does."""
    async with open_shop(f"sqlite:///{tmp_path}/purchase.db") as shop:
        if broken:
            await shop.database.execute(QueryString("UPDATE inventory SET revision = 99"))
        await audit_and_record(shop.database, shop.provider, shop.clock)
        stored = await audit_runs.last(shop.database)

    assert stored is not None
    assert stored.outcome == outcome


async def test_an_unavailable_database_exits_with_two(tmp_path: Path) -> None:
    """The command exits with 2 and prints the reason."""
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "functions.purchase.audit"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path}"},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()

    assert process.returncode == 2
    assert "the audit could not run" in said.decode()
