"""Visits of people who buy: a cart, a purchase, a payment that may fail, or a change of mind.

Every step that changes something has an Idempotency-Key of its own, under which it is repeated
until it is answered (`sending`). What the shop confirms is remembered (`shoppers`), for the check.
"""

import random
import uuid
from http import HTTPStatus

from functions.local.traffic.sending import Sender, Unanswered, code_of
from functions.local.traffic.shoppers import Bought, Shopper

CHANGES_MIND = 0.05
PAYS_WITH = ("tok_success",) * 17 + ("tok_decline",) * 2 + ("tok_late",)
SLOW_PROVIDER = ("tok_slow", "tok_late", "tok_timeout", "tok_success")
"""While the payment provider is slow: late answers, lost ones, and some in time."""


def new_key() -> str:
    return str(uuid.uuid4())


async def buy(
    sender: Sender,
    choose: random.Random,
    shopper: Shopper,
    books: list[int],
    methods: tuple[str, ...],
) -> None:
    """Raises `Unanswered` where the shop did not answer in time."""
    for book_id in choose.sample(books, min(choose.randint(1, 3), len(books))):
        await sender.read("book", "storefront", f"/en/books/{book_id}")
        body = {"book_id": book_id, "quantity": choose.choice((1, 1, 1, 2, 3))}
        await shopper.change(
            sender, "add to cart", "POST", "purchase", "/cart/items", json=body, key=new_key()
        )
    bought = await _place(sender, shopper)
    if bought is None:
        await shopper.change(sender, "empty cart", "DELETE", "purchase", "/cart")
        return
    if choose.random() < CHANGES_MIND:
        await _cancel(sender, shopper, bought)
        return
    await _pay(sender, shopper, bought, choose.choice(methods))
    if bought.fate == "placed":  # declined: another card, or no purchase
        if choose.random() < 0.5:
            await _pay(sender, shopper, bought, "tok_success")
        else:
            await _cancel(sender, shopper, bought)


async def _place(sender: Sender, shopper: Shopper) -> Bought | None:
    """The purchase of the whole cart; None where the shop refuses, as for a book that is sold out.

    Raises `Unanswered`.
    """
    try:
        response = await shopper.change(
            sender,
            "purchase",
            "POST",
            "purchase",
            "/purchase",
            json={"from_cart": True},
            key=new_key(),
        )
    except Unanswered:
        shopper.unclear += 1
        raise
    if response.status_code != HTTPStatus.CREATED:
        return None
    body = response.json()
    bought = Bought(
        body["purchase_id"],
        body["total_price_minor"],
        {item["book_id"]: item["quantity"] for item in body["items"]},
    )
    shopper.bought[bought.purchase_id] = bought
    sender.figures.purchases["placed"] += 1
    return bought


async def _pay(sender: Sender, shopper: Shopper, bought: Bought, method: str) -> None:
    """Raises `Unanswered`; the outcome of the payment is then not known."""
    bought.fate = "undecided"
    response = await shopper.change(
        sender,
        "payment",
        "POST",
        "purchase",
        "/payment",
        json={"purchase_id": bought.purchase_id, "payment_method": method},
        key=new_key(),
    )
    if response.status_code == HTTPStatus.CREATED:
        bought.fate = "paid"
        sender.figures.purchases["paid"] += 1
    elif response.status_code == HTTPStatus.PAYMENT_REQUIRED:
        bought.fate = "placed"
        sender.figures.purchases["declined"] += 1
    elif code_of(response) in {"purchase-expired", "purchase-cancelled"}:
        bought.fate = "placed"


async def _cancel(sender: Sender, shopper: Shopper, bought: Bought) -> None:
    before, bought.fate = bought.fate, "undecided"
    response = await shopper.change(
        sender, "cancel", "DELETE", "purchase", f"/purchase/{bought.purchase_id}"
    )
    if response.is_success:
        bought.fate = "cancelled"
        sender.figures.purchases["cancelled"] += 1
    else:
        bought.fate = before
