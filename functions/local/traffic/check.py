"""Compares what the customers bought with what the shop says, by its public APIs.

It finds purchases that the shop has lost or made twice, totals and books that differ, paid
purchases that are not, charges that were made twice, stock that does not add up, and events that
did not arrive at catalog.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx

from functions.local.errors import ShopError
from functions.local.traffic.sending import PATIENCE, Sender, Unanswered
from functions.local.traffic.shoppers import Bought, Shopper

_PAID = {"Paid", "On Delivery", "Delivered", "Refunded"}
ALLOWED = {
    "placed": {"Pending Payment", "Expired", "Cancelled"},
    "paid": _PAID,
    "cancelled": {"Cancelled"},
    "undecided": {"Pending Payment", "Expired", "Cancelled", *_PAID},
}
"""The states that a purchase may have, by what the shop said last. One whose cancellation was
answered the second time only is `placed` here and cancelled there."""

MOST_BOOKS = 100
"""Whose stock is compared."""
_SETTLED = {"Completed", "Refunded"}


async def check(sender: Sender, shoppers: Sequence[Shopper], staff: Shopper) -> list[str]:
    """The differences, a sentence each. Raises ShopError where the shop does not answer."""
    found: list[str] = []
    try:
        for shopper in shoppers:
            found += await _check_purchases(sender, shopper)
            found += await _check_payments(sender, shopper)
        books = Counter(
            book_id
            for shopper in shoppers
            for bought in shopper.bought.values()
            for book_id in bought.copies
        )
        for book_id, _ in books.most_common(MOST_BOOKS):
            found += await _check_stock(sender, staff, book_id)
    except (Unanswered, TimeoutError) as error:
        raise ShopError("The shop does not answer, so the traffic cannot be checked.") from error
    return found


async def _check_purchases(sender: Sender, shopper: Shopper) -> list[str]:
    theirs = {each["id"]: each for each in await _all(sender, shopper, "/purchases")}
    found = [
        f"Purchase {missing} was confirmed, and the shop does not have it."
        for missing in shopper.bought.keys() - theirs.keys()
    ]
    more = theirs.keys() - shopper.bought.keys()
    if len(more) > shopper.unclear:
        found.append(f"The shop has purchases that were not confirmed: {sorted(more)}.")
    for purchase_id in shopper.bought.keys() & theirs.keys():
        found += compare(shopper.bought[purchase_id], theirs[purchase_id])
    return found


def compare(bought: Bought, shown: dict[str, Any]) -> list[str]:
    """How a purchase differs from what was confirmed."""
    found = []
    copies = {item["book_id"]: item["quantity"] for item in shown["items"]}
    name = f"Purchase {bought.purchase_id}"
    if copies != bought.copies:
        found.append(f"{name} has {copies} copies by book instead of {bought.copies}.")
    if shown["total_price_minor"] != bought.total_minor:
        found.append(
            f"{name} costs {shown['total_price_minor']} minor units"
            f" instead of {bought.total_minor}."
        )
    if shown["status"] not in ALLOWED[bought.fate]:
        found.append(f"{name} is {shown['status']} and should be {bought.fate}.")
    return found


async def _check_payments(sender: Sender, shopper: Shopper) -> list[str]:
    charged = Counter(
        payment["purchase_id"]
        for payment in await _all(sender, shopper, "/payments")
        if payment["status"] in _SETTLED
    )
    found = [
        f"Purchase {purchase_id} was charged {times} times."
        for purchase_id, times in charged.items()
        if times > 1
    ]
    return found + [
        f"Purchase {bought.purchase_id} was paid, and the shop has no payment of it."
        for bought in shopper.bought.values()
        if bought.fate == "paid" and not charged[bought.purchase_id]
    ]


async def _check_stock(sender: Sender, staff: Shopper, book_id: int) -> list[str]:
    """Whether a book's stock adds up, and whether catalog hears of it within `PATIENCE`."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while True:
        stock = (await staff.read(sender, "check", "purchase", f"/inventory/{book_id}")).json()
        book = await sender.read("check", "catalog", f"/books/{book_id}")
        if book.status_code == httpx.codes.GONE:  # retired meanwhile
            return []
        on_hand, reserved, available = (
            stock[name] for name in ("on_hand", "reserved", "available")
        )
        if available < 0 or on_hand != reserved + available:
            return [f"Book {book_id}: {on_hand} copies are not {reserved} and {available}."]
        if book.json()["stock"] == available:
            return []
        if asyncio.get_running_loop().time() > deadline:
            shown = book.json()["stock"]
            return [f"Book {book_id}: catalog shows {shown} copies, purchase has {available}."]
        await asyncio.sleep(0.3)


async def _all(sender: Sender, shopper: Shopper, path: str) -> list[dict[str, Any]]:
    """Every page of a list of the customer's own."""
    found: list[dict[str, Any]] = []
    next_path: str | None = f"{path}?limit=100"
    while next_path is not None:
        async with asyncio.timeout(PATIENCE):
            page = await _until_answered(sender, shopper, next_path)
        found += page.json()
        following = page.links.get("next", {}).get("url")
        next_path = httpx.URL(following).raw_path.decode() if following else None
    return found


async def _until_answered(sender: Sender, shopper: Shopper, path: str) -> httpx.Response:
    while True:
        try:
            response = await shopper.read(sender, "check", "purchase", path)
        except Unanswered:
            await asyncio.sleep(0.3)
            continue
        if response.is_error:
            raise ShopError(f"purchase refused GET {path}: {response.text[:300]}")
        return response
