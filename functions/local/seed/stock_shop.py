"""Puts the books and providers in, once, and waits until purchase can sell every book."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from functions.local.client import Client, until
from functions.local.errors import ShopError

BOOKS = Path(__file__).with_name("books.json")
COLUMNS = ("title", "author", "description", "isbn", "category", "price", "stock")

# The fees and coverages of the shop that this one continues.
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


def books_as_csv(file: Path = BOOKS) -> bytes:
    books: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for book in books:
        writer.writerow(["" if book[name] is None else book[name] for name in COLUMNS])
    return text.getvalue().encode()


async def import_books(client: Client, staff_token: str, content: bytes) -> list[int]:
    """The ids of all books that the shop has then."""
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


async def all_books(client: Client) -> list[int]:
    ids: list[int] = []
    path: str | None = "/books?limit=100"
    while path is not None:
        page = await client.expect(200, "GET", "catalog", path)
        ids += [book["id"] for book in page.json()]
        following = page.links.get("next", {}).get("url")
        path = following and following.removeprefix(client.urls["catalog"])
        if path is not None and not path.startswith("/"):
            raise ShopError(f"catalog's link to its next page leads away from it: {path}")
    return ids


async def add_providers(client: Client, staff_token: str) -> None:
    for provider in PROVIDERS:
        answer = await client.request(
            "POST", "purchase", "/providers", token=staff_token, json=provider
        )
        # 409: there already, from a first start that broke off.
        if answer.status_code not in {201, 409}:
            raise ShopError(f"purchase refused {provider['name']}: {answer.text[:300]}")


async def until_purchase_knows(client: Client, staff_token: str, book_ids: list[int]) -> None:
    waiting = list(book_ids)

    async def known() -> bool:
        while waiting:
            answer = await client.request(
                "GET", "purchase", f"/inventory/{waiting[-1]}", token=staff_token
            )
            if answer.status_code == 404:
                return False
            if answer.status_code != 200:
                raise ShopError(f"purchase answered {answer.status_code}: {answer.text[:300]}")
            waiting.pop()
        return True

    await until("that every book's events reach purchase", known, seconds=60.0)
