"""Payers, who send a payment until its outcome is known, and who compare all the answers.

`settled` waits until nothing is under way; `breaches` holds what was answered against the tables
and the provider's ledger, by its own reading of them. Next file: `test_payments.py`.
"""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import httpx
from piccolo.querystring import QueryString

from functions.kit.data.database import Database
from tests.faults.buyers import PAUSE, TRIES, buy, side_by_side
from tests.faults.harness import LONGEST, Shop
from tests.faults.processes import Process

PAID = ("Paid", "On Delivery", "Delivered")
ENDED = ("Cancelled", "Expired")
FINAL = {201, 402}


class Payers:
    """All payments of a test, and what each key was answered."""

    def __init__(self, shop: Shop, name: str, seed: int) -> None:
        self.shop = shop
        self.choose = random.Random(seed)
        self.name = name
        self.bodies: dict[str, dict[str, Any]] = {}
        """Key → the body that got a final answer."""
        self.final: dict[str, tuple[int, bytes]] = {}
        self.refused: list[tuple[str, int]] = []
        """Key and purchase of each request that was refused."""
        self.codes: Counter[str] = Counter()
        """Of all refusals."""
        self.broken: list[str] = []
        self.numbers = iter(range(10**9))

    async def bought(self, purchases: int, copies: int = 1) -> list[int]:
        """So many purchases, of one new book."""
        book_id = await self.shop.book(purchases * copies)
        made: list[int] = []

        async def buyer() -> None:
            key = f"{self.name}-{book_id}-{next(self.numbers)}"
            made.append((await buy(self.shop, book_id, key, self.choose)).json()["purchase_id"])

        await side_by_side(*[buyer() for _ in range(purchases)])
        return made

    def key(self) -> str:
        return f"pay-{self.name}-{self.shop.engine}-{next(self.numbers)}"

    async def send(
        self,
        purchase_id: int,
        method: str,
        key: str,
        *,
        seller: Process | None = None,
    ) -> httpx.Response | None:
        """One request, to any seller; None where nobody answered it. What it says is written down.

        A refusal whose cause passes is no answer either, and says when to send again.
        """
        body = {"purchase_id": purchase_id, "payment_method": method}
        try:
            response = await self._post(seller or self.choose.choice(self.shop.sellers), body, key)
        except httpx.TransportError:
            return None
        if response.status_code == httpx.codes.UNAUTHORIZED:  # the clock was moved
            return None
        code = response.json().get("code") if response.status_code >= 400 else None
        if code is not None:
            self.codes[code] += 1
        if response.status_code == httpx.codes.SERVICE_UNAVAILABLE or code == "in-progress":
            if "retry-after" not in response.headers:
                self.broken.append(f"{key}: {code} without Retry-After")
            return None
        if response.status_code in FINAL or code == "payment-returned":
            self._remember(key, body, response)
        elif response.status_code >= 500:
            self.broken.append(f"{key}: {response.status_code} {response.text[:200]}")
        elif response.status_code != 202:
            self.refused.append((key, purchase_id))
        return response

    async def _post(self, seller: Process, body: dict[str, Any], key: str) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.shop.tokens['buyer']}", "idempotency-key": key}
        return await self.shop.http.post(f"{seller.url}/payment", json=body, headers=headers)

    def _remember(self, key: str, body: dict[str, Any], response: httpx.Response) -> None:
        answer = (response.status_code, response.content)
        self.bodies.setdefault(key, body)
        if self.final.setdefault(key, answer) != answer or self.bodies[key] != body:
            self.broken.append(f"{key}: first {self.final[key]}, then {answer}")

    async def pay(self, purchase_id: int, method: str, key: str | None = None) -> httpx.Response:
        """Send it until it is decided or refused; its last answer."""
        key = key or self.key()
        for _ in range(TRIES):
            response = await self.send(purchase_id, method, key)
            if response is not None and response.status_code != 202:
                return response
            await asyncio.sleep(PAUSE)
        raise AssertionError(f"{key} is not decided")

    async def cancel(self, purchase_id: int) -> int:
        """Give a purchase up; the status of the answer."""
        for _ in range(TRIES):
            seller = self.choose.choice(self.shop.sellers)
            headers = {"authorization": f"Bearer {self.shop.tokens['buyer']}"}
            try:
                response = await self.shop.http.delete(
                    f"{seller.url}/purchase/{purchase_id}", headers=headers
                )
            except httpx.TransportError:
                response = None
            if response is not None and response.status_code not in {401, 503}:
                return response.status_code
            await asyncio.sleep(PAUSE)
        raise AssertionError(f"nobody cancels {purchase_id}")

    async def replay(self) -> None:
        """Send everything that has its final answer once more, to every process."""
        for key, body in self.bodies.items():
            for seller in self.shop.sellers:
                response = await self._post(seller, body, key)
                if response.headers.get("idempotency-replayed") != "true":
                    self.broken.append(f"{key}: replayed by {seller.arguments}, and not said so")
                self._remember(key, body, response)

    async def breaches(self) -> list[str]:
        """What is wrong with the answers, the tables and the provider's ledger, each by each."""
        await settled(self.shop)
        await self.replay()
        async with self.shop.database("purchase") as database:
            return [*self.broken, *await money(database), *await self._answers(database)]

    async def _answers(self, database: Database) -> list[str]:
        """An answer that is not what became of its payment; a refusal that has made one."""
        found = []
        kept = await kept_by_reference(database)
        made: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in await rows(database, "SELECT * FROM payments WHERE request_key IS NOT NULL"):
            made[row["request_key"]].append(row)
        for key, (status, _) in self.final.items():
            told = {201: ["paid"], 402: ["declined", "not_charged"], 409: ["returned"]}[status]
            payments = made[key]
            if len(payments) != 1 or payments[0]["outcome"] not in told:
                found.append(f"{key} was answered {status}: {payments}")
            elif status == 409:  # an open payment keeps its purchase from ending
                found.append(f"{key} was charged although its purchase could not be paid")
            elif payments[0]["purchase_id"] != self.bodies[key]["purchase_id"]:
                found.append(f"{key} has paid another purchase")
            elif (
                status == 402
                and kept.get(payments[0]["reference"], 0)
                and not await _late(database, payments[0])
            ):
                found.append(f"{key} was answered 402, and is charged")
        for key, purchase_id in self.refused:
            if any(
                row["purchase_id"] == purchase_id and (key not in self.final) for row in made[key]
            ):
                found.append(f"{key} was refused, and has a payment of purchase {purchase_id}")
        return found


