"""Parses a record of a supplier's file into an `ImportRow`, or a `RefusedRow` with the reasons.

Files differ in the names of their columns, lose leading zeros of ISBNs, and omit price and stock.
Values are never guessed: an ISBN that has lost digits is omitted with a warning, and the row then
changes no existing book.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple, Self

from functions.catalog.domain.books import DETAILS, MAX_STOCK, BookDetails
from functions.catalog.domain.field_checks import reason
from functions.catalog.domain.isbn import parse_spreadsheet_isbn
from functions.catalog.errors import MalformedCsv
from functions.catalog.importing.csv_records import Record
from functions.catalog.importing.facts import FACTS, read_facts
from functions.catalog.importing.numbers import DecimalSign, parse_amount, parse_number
from functions.catalog.search.folding import fold
from functions.kit.base.characters import is_visible
from functions.kit.base.errors import Detail, FieldError, InvalidInput, Text
from functions.kit.base.language import in_language
from functions.kit.base.spreadsheets import unescaped

# Names in the form of `_plain`. Where a file has several columns of one field, the first filled
# one counts.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "title": ("title", "titulo", "originaltitle"),
    "author": ("author", "authors", "autor", "autores"),
    "isbn": ("isbn13", "isbn", "isbn10", "ean"),
    "price": ("price", "precio", "unitprice"),
    "stock": ("stock", "existencias", "quantity", "cantidad"),
    "description": ("description", "descripcion"),
    "category": ("category", "categoria", "genre", "genero"),
    "year": (
        *("year", "ano", "anio", "originalpublicationyear", "publicationyear"),
        *("yearofpublication", "anodepublicacion", "aniodepublicacion"),
    ),
    "language": ("language", "languagecode", "lang", "idioma", "lengua"),
    "external_rating_hundredths": (
        *("averagerating", "externalrating", "rating"),
        *("calificacion", "valoracion", "calificacionpromedio", "valoracionmedia"),
    ),
    "external_ratings_count": (
        *("ratingscount", "externalratingscount", "ratings"),
        *("calificaciones", "valoraciones", "numerodecalificaciones", "numerodevaloraciones"),
    ),
}

_NOT_LETTERS = re.compile(r"[^a-z0-9]+")
_FORMULA = re.compile(r'=\s*"(?P<text>(?:[^"]|"")*)"\s*\Z', re.DOTALL)


class Defaults(NamedTuple):
    """Options of an import, for what the file does not contain."""

    price: Decimal | None = None
    stock: int = 0
    decimal: DecimalSign | None = None
    """The decimal sign; None refuses ambiguous numbers."""
    currency: str = "USD"
    """The shop's currency. A price in another one is accepted with a warning."""


class ImportRow(NamedTuple):
    line: int
    details: BookDetails
    stock: int
    given: frozenset[str]
    """Details that the file has a value for; the others of an existing book are kept."""
    stock_given: bool
    unreadable_isbn: str | None
    """As written. Such a row changes no book that is matched by less than an ISBN."""
    warnings: tuple[FieldError, ...]

    def applied_to(self, known: BookDetails) -> BookDetails:
        """An existing book's details with the values of the file."""
        return replace(known, **{name: getattr(self.details, name) for name in self.given})


