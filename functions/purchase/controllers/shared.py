"""Helpers of several controllers: owners of rows, pages of lists, amounts, counted refusals."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Protocol, TypeVar

from litestar import Response
from msgspec import UnsetType

from functions.kit.base.errors import DomainError
from functions.kit.base.money import minor_units
from functions.kit.http.pagination import decode_cursor, encode_cursor, page_response
from functions.kit.http.requests import AnyRequest, AuthenticatedRequest
from functions.purchase.metrics import count_refusal
from functions.purchase.services import services_of


class _HasId(Protocol):
    @property
    def id(self) -> int: ...


T = TypeVar("T")
View = TypeVar("View", bound=_HasId)


def owner_of(request: AuthenticatedRequest) -> int | None:
    """The user whose rows the caller may read; None for staff, who may read all."""
    return None if request.user.is_staff else request.user.user_id


def id_after(after: str | None) -> int | None:
    """The id in a cursor of a list that is ordered by id.

    Raises `InvalidInput` for a malformed cursor.
    """
    key: int | None = None if after is None else decode_cursor(after, int)[0]
    return key


def page_by_id(
    request: AnyRequest, rows: Sequence[T], limit: int, view: Callable[[T], View]
) -> Response[list[View]]:
    """A page of up to `limit` views; one row more than that means that another page follows."""
    views = [view(row) for row in rows[:limit]]
    cursor = encode_cursor(views[-1].id) if len(rows) > limit else None
    return page_response(request, views, cursor)


def optional_minor(field: str, amount: Decimal | UnsetType | None) -> int | None:
    """An amount in minor units; None where the caller sent none.

    Raises `InvalidInput`, which names the field.
    """
    return minor_units(field, amount) if isinstance(amount, Decimal) else None


@contextmanager
def counting_refusals(request: AuthenticatedRequest) -> Iterator[None]:
    """Count a refusal that ends a request to buy."""
    try:
        yield
    except DomainError as refusal:
        count_refusal(services_of(request).metrics, refusal)
        raise