async def _late(database: Database, payment: dict[str, Any]) -> bool:
    """Whether a payment that had failed was charged after all, and is recorded so."""
    (now,) = await rows(database, "SELECT status FROM payments WHERE id = {}", payment["id"])
    return now["status"] in {"Completed", "Refunded"}


async def rows(database: Database, sql: str, *values: Any) -> Sequence[dict[str, Any]]:
    outcome = await database.execute(QueryString(sql, *values))
    found: Sequence[dict[str, Any]] = outcome.rows
    return found


async def kept_by_reference(database: Database) -> dict[str, int]:
    """What the provider has of each charge: taken, and not given back."""
    kept: dict[str, int] = {}
    ledger = await rows(database, "SELECT * FROM simulated_ledger WHERE outcome = 'captured'")
    for entry in ledger:
        if entry["kind"] == "charge":
            kept[entry["reference"]] = entry["amount_minor"]
    for entry in ledger:
        if entry["kind"] == "refund":
            kept[entry["charge_reference"]] -= entry["amount_minor"]
    return kept


async def money(database: Database) -> list[str]:
    """Every purchase for which the provider keeps something else than is owed for it."""
    found = []
    kept_of: Counter[int] = Counter()
    charges_of: Counter[int] = Counter()
    purchase_of = {
        row["reference"]: row["purchase_id"]
        for row in await rows(database, "SELECT reference, purchase_id FROM payments")
    }
    for reference, kept in (await kept_by_reference(database)).items():
        if reference not in purchase_of:
            found.append(f"the provider has {kept} of {reference}, which is unknown here")
        elif kept:
            kept_of[purchase_of[reference]] += kept
            charges_of[purchase_of[reference]] += 1
    for row in await rows(database, "SELECT id, status, total_minor FROM purchases"):
        owed = row["total_minor"] if row["status"] in PAID else 0
        if kept_of[row["id"]] != owed or charges_of[row["id"]] > 1:
            found.append(
                f"purchase {row['id']} is {row['status']}: {owed} are owed for it, and"
                f" {kept_of[row['id']]} kept of {charges_of[row['id']]} charges"
            )
    been: dict[int, set[str]] = defaultdict(set)
    for row in await rows(database, "SELECT purchase_id, status FROM purchase_timeline"):
        been[row["purchase_id"]].add(row["status"])
    both = [each for each, been_ in been.items() if been_ & set(PAID) and been_ & set(ENDED)]
    if both:
        found.append(f"both paid and ended: {both[:5]}")
    return found


async def settled(shop: Shop) -> None:
    """Wait until no payment is open and no refund is owed."""
    async with shop.database("purchase") as database, asyncio.timeout(LONGEST):
        while (  # noqa: ASYNC110 - seen only from outside: nothing announces it
            await rows(
                database,
                "SELECT id FROM payments WHERE status = 'Processing'"
                " UNION ALL SELECT id FROM refunds WHERE settled = {}",
                False,
            )
        ):
            await asyncio.sleep(0.05)
