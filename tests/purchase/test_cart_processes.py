"""Carts that are bought while a process is killed: no line is lost, and none is bought twice."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import httpx
from piccolo.querystring import QueryString

from functions.kit.base.clock import utc_now
from functions.kit.data.engines import connect
from functions.kit.events.cloudevents import write
from functions.purchase.audit import audit
from tests.purchase.shop import book_event
from tests.support.processes import Service, running
from tests.support.signing import SECRET, SIGNER
from tests.support.tokens import Issuer

BUYERS = range(100, 106)
ROUNDS = 5
COPIES = 1000


async def send(
    client: httpx.AsyncClient,
    urls: Sequence[str],
    method: str,
    path: str,
    body: dict[str, Any],
    headers: dict[str, str],
) -> int:
    """Send a request until it is answered, wherever somebody listens; the status."""
    for url in (urls[attempt % len(urls)] for attempt in range(1000)):
        try:
            response = await client.request(method, url + path, json=body, headers=headers)
        except httpx.TransportError:
            continue
        if response.status_code != 503:
            return response.status_code
    raise AssertionError("nobody answered")


async def test_kills_in_the_middle_lose_and_double_no_line(database_url: str) -> None:
    """Under its key each cart is bought once; afterwards all carts are empty."""
    choose = random.Random(5)
    issuer = Issuer(utc_now)
    environment = {
        "DATABASE_URL": database_url,
        "AUTO_MIGRATE": "true",
        "AUTH_URL": "http://127.0.0.1:9",
        "MAX_UNPAID_PURCHASES": "0",
        "INTERNAL_SECRET": SECRET,
    }
    first, second = (Service("purchase", environment) for _ in range(2))
    database = connect(database_url)
    async with running(first), running(second), httpx.AsyncClient(timeout=30) as client:
        await issuer.make_known(database)
        for book_id in (1, 2):
            headers, body = write(SIGNER.sign(book_event(book_id, initial_stock=COPIES)))
            await client.post(f"{first.url}/events", headers=headers, content=body)
        urls = [first.url, second.url]

        async def buyer(user_id: int) -> list[int]:
            statuses = []
            for turn in range(ROUNDS):
                headers = issuer.bearer(user_id)
                for book_id in (1, 2):
                    tries = choose.sample(urls, 2)
                    path = f"/cart/items/{book_id}"
                    await send(client, tries, "PUT", path, {"quantity": turn + 1}, headers)
                headers |= {"idempotency-key": f"key-{turn}"}
                tries = choose.sample(urls, 2)
                status = await send(
                    client, tries, "POST", "/purchase", {"from_cart": True}, headers
                )
                statuses.append(status)
            return statuses

        async def killer() -> None:
            for _ in range(3):
                await first.kill()
                await first.start()

        answers, _ = await asyncio.gather(asyncio.gather(*map(buyer, BUYERS)), killer())
        lines = await database.execute(QueryString("SELECT COUNT(*) AS n FROM cart_items"))
        sold = await database.execute(
            QueryString(
                "SELECT p.user_id, t.book_id, COUNT(*) AS n, SUM(t.quantity) AS copies"
                " FROM purchases p JOIN purchase_items t ON t.purchase_id = p.id"
                " GROUP BY p.user_id, t.book_id ORDER BY p.user_id, t.book_id"
            )
        )
        await client.get(f"{second.url}/internal/streams/inventory", headers=SIGNER.headers)
        findings = await audit(database)
        await database.close()

    copies = sum(range(1, ROUNDS + 1))
    assert answers == [[201] * ROUNDS] * len(BUYERS)
    assert lines.rows[0]["n"] == 0
    assert [
        (row["user_id"], row["book_id"], row["n"], int(row["copies"])) for row in sold.rows
    ] == [(user_id, book_id, ROUNDS, copies) for user_id in BUYERS for book_id in (1, 2)]
    assert [finding for finding in findings if finding.breaches] == []
