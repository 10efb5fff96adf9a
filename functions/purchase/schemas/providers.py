"""Bodies of delivery providers."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from functions.kit.base.fields import Amount, Strict, line
from functions.purchase.domain.countries import COUNTRIES, EVERYWHERE

Coverage = Annotated[
    list[Annotated[str, Meta(pattern=r"^([A-Za-z]{2}|\*)$")]],
    Meta(max_length=300, description="ISO 3166-1 alpha-2 codes of countries, or * for everywhere"),
]

_COVERED: dict[str, Any] = {
    "properties": {
        "coverage": {"items": {"type": "string", "enum": [EVERYWHERE, *sorted(COUNTRIES)]}}
    }
}


class ProviderStatus(StrEnum):
    """Which providers a list has."""

    OFFERED = "offered"
    RETIRED = "retired"
    ALL = "all"


class NewProvider(Strict, frozen=True, kw_only=True):
    name: Annotated[str, line(100)]
    contact: Annotated[str, line(200)]
    coverage: Coverage | None = None
    fee: Amount | UnsetType = UNSET
    """0 where it is omitted."""

    described: ClassVar[dict[str, Any]] = _COVERED
    example: ClassVar[dict[str, Any]] = {
        "name": "Correos",
        "contact": "envios@correos.example",
        "coverage": ["ES"],
        "fee": 12.50,
    }


class ProviderChange(Strict, frozen=True, kw_only=True):
    """Omitted members are not changed."""

    name: Annotated[str, line(100)] | UnsetType = UNSET
    contact: Annotated[str, line(200)] | UnsetType = UNSET
    coverage: Coverage | UnsetType = UNSET
    fee: Amount | UnsetType = UNSET
    retired: bool | UnsetType = UNSET

    described: ClassVar[dict[str, Any]] = _COVERED
    example: ClassVar[dict[str, Any]] = {"fee": 9.50}


class ProviderChanged(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    provider_id: int


class ProviderCreated(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    provider_id: int


class ProviderView(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    name: str
    contact: str
    coverage: list[str]
    """Countries by ISO 3166-1 code, `*` for everywhere; empty where it is unknown."""
    fee: Decimal
    fee_minor: int
    retired: bool
