"""Visits of staff: paid purchases are delivered, and books that run out are ordered again."""

import random
from http import HTTPStatus

from functions.local.traffic.buyers import new_key
from functions.local.traffic.sending import Sender
from functions.local.traffic.shoppers import Shopper

FEW, MANY = 10, 50
"""Copies of a book below which it is ordered again, and how many then arrive."""


async def work(sender: Sender, choose: random.Random, staff: Shopper, books: list[int]) -> None:
    """Raises `Unanswered`."""
    if choose.random() < 0.7:
        await _deliver(sender, choose, staff)
    else:
        await _order_again(sender, staff, choose.choice(books))


async def _deliver(sender: Sender, choose: random.Random, staff: Shopper) -> None:
    """One of the purchases that are paid. Another member of staff may have been faster."""
    paid = await staff.read(sender, "paid purchases", "purchase", "/purchases?status=Paid&limit=20")
    providers = await sender.read("providers", "purchase", "/providers")
    if paid.is_error or providers.is_error or not paid.json() or not providers.json():
        return
    body = {
        "purchase_id": choose.choice(paid.json())["id"],
        "provider_id": choose.choice(providers.json())["id"],
    }
    assigned = await staff.change(
        sender, "assign", "POST", "purchase", "/assignments", json=body, key=new_key()
    )
    if assigned.status_code != HTTPStatus.CREATED:
        return
    path = f"/assignments/{assigned.json()['assignment_id']}"
    for status in ("in_transit", "delivered"):
        moved = await staff.change(
            sender, "delivery", "PATCH", "purchase", path, json={"status": status}
        )
    if moved.is_success:
        sender.figures.purchases["delivered"] += 1


async def _order_again(sender: Sender, staff: Shopper, book_id: int) -> None:
    path = f"/inventory/{book_id}"
    stock = await staff.read(sender, "stock", "purchase", path)
    if stock.is_success and stock.json()["available"] < FEW:
        body = {"delta": MANY, "reason": "traffic: ordered again"}
        await staff.change(
            sender,
            "new stock",
            "POST",
            "purchase",
            f"{path}/adjustments",
            json=body,
            key=new_key(),
        )
