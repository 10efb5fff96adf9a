"""Rows of delivery providers."""

from collections.abc import Sequence
from typing import NamedTuple

from piccolo.querystring import QueryString

from functions.kit.base.errors import Text
from functions.kit.data.database import Database, Row
from functions.kit.http.etags import strong_etag
from functions.purchase.errors import ProviderNotFound, ProviderRetired


class DeliveryProvider(NamedTuple):
    id: int
    name: str
    fee_minor: int
    retired: bool
    countries: Sequence[str] = ()
    """Empty where it is not said; `*` for everywhere."""


def provider_etag(row: Row) -> str:
    """The entity tag of a row's content."""
    content = (row["name"], row["contact"], row["countries"], row["fee_minor"])
    return strong_etag("provider 1", *content, bool(row["retired"]))


async def locked_provider(database: Database, provider_id: int) -> Row:
    """The row, until the transaction ends. Raises `ProviderNotFound`."""
    rows = await database.locked(QueryString("SELECT * FROM providers WHERE id = {}", provider_id))
    if not rows:
        raise ProviderNotFound.of(provider_id)
    return rows[0]


async def delivery_provider(database: Database, provider_id: int) -> DeliveryProvider:
    """Raises `ProviderNotFound`."""
    outcome = await database.execute(
        QueryString(
            "SELECT name, fee_minor, retired, countries FROM providers WHERE id = {}", provider_id
        )
    )
    if not outcome.rows:
        raise ProviderNotFound.of(provider_id)
    row = outcome.rows[0]
    return DeliveryProvider(
        provider_id,
        row["name"],
        row["fee_minor"],
        bool(row["retired"]),
        decode_countries(row["countries"]),
    )


async def offered_provider(database: Database, provider_id: int) -> DeliveryProvider:
    """A provider that new purchases and deliveries may use.

    Raises `ProviderNotFound` or `ProviderRetired`.
    """
    provider = await delivery_provider(database, provider_id)
    if provider.retired:
        raise ProviderRetired(
            Text(
                f"{provider.name} ya no se ofrece: elija otro.",
                f"{provider.name} is not offered any more: choose another one.",
            )
        )
    return provider


def encode_countries(codes: Sequence[str]) -> str:
    """The value of a column: each code between spaces, so that LIKE '% CO %' finds it."""
    return f" {' '.join(codes)} " if codes else ""


def decode_countries(column: str) -> list[str]:
    """The codes in the value of a column."""
    return column.split()
