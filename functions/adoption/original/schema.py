"""The tables of the original, and the check that CREATE TABLE shows them."""

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

from functions.adoption.errors import NotTheOriginal

Kind = Literal["integer", "amount", "text"]
Role = Literal["auth", "catalog", "main"]

DATABASES: dict[Role, str] = {
    "auth": "bookstore_auth",
    "catalog": "bookstore_catalog",
    "main": "bookstore_main",
}
"""The names that the original gives to its databases."""

_BOOK: dict[str, Kind] = {
    "id": "integer",
    "title": "text",
    "author": "text",
    "description": "text",
    "price": "amount",
    "stock": "integer",
}


@dataclass(frozen=True, eq=False)
class Table:
    role: Role
    name: str
    columns: dict[str, Kind]

    @property
    def label(self) -> str:
        return f"{self.role}.{self.name}"

    @property
    def staged(self) -> str:
        """Its name in the staging file."""
        return f"{self.role}_{self.name}"


USER = Table("auth", "user", {"id": "integer", "name": "text", "email": "text", "password": "text"})
REPLICA = Table("catalog", "book", _BOOK)
BOOK = Table("main", "book", _BOOK)
PURCHASE = Table(
    "main",
    "purchase",
    {
        "id": "integer",
        "user_id": "integer",
        "book_id": "integer",
        "quantity": "integer",
        "total_price": "amount",
        "status": "text",
    },
)
PAYMENT = Table(
    "main",
    "payment",
    {
        "id": "integer",
        "purchase_id": "integer",
        "amount": "amount",
        "payment_method": "text",
        "payment_status": "text",
    },
)
PROVIDER = Table("main", "delivery_provider", {"id": "integer", "name": "text", "contact": "text"})
ASSIGNMENT = Table(
    "main",
    "delivery_assignment",
    {"id": "integer", "purchase_id": "integer", "provider_id": "integer", "status": "text"},
)

TABLES = (USER, REPLICA, BOOK, PURCHASE, PAYMENT, PROVIDER, ASSIGNMENT)

_TYPES: dict[Kind, frozenset[str]] = {
    "integer": frozenset({"int", "bigint", "smallint", "mediumint", "tinyint"}),
    "amount": frozenset({"float", "double", "decimal", "int", "bigint"}),
    "text": frozenset({"varchar", "char", "text", "tinytext", "mediumtext", "longtext"}),
}
_CHARSETS = frozenset({"utf8mb4", "utf8mb3", "utf8", "ascii"})

# Quoted as ANSI_QUOTES has it, too: with it the services connect.
_COLUMN = re.compile(r"""^\s*[`"]([^`"]+)[`"] ([a-z]+)[^\n]*$""", re.MULTILINE)
_COLUMN_CHARSET = re.compile(r"CHARACTER SET (\w+)")
_TABLE_CHARSET = re.compile(r"(?:DEFAULT )?CHARSET=(\w+)")
_LITERAL = re.compile(r"'(?:[^'\\]|\\.|'')*'", re.DOTALL)
"""A default value or a comment, which may have any text."""
_PRIMARY_KEY = re.compile(r"""^\s*PRIMARY KEY \([`"]id[`"]\)""", re.MULTILINE)
NEXT_ID = re.compile(r"AUTO_INCREMENT=(\d+)")

MAX_INTEGER = 2**53
"""No id or number of the original is near it: its columns are INT."""


class Found(NamedTuple):
    """A table as CREATE TABLE prints it."""

    columns: tuple[str, ...]
    """In the order of the rows of a dump."""
    unknown: tuple[str, ...]
    next_id: int
    has_key: bool
    """Whether `id` is the primary key. phpMyAdmin adds it by another statement."""
    has_utf8mb4: bool
    """Whether a text may have characters of four bytes, such as emoji."""
    exact: frozenset[str] = frozenset()
    """Amounts that are no FLOAT: all of their digits are shown."""


def check(table: Table, create: str) -> Found:
    """What CREATE TABLE says. Raises `NotTheOriginal`."""
    body, _, options = _LITERAL.sub("''", create).rpartition("\n)")
    types = {match[1]: match for match in _COLUMN.finditer(body)}
    missing = sorted(set(table.columns) - set(types))
    if missing and re.search(rf"^\s*{missing[0]} ", body, re.MULTILINE):
        raise NotTheOriginal(
            f"El nombre de la columna {table.label}.{missing[0]} no va entre acentos graves. Haga"
            " el volcado sin --skip-quote-names, o ponga sql_quote_show_create = 1 en el servidor.",
            f"The name of the column {table.label}.{missing[0]} is not in backquotes. Make the dump"
            " without --skip-quote-names, or set sql_quote_show_create = 1 on the server.",
        )
    if missing:
        raise NotTheOriginal(
            f"La tabla {table.label} no tiene la columna {missing[0]}: no es la del original."
            " Indique las bases de datos del original.",
            f"The table {table.label} has no column {missing[0]}, so it is not the original's."
            " Name the databases of the original.",
        )
    for name, kind in table.columns.items():
        if types[name][2] not in _TYPES[kind]:
            raise NotTheOriginal(
                f"{table.label}.{name} es de tipo {types[name][2]}, que el original no usa.",
                f"{table.label}.{name} has the type {types[name][2]}, which the original does not"
                " use.",
            )
    default = _TABLE_CHARSET.search(options)
    charsets: set[str] = set()
    for name, kind in table.columns.items():
        charset = _COLUMN_CHARSET.search(types[name][0]) or default
        if kind != "text" or charset is None:
            continue
        charsets.add(charset[1].lower())
        if not charsets <= _CHARSETS:
            raise NotTheOriginal(
                f"Los textos de {table.label}.{name} están en {charset[1]}, no en UTF-8. Convierta"
                f" antes la tabla: ALTER TABLE `{table.name}` CONVERT TO CHARACTER SET utf8mb4.",
                f"The texts of {table.label}.{name} are in {charset[1]}, not in UTF-8. Convert it"
                f" first: ALTER TABLE `{table.name}` CONVERT TO CHARACTER SET utf8mb4.",
            )
    next_id = NEXT_ID.search(options)
    return Found(
        tuple(types),
        tuple(name for name in types if name not in table.columns),
        min(int(next_id[1]), MAX_INTEGER) if next_id else 1,
        _PRIMARY_KEY.search(body) is not None,
        "utf8mb4" in charsets,
        frozenset(
            name
            for name, kind in table.columns.items()
            if kind == "amount" and types[name][2] != "float"
        ),
    )
