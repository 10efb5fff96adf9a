"""Adds the books and providers, and waits until both services have the events of every book."""

import csv
import io
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from functions.local.client import Client, wait_until
from functions.local.errors import ShopError

BOOKS = Path(__file__).with_name("books.json")
Key = str | tuple[str, str]
"""An ISBN, or title and author."""

COLUMNS = (
    *("title", "author", "description", "isbn", "category", "price", "stock"),
    *("year", "language", "rating", "ratings_count"),
)
"""The ratings are those of goodbooks-10k (CC BY-SA 4.0), for the books that it has."""

SELLER_NAME = "Librería Macondo"
SELLER_BOOKS = 6

# Fees and coverages are those of the original shop.
PROVIDERS = (
    {"name": "DHL", "contact": "envios@dhl.example", "coverage": ["*"], "fee": 50.00},
    {"name": "FedEx", "contact": "envios@fedex.example", "coverage": ["*"], "fee": 45.00},
    {"name": "Envia", "contact": "envios@envia.example", "coverage": ["CO"], "fee": 20.00},
    {
        "name": "Servientrega",
        "contact": "envios@servientrega.example",
        "coverage": ["CO"],
        "fee": 15.00,
    },
)


def books_as_csv(file: Path = BOOKS, *, without: Collection[Key] = ()) -> bytes:
    """`without` are keys of books to leave out."""
    books: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    books = [book for book in books if not _keys(book) & set(without)]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for book in books:
        writer.writerow(["" if book[name] is None else book[name] for name in COLUMNS])
    return text.getvalue().encode()


async def import_books(client: Client, staff_token: str, content: bytes) -> list[int]:
    """Returns the ids of all books of the shop."""
    await client.expect(
        200,
        "POST",
        "catalog",
        "/books/import",
        token=staff_token,
        content=content,
        headers={"Content-Type": "text/csv; charset=utf-8"},
    )
    return await all_books(client)


async def known_books(client: Client) -> set[Key]:
    """The keys of each book on sale.

    To import one again would undo what the shop's staff has changed since.
    """
    return {key for book in await _listed(client) for key in _keys(book)}


def _keys(book: Mapping[str, Any]) -> set[Key]:
    """By which an import finds the book: its ISBN too, under which its title may be another one."""
    keys: set[Key] = {(book["title"], book["author"])}
    return keys | {book["isbn"]} if book["isbn"] else keys


async def all_books(client: Client) -> list[int]:
    return [book["id"] for book in await _listed(client)]


async def _listed(client: Client) -> list[dict[str, Any]]:
    books: list[dict[str, Any]] = []
    path: str | None = "/books?limit=100"
    while path is not None:
        page = await client.expect(200, "GET", "catalog", path)
        books += page.json()
        following = page.links.get("next", {}).get("url")
        path = following and following.removeprefix(client.urls["catalog"])
        if path is not None and not path.startswith("/"):
            raise ShopError(f"catalog's link to the next page leads to another server: {path}")
    return books


async def add_seller(
    client: Client, seller_token: str, staff_token: str, seller_id: int, book_ids: list[int]
) -> None:
    """Give the seller a name, and the last of the books."""
    name = {"name": SELLER_NAME}
    await client.expect(200, "PUT", "catalog", "/sellers/me", token=seller_token, json=name)
    for book_id in book_ids[-SELLER_BOOKS:]:
        await client.expect(
            200,
            "PUT",
            "catalog",
            f"/books/{book_id}/seller",
            token=staff_token,
            json={"seller_id": seller_id},
        )


async def add_providers(client: Client, staff_token: str) -> None:
    for provider in PROVIDERS:
        response = await client.request(
            "POST", "purchase", "/providers", token=staff_token, json=provider
        )
        # 409: it exists since an earlier start that was interrupted.
        if response.status_code not in {201, 409}:
            raise ShopError(f"purchase refused {provider['name']}: {response.text[:300]}")


async def wait_for_purchase(client: Client, staff_token: str, book_ids: list[int]) -> None:
    waiting = list(book_ids)

    async def known() -> bool:
        while waiting:
            response = await client.request(
                "GET", "purchase", f"/inventory/{waiting[-1]}", token=staff_token
            )
            if response.status_code == 404:
                return False
            if response.status_code != 200:
                raise ShopError(
                    f"purchase responded with {response.status_code}: {response.text[:300]}"
                )
            waiting.pop()
        return True

    await wait_until("purchase has the events of every book", known, seconds=60.0)


async def wait_for_catalog(client: Client) -> None:
    """Until catalog has purchase's event about the stock of every book.

    Without it the log of these events follows the welcome, and scrolls it off the terminal.
    """

    async def known() -> bool:
        return all(book["stock_revision"] > 0 for book in await _listed(client))

    await wait_until("catalog has the stock of every book", known, seconds=60.0)
