"""Books: the details that catalog keeps, and the copies that are free for sale."""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from functions.adoption.domain.amounts import FloatValue, amount
from functions.adoption.domain.decisions import MAX_STOCK, Decisions
from functions.adoption.domain.findings import Action, Finding, What, safe
from functions.adoption.domain.texts import cut, fitted, one_line, prose
from functions.catalog.domain.books import MAX_AUTHOR, MAX_DESCRIPTION, MAX_TITLE, BookDetails
from functions.kit.base.money import MAX_MONEY_MINOR, from_minor

TABLE = "main.book"
NO_TITLE = "Sin título"
NO_AUTHOR = "Autor desconocido"


class OriginalBook(NamedTuple):
    id: int
    title: str | None
    author: str | None
    description: str | None
    price: FloatValue | None
    stock: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    id: int
    details: BookDetails
    retired: bool
    available: int
    """Copies that are free for sale."""


def map_book(row: OriginalBook, decisions: Decisions) -> tuple[Book | None, list[Finding]]:
    if row.id < 1:
        return None, [Finding(TABLE, row.id, What.ID_INVALID, Action.REFUSED, safe(row.title))]
    mapped = _Mapping(row, decisions)
    title = mapped.named(row.title, NO_TITLE, What.TITLE_MISSING, MAX_TITLE)
    author = mapped.named(row.author, NO_AUTHOR, What.AUTHOR_MISSING, MAX_AUTHOR)
    details = BookDetails.checked(
        title=title, author=author, price=mapped.price(), description=mapped.description()
    )
    available = mapped.stock()
    book = Book(id=row.id, details=details, retired=mapped.retired, available=available)
    return book, mapped.findings


@lru_cache(maxsize=10_000)  # every purchase has the title of its book
def title_of(text: str | None) -> str:
    """The title of a book as `map_book` has it."""
    return fitted(one_line(text), MAX_TITLE) or NO_TITLE


class _Mapping:
    """The findings about one book, and whether one of them retires it."""

    def __init__(self, row: OriginalBook, decisions: Decisions) -> None:
        self.row = row
        self.decisions = decisions
        self.findings: list[Finding] = []
        self.retired = False

    def add(self, what: What, action: Action, old: object = None) -> None:
        self.findings.append(Finding(TABLE, self.row.id, what, action, safe(old)))

    def named(self, text: str | None, placeholder: str, missing: What, limit: int) -> str:
        tidy = one_line(text)
        if not tidy:
            self.add(missing, Action.REPAIRED, text)
            self.retired = True
            return placeholder
        if tidy != text:
            self.add(What.TEXT_TIDIED, Action.REPAIRED)
        return self.fitted(tidy, limit, What.TEXT_CUT)

    def fitted(self, text: str, limit: int, too_long: What) -> str:
        if len(text) > limit:
            self.add(too_long, Action.REPAIRED, len(text))
        short, kept = cut(text, limit), fitted(text, limit)
        if kept != short:
            self.add(What.CARD_NUMBER, Action.REPAIRED)
        return kept

    def description(self) -> str | None:
        text = self.row.description
        tidy = prose(text)
        if not tidy:
            return None
        if tidy != text:
            self.add(What.TEXT_TIDIED, Action.REPAIRED)
        return self.fitted(tidy, MAX_DESCRIPTION, What.DESCRIPTION_CUT)

    def price(self) -> Decimal:
        value = self.row.price
        price = amount(value, as_stored=self.decisions.large_amounts == "as_stored")
        if value is None or price is None or not price.is_payable:
            self.add(What.PRICE_INVALID, Action.REPAIRED, None if value is None else value.shown)
            self.retired = True
            return from_minor(0)
        if price.minor == 0 and value.shown:  # a price that rounding would turn into a gift
            self.add(What.PRICE_INVALID, Action.REPAIRED, value.shown)
            self.retired = True
        elif price.rounded:
            self.add(What.PRICE_ROUNDED, Action.REPAIRED, value.shown)
        elif price.hides_digits:
            self.add(What.AMOUNT_SIX_DIGITS, Action.KEPT, value.shown)
        return from_minor(min(price.minor, MAX_MONEY_MINOR))

    def stock(self) -> int:
        stock = self.row.stock
        counted = self.decisions.stock_count.get(self.row.id)
        if counted is not None:
            if counted != stock:
                self.add(What.STOCK_COUNTED, Action.REPAIRED, stock)
            return counted
        if self.decisions.stock == "zero":
            self.add(What.STOCK_COUNTED, Action.REPAIRED, stock)
            return 0
        if stock is None or stock < 0:
            self.add(What.STOCK_INVALID, Action.REPAIRED, stock)
            return 0
        if stock > MAX_STOCK:
            self.add(What.STOCK_CAPPED, Action.REPAIRED, stock)
            return MAX_STOCK
        return stock
