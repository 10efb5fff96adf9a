"""What the owner decides. `decisions_file.py` writes and reads them as TOML.

Every default is safe: it invents no money, opens no account to somebody else, and leaves out what
cannot be moved, which stays undecided until the owner has seen it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args

from functions.adoption.domain.findings import What
from functions.adoption.domain.texts import TextRule
from functions.kit.base.errors import Text
from functions.purchase.domain.purchases import Status

UNDECIDED, LEAVE_OUT = "undecided", "leave_out"

LEFT_OUT = (
    What.ID_INVALID,
    What.COLUMN_UNKNOWN,
    What.QUANTITY_INVALID,
    What.TOTAL_INVALID,
    What.BOOK_UNKNOWN,
    What.PAYMENT_ORPHAN,
    What.PAYMENT_INVALID,
    What.PAYMENT_AGAIN,
    What.PAYMENT_PARTIAL,
    What.PAYMENT_NOT_OWED,
    What.ASSIGNMENT_ORPHAN,
)
"""Refusals that the owner can only acknowledge."""

MAX_GRACE_HOURS = 24 * 365
MAX_STOCK = 1_000_000


class DecisionsError(ValueError):
    """A decision that does not exist, or has an impossible value. Its argument is a `Text`."""


@dataclass(frozen=True, kw_only=True)
class Decisions:
    currency: str = "USD"
    pending_grace_hours: int = 72
    underpaid: Literal["pending", "cancelled"] = "pending"
    paid_without_payment: Literal["pending", "cancelled", "paid"] = "pending"
    large_amounts: Literal["as_shown", "as_stored"] = "as_shown"
    stock: Literal["original", "zero"] = "original"
    merged_accounts: Literal["reset", "first", "last"] = "reset"
    unknown_users: Literal["undecided", "leave_out", "closed_account"] = "undecided"
    texts: TextRule = "refuse"
    statuses: Mapping[str, str] = field(default_factory=dict)
    """Spelling in the original → one of ours, or `by payments`."""
    stock_count: Mapping[int, int] = field(default_factory=dict)
    """Book → copies that were counted as free for sale."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Code of a refusal → `undecided` or `leave_out`."""

    def settles(self, what: What) -> bool:
        """Whether the owner has decided that rows of this refusal are left out."""
        if what is What.TEXT_MISENCODED:
            return self.texts != "refuse"
        if what is What.USER_UNKNOWN:
            return self.unknown_users != UNDECIDED
        return self.refused.get(what) == LEAVE_OUT

    def of_effect(self) -> dict[str, object]:
        """The decisions that change what is written; an acknowledgement does not."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        del values["refused"]
        if self.unknown_users == UNDECIDED:
            values["unknown_users"] = LEAVE_OUT
        return values


BY_PAYMENTS = "by payments"
_CHOICES: dict[str, tuple[str, ...]] = {
    "underpaid": ("pending", "cancelled"),
    "paid_without_payment": ("pending", "cancelled", "paid"),
    "large_amounts": ("as_shown", "as_stored"),
    "stock": ("original", "zero"),
    "merged_accounts": ("reset", "first", "last"),
    "unknown_users": ("undecided", "leave_out", "closed_account"),
    "texts": get_args(TextRule),
}


def parse(values: Mapping[str, Any]) -> Decisions:
    """Raises `DecisionsError`, which names the decision and what it can be."""
    unknown = sorted(set(values) - {each.name for each in fields(Decisions)})
    if unknown:
        raise _error(
            unknown[0],
            Text("no es una decisión", "is no decision"),
            [each.name for each in fields(Decisions)],
        )
    for name, choices in _CHOICES.items():
        if values.get(name, choices[0]) not in choices:
            raise _error(name, Text("es desconocido", "is unknown"), choices)
    _check_numbers(values)
    counts = _check_tables(values)
    return replace(Decisions(), **{**values, "stock_count": counts})


def _check_tables(values: Mapping[str, Any]) -> dict[int, int]:
    """Returns the counted stock."""
    for name in ("statuses", "stock_count", "refused"):
        if not isinstance(values.get(name, {}), dict):
            raise _error(name, Text("debe ser una tabla", "must be a table"), [f"[{name}]"])
    states = (*map(str, Status), BY_PAYMENTS)
    for spelling, status in values.get("statuses", {}).items():
        if status not in states:
            raise _error(f"statuses.{spelling!r}", Text("es desconocido", "is unknown"), states)
    for code, choice in values.get("refused", {}).items():
        if code not in LEFT_OUT:
            raise _error(f"refused.{code}", Text("no existe", "does not exist"), LEFT_OUT)
        if choice not in (UNDECIDED, LEAVE_OUT):
            raise _error(
                f"refused.{code}", Text("es desconocido", "is unknown"), (UNDECIDED, LEAVE_OUT)
            )
    return _counts(values.get("stock_count", {}))


def _counts(values: Mapping[str, object]) -> dict[int, int]:
    """Copies by book."""
    counts: dict[int, int] = {}
    for key, copies in values.items():
        book = _book(key)
        if book in counts:
            raise _error(f"stock_count.{key}", Text("está dos veces", "is there twice"), [book])
        if type(copies) is not int or not 0 <= copies <= MAX_STOCK:
            raise _error(
                f"stock_count.{book}",
                Text("no es un número de ejemplares", "is no number of copies"),
                [f"0 … {MAX_STOCK}"],
            )
        counts[book] = copies
    return counts


def _check_numbers(values: Mapping[str, Any]) -> None:
    currency = values.get("currency", "USD")
    letters = isinstance(currency, str) and currency.isascii() and currency.isalpha()
    if not (letters and len(currency) == 3):
        raise _error("currency", Text("no es una moneda", "is no currency"), ["USD", "COP", "EUR"])
    if not currency.isupper():
        raise _error("currency", Text("va en mayúsculas", "is in capitals"), [currency.upper()])
    hours = values.get("pending_grace_hours", 1)
    if type(hours) is not int or not 1 <= hours <= MAX_GRACE_HOURS:
        raise _error(
            "pending_grace_hours",
            Text("no es un número de horas", "is no number of hours"),
            [f"1 … {MAX_GRACE_HOURS}"],
        )


def _book(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise _error(
            f"stock_count.{text}", Text("no es el id de un libro", "is no id of a book"), ["5011"]
        )
    return int(text)


def _error(name: str, problem: Text, choices: Any) -> DecisionsError:
    listed = ", ".join(map(str, choices))
    return DecisionsError(
        Text(
            f"{name} {problem.es}; puede ser: {listed}", f"{name} {problem.en}; it can be: {listed}"
        )
    )
