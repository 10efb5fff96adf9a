"""After each fault: does the shop agree with itself, and with what it has acknowledged?"""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from piccolo.querystring import QueryString

from functions.kit.base.clock import utc_now
from functions.kit.data.database import Database
from functions.purchase.audit import audit as audit_purchase
from functions.purchase.ledger_audit import audit_ledger
from functions.purchase.simulated_provider import SimulatedProvider
from tests.faults.fault_injection import CLOCK
from tests.faults.harness import LONGEST, SERVICES, Shop

STREAMS = {
    "/bookstore/purchase/inventory": ("purchase", ("catalog",)),
    "/bookstore/purchase/orders": ("purchase", ("catalog",)),
    "/bookstore/catalog/books": ("catalog", ("purchase",)),
    "/bookstore/auth/security": ("auth", ("catalog", "purchase")),
}
"""Source → its owner, and who reads it."""


async def _rows(database: Database, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    outcome = await database.execute(QueryString(sql, *values))
    return [tuple(row.values()) for row in outcome.rows]


@asynccontextmanager
async def _databases(shop: Shop) -> AsyncIterator[Mapping[str, Database]]:
    async with (
        shop.database("auth") as auth,
        shop.database("catalog") as catalog,
        shop.database("purchase") as purchase,
    ):
        yield dict(zip(SERVICES, (auth, catalog, purchase), strict=True))


async def disagreements(shop: Shop) -> list[str]:
    """What is still on its way, or lost: unsent rows, positions behind, projections that differ."""
    async with _databases(shop) as databases:
        return await _compare(databases, shop.unread)


async def _compare(databases: Mapping[str, Database], unread: Collection[str]) -> list[str]:
    found = []
    for name, database in databases.items():
        ((unsent,),) = await _rows(
            database, "SELECT COUNT(*) AS n FROM outbox WHERE sent_at IS NULL"
        )
        if unsent:
            found.append(f"{name}: {unsent} events are not sent")
    for source, (owner, readers) in STREAMS.items():
        if source in unread:
            continue
        heads = await _rows(
            databases[owner], "SELECT head FROM outbox_streams WHERE source = {}", source
        )
        for reader in readers:
            positions = await _rows(
                databases[reader],
                "SELECT contiguous FROM stream_positions WHERE source = {}",
                source,
            )
            if (heads or [(0,)]) != (positions or [(0,)]):
                found.append(f"{reader} has read {source} to {positions}, not {heads}")
    catalog, purchase = databases["catalog"], databases["purchase"]
    stock = "SELECT book_id, revision, available FROM inventory ORDER BY book_id"
    if await _rows(purchase, stock) != await _rows(catalog, stock):
        found.append("catalog shows another stock than purchase has")
    owned = "SELECT id, revision, price_minor, retired, title FROM books ORDER BY id"
    kept = "SELECT book_id, revision, price_minor, retired, title FROM books"
    kept += " WHERE revision > 0 ORDER BY book_id"  # at 0: what catalog has lost
    if await _rows(catalog, owned) != await _rows(purchase, kept):
        found.append("purchase sells other books than catalog has")
    return found


async def agrees(shop: Shop) -> float:
    """Wait until nothing is on its way and everybody agrees; the seconds that it took."""
    start = time.monotonic()
    async with _databases(shop) as databases:
        while found := await _compare(databases, shop.unread):
            if time.monotonic() - start > LONGEST:
                raise AssertionError("\n".join(found))
            await asyncio.sleep(0.05)  # seen only from outside: nothing announces it
    return time.monotonic() - start


async def breaches(shop: Shop) -> list[str]:
    """What is wrong with purchase's books, by the tables and by the payment provider's ledger, or
    missing of what was acknowledged."""
    # Far enough ahead that nothing is under way, also by a clock that a test has moved.
    later = utc_now() + timedelta(days=1)
    async with shop.database("purchase") as database:
        provider = SimulatedProvider(database=database, clock=lambda: later)
        findings = [*await audit_purchase(database), *await audit_ledger(database, provider, later)]
        found = [
            f"{finding.sentence}: {list(finding.breaches)[:3]}"
            for finding in findings
            if finding.breaches
        ]
        kept = dict(await _rows(database, "SELECT idempotency_key, body FROM idempotency_keys"))
        ((made,),) = await _rows(database, "SELECT COUNT(*) AS n FROM purchases")
        ((keyed,),) = await _rows(
            database,
            "SELECT COUNT(*) AS n FROM idempotency_keys WHERE route = {}",
            "POST /purchase",
        )
    lost = [key for key, body in shop.acknowledged.items() if kept.get(key) != body.decode()]
    if lost:
        found.append(f"acknowledged, and not there as acknowledged: {lost[:5]}")
    if made != keyed:  # every purchase of these tests is made with a key
        found.append(f"{made} purchases for {keyed} keys")
    return found


async def sound(shop: Shop) -> float:
    """The audit after a fault; the seconds until everybody agreed."""
    seconds = await agrees(shop)

    assert await breaches(shop) == []
    return seconds


async def audited(shop: Shop) -> int:
    """The exit code of purchase's own audit, as a command, a day later."""
    later = shop.folder / "later"
    later.write_text(str(timedelta(days=1).total_seconds()), "utf-8")
    return await shop.run(
        "tests.faults.fault_injection", "purchase", "audit", **{CLOCK: str(later)}
    )
