"""The filters and orders of the lists of purchases, payments and deliveries, as values."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from functions.kit.base.errors import FieldError, InvalidInput, Text
from functions.kit.base.language import listed
from functions.purchase.domain.deliveries import DeliveryStatus
from functions.purchase.domain.payments import PaymentStatus
from functions.purchase.domain.periods import ANY_TIME, Period
from functions.purchase.domain.purchases import Status

MAX_IDS = 100

IDS = rf"[0-9]{{1,18}}(,[0-9]{{1,18}}){{0,{MAX_IDS - 1}}}"
"""Ids have up to eighteen digits, so that each fits its column."""
_IDS = re.compile(IDS)

_Label = TypeVar("_Label", bound=StrEnum)


class PurchaseSort(StrEnum):
    """A minus means descending. Rows with the same value are ordered by id, the same way."""

    CREATED = "created"
    CREATED_DESCENDING = "-created"
    TOTAL = "total"
    TOTAL_DESCENDING = "-total"


class PaymentSort(StrEnum):
    CREATED = "created"
    CREATED_DESCENDING = "-created"
    AMOUNT = "amount"
    AMOUNT_DESCENDING = "-amount"


class DeliverySort(StrEnum):
    CREATED = "created"
    CREATED_DESCENDING = "-created"


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseFilter:
    """None and empty tuples filter nothing."""

    user_id: int | None = None
    statuses: tuple[Status, ...] = ()
    ids: tuple[int, ...] | None = None
    book_id: int | None = None
    provider_id: int | None = None
    """The provider that the buyer chose."""
    created: Period = ANY_TIME
    min_total: int | None = None
    max_total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFilter:
    user_id: int | None = None
    statuses: tuple[PaymentStatus, ...] = ()
    purchase_id: int | None = None
    refunded: bool | None = None
    """Whether a part or all of it was refunded."""
    created: Period = ANY_TIME
    min_amount: int | None = None
    max_amount: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    user_id: int | None = None
    """The buyer."""
    statuses: tuple[DeliveryStatus, ...] = ()
    purchase_id: int | None = None
    provider_id: int | None = None
    created: Period = ANY_TIME


def labels_pattern(labels: Iterable[StrEnum]) -> str:
    """The pattern of a parameter that holds one or several labels."""
    one = f"({'|'.join(labels)})"
    return f"^{one}(,{one}){{0,{MAX_IDS - 1}}}$"


def parse_labels(name: str, written: str | None, kind: type[_Label]) -> tuple[_Label, ...]:
    """Labels with commas between, each once.

    Raises `InvalidInput`, which lists the valid ones.
    """
    if written is None:
        return ()
    try:
        return tuple(dict.fromkeys(kind(each.strip()) for each in written.split(",")))
    except ValueError as error:
        choices = ", ".join(kind)
        message = Text(
            f"debe ser uno o varios, con comas entre ellos, de: {choices}",
            f"must be one or several, with commas between, of: {choices}",
        )
        raise _refused(name, message) from error


def parse_ids(written: str | None) -> tuple[int, ...] | None:
    """Raises `InvalidInput`."""
    if written is None:
        return None
    if not _IDS.fullmatch(written):
        message = Text(
            f"debe ser hasta {MAX_IDS} números con comas entre ellos, como 3,17,42",
            f"must be up to {MAX_IDS} ids with commas between, as in 3,17,42",
        )
        raise _refused("ids", message)
    return tuple(dict.fromkeys(map(int, written.split(","))))


def _refused(name: str, message: Text) -> InvalidInput:
    return InvalidInput(listed([(name, message)]), errors=[FieldError(name, message)])
