"""A record of a supplier's file becomes what may be a book, or a refusal that says why.

Files call their columns as they please, lose the zeros in front of an ISBN, leave price and stock
out. What can be a book becomes one; nothing is guessed: an ISBN that has lost digits is dropped
with a warning.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple, Self

from functions.catalog.domain import text
from functions.catalog.domain.books import MAX_STOCK, BookDetails
from functions.catalog.domain.csv_records import Record
from functions.catalog.domain.isbn import parse_spreadsheet_isbn
from functions.catalog.errors import MalformedCsv
from functions.kit.errors import FieldError, InvalidInput

# Names as `_plain` leaves them; where a file has several for one field, the first that is filled.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "title": ("title", "titulo", "originaltitle"),
    "author": ("author", "authors", "autor", "autores"),
    "isbn": ("isbn13", "isbn", "isbn10", "ean"),
    "price": ("price", "precio", "unitprice"),
    "stock": ("stock", "existencias", "quantity", "cantidad"),
    "description": ("description", "descripcion"),
    "category": ("category", "categoria", "genre", "genero"),
}

_NOT_LETTERS = re.compile(r"[^a-z0-9]+")
# A decimal comma too: where semicolons stand between fields, it stands in the numbers.
_AMOUNT = re.compile(r"[0-9]{1,12}(?:[.,][0-9]{1,6})?\Z")
_COUNT = re.compile(r"[0-9]{1,9}(?:\.0)?\Z")


class Defaults(NamedTuple):
    """What a book is created with where the file does not say."""

    price: Decimal | None = None
    stock: int = 0


class ImportRow(NamedTuple):
    line: int
    details: BookDetails
    stock: int
    given: frozenset[str]
    """Fields that the file has a value for; the others of a known book stay as they are."""
    warnings: tuple[FieldError, ...]

    def applied_to(self, known: BookDetails) -> BookDetails:
        """A known book's details with what the file says of it."""
        return replace(known, **{name: getattr(self.details, name) for name in self.given})


class RefusedRow(NamedTuple):
    line: int
    errors: tuple[FieldError, ...]


@dataclass(frozen=True, slots=True)
class Columns:
    """Where in a record each field is."""

    places: Mapping[str, tuple[int, ...]]
    count: int

    @classmethod
    def from_header(cls, header: Record, defaults: Defaults) -> Self:
        """Raises `MalformedCsv` where no book could come of such a file."""
        if header.problem is not None:
            raise MalformedCsv(f"The header cannot be read: {header.problem}")
        named: dict[str, int] = {}
        for index, name in enumerate(header.cells):
            named.setdefault(_plain(name), index)
        places = {
            field: tuple(named[name] for name in names if name in named)
            for field, names in COLUMNS.items()
        }
        missing = [field for field in ("title", "author") if not places[field]]
        if missing:
            raise MalformedCsv(
                f"The header has no column for {' and '.join(missing)}; it has:"
                f" {', '.join(header.cells)[:300]}"
            )
        if not places["price"] and defaults.price is None:
            raise MalformedCsv(
                "The file has no price column: give default_price, as in ?default_price=12.50"
            )
        return cls(places, len(header.cells))

    def read(self, record: Record, defaults: Defaults) -> ImportRow | RefusedRow:
        if record.problem is not None:
            return RefusedRow(record.line, (FieldError("", record.problem),))
        if len(record.cells) != self.count:
            message = (
                f"has {len(record.cells)} fields where the header has {self.count}:"
                " a field that holds a delimiter is written in quotation marks"
            )
            return RefusedRow(record.line, (FieldError("", message),))
        try:
            return self._read(record, defaults)
        except InvalidInput as refusal:
            return RefusedRow(record.line, refusal.errors)

    def _read(self, record: Record, defaults: Defaults) -> ImportRow:
        found = {
            field: next(filter(None, (record.cells[place].strip() for place in places)), "")
            for field, places in self.places.items()
        }
        isbn, warnings = _isbn([record.cells[place] for place in self.places["isbn"]])
        details = BookDetails.checked(
            title=_one_line(found["title"]),
            author=_one_line(found["author"]),
            price=_price(found["price"], defaults.price),
            description=found["description"] or None,
            category=_one_line(found["category"]) or None,
            isbn=isbn,
        )
        filled = {name for name, value in found.items() if value}
        names = {"price_minor" if name == "price" else name for name in filled - {"isbn", "stock"}}
        return ImportRow(
            record.line,
            details,
            _stock(found["stock"], defaults.stock),
            frozenset(names | ({"isbn"} if isbn else set())),
            warnings,
        )


def _plain(name: str) -> str:
    return _NOT_LETTERS.sub("", text.fold(name))


def _one_line(cell: str) -> str:
    """A line break inside a quoted cell is a space."""
    return " ".join(cell.split())


def _isbn(cells: Sequence[str]) -> tuple[str | None, tuple[FieldError, ...]]:
    reasons = []
    for cell in filter(None, map(str.strip, cells)):
        try:
            return parse_spreadsheet_isbn(cell), ()
        except ValueError as error:
            reasons.append(f"{cell[:40]} {error}")
    if not reasons:
        return None, ()
    return None, (FieldError("isbn", f"left out: {'; '.join(reasons)}"),)


def _price(cell: str, default: Decimal | None) -> Decimal:
    if not cell and default is not None:
        return default
    if not cell:
        raise _refused("price", "is missing")
    if not _AMOUNT.match(cell):
        raise _refused("price", "must be an amount such as 12.50")
    return Decimal(cell.replace(",", "."))


def _stock(cell: str, default: int) -> int:
    if not cell:
        return default
    if not _COUNT.match(cell) or (count := int(cell.removesuffix(".0"))) > MAX_STOCK:
        raise _refused("stock", f"must be a whole number from 0 to {MAX_STOCK}")
    return count


def _refused(field: str, message: str) -> InvalidInput:
    return InvalidInput(errors=[FieldError(field, message)])