class RefusedRow(NamedTuple):
    line: int
    errors: tuple[FieldError, ...]


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a file, by the field that they hold."""

    places: Mapping[str, tuple[int, ...]]
    count: int
    unused: tuple[str, ...]
    """Names of columns that are ignored."""

    @classmethod
    def from_header(cls, header: Record, defaults: Defaults) -> Self:
        """Raises `MalformedCsv` where the header lacks a required column."""
        if header.problem is not None:
            raise MalformedCsv(
                Text(
                    f"La cabecera no se puede leer: {header.problem.es}",
                    f"The header cannot be read: {header.problem.en}",
                )
            )
        names = [_cell(name) for name in header.cells]
        while names and not names[-1]:
            names.pop()
        named: dict[str, int] = {}
        for index, name in enumerate(names):
            named.setdefault(_plain(name), index)
        places = {
            field: tuple(named[name] for name in known if name in named)
            for field, known in COLUMNS.items()
        }
        missing = [field for field in ("title", "author") if not places[field]]
        if missing:
            has = ", ".join(names)[:300]
            raise MalformedCsv(
                Text(
                    f"La cabecera no tiene columna para {' ni '.join(missing)}; tiene: {has}",
                    f"The header has no column for {' and '.join(missing)}; it has: {has}",
                )
            )
        if not places["price"] and defaults.price is None:
            raise MalformedCsv(
                Text(
                    "El archivo no tiene columna de precio: indique default_price, como en"
                    " ?default_price=12.50",
                    "The file has no price column: give default_price, as in ?default_price=12.50",
                )
            )
        used = {place for each in places.values() for place in each}
        unused = (name for index, name in enumerate(names) if index not in used and name)
        return cls(places, len(names), tuple(unused))

    def read(self, record: Record, defaults: Defaults) -> ImportRow | RefusedRow:
        if record.problem is not None:
            return RefusedRow(record.line, (FieldError("", record.problem),))
        cells = [_cell(cell) for cell in record.cells]
        # Excel omits trailing delimiters of some rows and adds some to others.
        cells += [""] * (self.count - len(cells))
        if any(cells[self.count :]):
            message = Text(
                f"tiene {len(record.cells)} campos y la cabecera {self.count}:"
                " un campo que contiene un separador se escribe entre comillas",
                f"has {len(record.cells)} fields where the header has {self.count}:"
                " a field that holds a delimiter is written in quotation marks",
            )
            return RefusedRow(record.line, (FieldError("", message),))
        try:
            return self._read(record.line, cells, defaults)
        except InvalidInput as refusal:
            return RefusedRow(record.line, refusal.errors)

    def _read(self, line: int, cells: Sequence[str], defaults: Defaults) -> ImportRow:
        found = {
            field: next(filter(None, (cells[place] for place in places)), "")
            for field, places in self.places.items()
        }
        isbn, unreadable, warnings = _isbn([cells[place] for place in self.places["isbn"]])
        facts, fact_warnings = read_facts(found, defaults.decimal)
        price, price_warnings = _price(found["price"], defaults)
        arguments: dict[str, str | int | Decimal | None] = {
            "description": found["description"] or None,
            "title": _one_line(found["title"]),
            "author": _one_line(found["author"]),
            "category": _one_line(found["category"]) or None,
            "isbn": isbn,
            "price": price,
            **facts,
        }
        details = BookDetails.checked(**arguments)  # type: ignore[arg-type]
        left_out = {name for name in FACTS if name not in facts}
        if isbn is None:
            left_out.add("isbn")
        filled = {"price_minor" if name == "price" else name for name in found if found[name]}
        return ImportRow(
            line,
            details,
            _stock(found["stock"], defaults),
            frozenset(filled.intersection(DETAILS) - left_out),
            bool(found["stock"]),
            unreadable,
            (*warnings, *price_warnings, *fact_warnings),
        )


def is_blank(record: Record) -> bool:
    """Whether it has delimiters only, as a row that was cleared in Excel."""
    return record.problem is None and not any(map(is_visible, record.cells))


def _cell(written: str) -> str:
    """The text of a cell. Excel exports `="0439"` to preserve leading zeros.

    What the back office exports has apostrophes before what could be a formula.
    """
    text = written.strip().strip("\ufeff")
    formula = _FORMULA.match(text)
    text = unescaped(text) if formula is None else formula["text"].replace('""', '"').strip()
    return text if is_visible(text) else ""


def _plain(name: str) -> str:
    return _NOT_LETTERS.sub("", fold(name))


def _one_line(cell: str) -> str:
    """Replaces line breaks inside a quoted cell by spaces."""
    return " ".join(cell.split())


def _isbn(cells: Sequence[str]) -> tuple[str | None, str | None, tuple[FieldError, ...]]:
    """The ISBN, or the first unreadable one as written, and warnings."""
    unreadable: list[tuple[str, Detail]] = []
    for cell in filter(None, cells):
        try:
            return parse_spreadsheet_isbn(cell), None, ()
        except ValueError as error:
            unreadable.append((cell[:40], reason(error)))
    if not unreadable:
        return None, None, ()
    reasons = [
        "; ".join(f"{cell} {in_language(language, why)}" for cell, why in unreadable)
        for language in ("es", "en")
    ]
    message = Text(f"no se tomó: {reasons[0]}", f"left out: {reasons[1]}")
    return None, unreadable[0][0], (FieldError("isbn", message),)


def _price(cell: str, defaults: Defaults) -> tuple[Decimal, tuple[FieldError, ...]]:
    if not cell and defaults.price is not None:
        return defaults.price, ()
    if not cell:
        raise _refused("price", Text("falta", "is missing"))
    try:
        amount = parse_amount(cell.lstrip("'"), defaults.decimal)
    except ValueError as error:
        raise _refused("price", reason(error)) from error
    if amount.is_in(defaults.currency):
        return amount.number, ()
    message = Text(
        f"lleva {amount.currency}, y la tienda vende en {defaults.currency}: se tomó el número",
        f"says {amount.currency}, and the shop sells in {defaults.currency}: the number was taken",
    )
    return amount.number, (FieldError("price", message),)


def _stock(cell: str, defaults: Defaults) -> int:
    if not cell:
        return defaults.stock
    try:
        number = parse_number(cell.lstrip("'"), defaults.decimal)
    except ValueError as error:
        raise _refused("stock", reason(error)) from error
    if number % 1 or number > MAX_STOCK:
        raise _refused(
            "stock",
            Text(
                f"debe ser un número entero de 0 a {MAX_STOCK}",
                f"must be a whole number from 0 to {MAX_STOCK}",
            ),
        )
    return int(number)


def _refused(field: str, message: Detail) -> InvalidInput:
    return InvalidInput(errors=[FieldError(field, message)])
