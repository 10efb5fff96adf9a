"""Visits of a seller: what was sold, and another price for a book of their own.

Only shops whose auth knows the role have sellers. The seller's books are added before the visits
begin, and retired after them.
"""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus

from functions.local import accounts
from functions.local.client import Client
from functions.local.errors import ShopError
from functions.local.programs import Admin
from functions.local.traffic.buyers import new_key
from functions.local.traffic.sending import Sender, Unanswered
from functions.local.traffic.shoppers import Shopper

ROLES = ["customer", "seller"]
BOOKS = ("La librería de al lado", "Cuentos del muelle", "The Lighthouse Catalogue")
PRICES = (9.5, 11.0, 12.5, 14.0)
STOCK = 200


@dataclass
class Seller:
    account: Shopper
    books: list[int]


@asynccontextmanager
async def seller_with_books(
    sender: Sender, client: Client, admin: Admin, account: Shopper
) -> AsyncIterator[Seller | None]:
    """Make an account a seller's, with some books; None in a shop without that role."""
    token = await accounts.login(client, admin.email, admin.password)
    given = await client.request(
        "PATCH", "auth", f"/users/{account.user_id}", token=token, json={"roles": ROLES}
    )
    if given.status_code != HTTPStatus.OK:
        yield None
        return
    seller = Seller(account, [])
    try:
        await account.sign_in(sender)
        name = {"name": f"Traffic {account.user_id}"}
        await account.change(sender, "seller's name", "PUT", "catalog", "/sellers/me", json=name)
        for title in BOOKS:
            body = {"title": title, "author": "Traffic", "price": PRICES[0], "stock": STOCK}
            added = await account.change(
                sender, "new book", "POST", "catalog", "/books", json=body, key=new_key()
            )
            if added.status_code == HTTPStatus.CREATED:
                seller.books.append(int(added.json()["book_id"]))
    except Unanswered as error:
        raise ShopError("The shop does not answer: no seller's book could be added.") from error
    try:
        yield seller
    finally:
        with suppress(Unanswered):
            for book_id in seller.books:
                await account.change(
                    sender, "retired book", "DELETE", "catalog", f"/books/{book_id}"
                )


async def sell(sender: Sender, choose: random.Random, seller: Seller) -> None:
    """Raises `Unanswered`."""
    if not seller.books or choose.random() < 0.5:
        await seller.account.read(sender, "sales", "purchase", "/sales?limit=20")
        return
    path = f"/books/{choose.choice(seller.books)}"
    book = await sender.read("book of a seller", "catalog", path)
    if book.is_success:
        await seller.account.change(
            sender,
            "new price",
            "PATCH",
            "catalog",
            path,
            json={"price": choose.choice(PRICES)},
            headers={"if-match": book.headers["etag"]},
        )
