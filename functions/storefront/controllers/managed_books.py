"""Lists of books with those that are retired: what the staff's and a seller's have in common."""

from collections.abc import Awaitable, Callable
from typing import Any

from functions.storefront.clients.catalog import ManagedBook
from functions.storefront.clients.service import Caller
from functions.storefront.controllers.csv_export import Cell
from functions.storefront.controllers.lists import CHOICE, SEARCH, Column, Filter, Page, Read
from functions.storefront.translations import N_

COLUMNS = (
    Column("title", N_("Title"), ("title", "-title")),
    Column("state", N_("State")),
    Column("price", N_("Price"), ("price", "-price"), "amount"),
    Column("stock", N_("In stock"), None, "amount"),
    Column("id", N_("Number"), ("id", "newest"), "amount"),
)
WORDS = Filter("q", N_("Title, author or ISBN"), SEARCH)
STATE = Filter(
    "state",
    N_("State"),
    CHOICE,
    (("on-sale", N_("On sale")), ("sold-out", N_("Sold out")), ("retired", N_("Retired"))),
)
RETIRED_MEANWHILE = N_(
    "This book was retired meanwhile, so nothing is saved. What you have typed is kept on this"
    " page: bring the book back in a new window, and save again here."
)
_STATES: dict[str, dict[str, str]] = {
    "on-sale": {"retired": "false", "in_stock": "true"},
    "sold-out": {"retired": "false", "in_stock": "false"},
    "retired": {"retired": "true"},
}
"""Values of the filter, and what catalog is asked for."""

HEADER = (
    *("id", "title", "author", "isbn", "price", "currency", "stock", "category", "year"),
    *("language", "description", "retired"),
)
"""Of an export: names that an import knows, so that the file can be changed and sent."""


def cells(book: ManagedBook) -> list[Cell]:
    return [getattr(book, name) for name in HEADER]


def reading(
    ask: Callable[[Caller, dict[str, Any]], Awaitable[Page[ManagedBook]]],
) -> Read[ManagedBook]:
    """`ask` with catalog's parameters in the place of the filter `state`."""

    async def read(caller: Caller, asked: dict[str, Any]) -> Page[ManagedBook]:
        filters = {name: value for name, value in asked.items() if name != "state"}
        return await ask(caller, filters | _STATES.get(asked.get("state", ""), {}))

    return read
