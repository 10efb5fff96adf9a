"""Two processes on one database, and kill -9 in the middle of the sale."""

import asyncio
import random

import httpx
import pytest
from piccolo.querystring import QueryString

from functions.kit.base.clock import utc_now
from functions.kit.data.database import Database
from functions.kit.data.engines import connect
from functions.kit.events.cloudevents import write
from tests.purchase.shop import book_event
from tests.support.processes import Service, running
from tests.support.signing import SECRET, SIGNER
from tests.support.tokens import Issuer

COPIES = 50
BUYERS = 25


async def audit(database: Database) -> dict[str, int]:
    """What was sold, by the purchases and by the stock."""
    stock = (await database.execute(QueryString("SELECT * FROM inventory"))).rows[0]

    assert stock["on_hand"] == stock["available"] + stock["reserved"] == COPIES
    sold = await database.execute(QueryString("SELECT SUM(quantity) AS n FROM purchase_items"))
    made = await database.execute(QueryString("SELECT COUNT(*) AS n FROM purchases"))
    keys = await database.execute(
        QueryString("SELECT COUNT(*) AS n FROM idempotency_keys WHERE status = 201")
    )
    placed = await database.execute(
        QueryString(
            "SELECT COUNT(*) AS n FROM outbox WHERE type = {}", "bookstore.purchase.placed.v1"
        )
    )
    return {
        "reserved": stock["reserved"],
        "sold": sold.rows[0]["n"] or 0,
        "purchases": made.rows[0]["n"],
        "keys": keys.rows[0]["n"],
        "placed": placed.rows[0]["n"],
    }


async def buy(client: httpx.AsyncClient, urls: list[str], key: str, headers: dict[str, str]) -> int:
    """Send one purchase until it is answered, wherever somebody listens; the status."""
    for url in (urls[attempt % len(urls)] for attempt in range(1000)):
        try:
            response = await client.post(
                f"{url}/purchase",
                json={"book_id": 1, "quantity": 1},
                headers={**headers, "idempotency-key": key},
            )
        except httpx.TransportError:
            continue
        if response.status_code != 503:
            return response.status_code
    raise AssertionError("nobody answered")


@pytest.mark.parametrize("seed", [1, 2])
async def test_kills_in_the_middle_of_a_sale_oversell_nothing(database_url: str, seed: int) -> None:
    """Two processes, one killed repeatedly, and ten buyers more than copies."""
    choose = random.Random(seed)
    issuer = Issuer(utc_now)
    environment = {
        "DATABASE_URL": database_url,
        "AUTO_MIGRATE": "true",
        "AUTH_URL": "http://127.0.0.1:9",
        "MAX_UNPAID_PURCHASES": "0",  # one buyer takes everything
        "INTERNAL_SECRET": SECRET,
    }
    first, second = (Service("purchase", environment) for _ in range(2))
    database = connect(database_url)
    async with running(first), running(second), httpx.AsyncClient(timeout=30) as client:
        await issuer.make_known(database)
        headers, body = write(SIGNER.sign(book_event(1, initial_stock=COPIES)))
        await client.post(f"{first.url}/events", headers=headers, content=body)
        urls = [first.url, second.url]
        keys = iter(range(COPIES + 10))

        async def buyer() -> list[int]:
            return [
                await buy(client, choose.sample(urls, 2), f"key-{key}", issuer.bearer(7))
                for key in keys
            ]

        async def killer() -> None:
            for _ in range(3):
                await first.kill()
                await first.start()

        answers, _ = await asyncio.gather(
            asyncio.gather(*[buyer() for _ in range(BUYERS)]), killer()
        )
        found = await audit(database)
        await database.close()

    statuses = sorted(status for each in answers for status in each)
    assert statuses == [201] * COPIES + [409] * 10
    assert found == dict.fromkeys(("reserved", "sold", "purchases", "keys", "placed"), COPIES)
