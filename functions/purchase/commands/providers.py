"""Add and change delivery providers."""

from collections.abc import Mapping, Sequence
from typing import Any

from piccolo.querystring import QueryString

from functions.kit.base.errors import Text
from functions.kit.data.database import Database, transactional
from functions.kit.http import etags
from functions.purchase import storage
from functions.purchase.domain.cards import check_no_card_number
from functions.purchase.domain.countries import coverage_of
from functions.purchase.errors import ProviderExists
from functions.purchase.tables import ProviderRow


@transactional
async def add_provider(
    database: Database, name: str, contact: str, coverage: Sequence[str], fee_minor: int
) -> int:
    """Add a delivery provider. Returns its id.

    Raises `ProviderExists`, `CardNumberRefused`, or `InvalidInput` for an unknown country.
    """
    _check_texts(name, contact)
    provider = ProviderRow(
        name=name,
        contact=contact,
        coverage=None,
        countries=storage.encode_countries(coverage_of(coverage)),
        fee_minor=fee_minor,
        retired=False,
    )
    try:
        created = await database.execute(ProviderRow.insert(provider))
    except Exception as error:
        raise _refusal(database, error, name) from error
    provider_id: int = created.rows[0]["id"]
    return provider_id


@transactional
async def change_provider(
    database: Database,
    provider_id: int,
    *,
    name: str | None = None,
    contact: str | None = None,
    coverage: Sequence[str] | None = None,
    fee_minor: int | None = None,
    retired: bool | None = None,
    preconditions: Mapping[str, str] | None = None,
) -> str:
    """Change the given fields. Purchases that were placed before keep their fee.

    `preconditions` are the headers `if-match` and `if-none-match`, where they were sent. Returns
    the new entity tag. Raises `ProviderNotFound`, `PreconditionFailed`, and what `add_provider`
    raises.
    """
    _check_texts(name, contact)
    changes: dict[str, Any] = {
        "name": name,
        "contact": contact,
        "countries": None if coverage is None else storage.encode_countries(coverage_of(coverage)),
        "fee_minor": fee_minor,
        "retired": retired,
    }
    changes = {column: value for column, value in changes.items() if value is not None}
    row = await storage.locked_provider(database, provider_id)
    etags.check(preconditions or {}, storage.provider_etag(row))
    if not changes:
        return storage.provider_etag(row)
    assignments = ", ".join(f"{column} = {{}}" for column in changes)
    try:
        await database.execute(
            QueryString(
                f"UPDATE providers SET {assignments} WHERE id = {{}}",  # noqa: S608 - columns
                *changes.values(),
                provider_id,
            )
        )
    except Exception as error:
        raise _refusal(database, error, name or "") from error
    return storage.provider_etag({**row, **changes})


def _check_texts(name: str | None, contact: str | None) -> None:
    check_no_card_number("name", name)
    check_no_card_number("contact", contact, phones=True)


def _refusal(database: Database, error: Exception, name: str) -> Exception:
    return (
        ProviderExists(Text(f"{name} ya existe.", f"{name} exists already."))
        if database.is_duplicate(error)
        else error
    )
