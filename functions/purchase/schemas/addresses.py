"""Bodies of addresses: those of a customer, and the copy that a purchase keeps."""

from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from functions.kit.base.errors import Text
from functions.kit.base.fields import MEANINGS, NO_CONTROLS, NOT_BLANK, Strict, line
from functions.purchase.domain.addresses import MAX_ADDRESS_LINES
from functions.purchase.domain.countries import COUNTRIES

Country = Annotated[str, Meta(pattern=r"^[A-Za-z]{2}$", description="ISO 3166-1 alpha-2")]

AddressLines = Annotated[
    list[Annotated[str, line(200)]], Meta(min_length=1, max_length=MAX_ADDRESS_LINES)
]

PHONE = NO_CONTROLS + r"\+?[0-9(][0-9 ()./-]{3,28}$"

MEANINGS[PHONE] = Text(
    "debe ser un número de teléfono, como +57 601 234 5678",
    "must be a telephone number, such as +57 601 234 5678",
)

Phone = Annotated[str, Meta(pattern=PHONE)]

_ADDRESS: dict[str, Any] = {
    "properties": {
        "country": {"enum": sorted(COUNTRIES)},
        # Litestar omits the bounds of a list's items.
        "lines": {
            "items": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": NOT_BLANK}
        },
    }
}


class NewAddress(Strict, frozen=True, kw_only=True):
    """The country determines which fields are required, and the form of the postal code."""

    recipient: Annotated[str, line(100)]
    lines: AddressLines
    """Street, number, flat and the like."""
    city: Annotated[str, line(100)]
    region: Annotated[str, line(100)] | None = None
    """Department, state or province."""
    postal_code: Annotated[str, line(20)] | None = None
    country: Country
    phone: Phone | None = None
    default: bool = False
    """Whether it is the default address; it replaces the previous one."""

    described: ClassVar[dict[str, Any]] = _ADDRESS
    example: ClassVar[dict[str, Any]] = {
        "recipient": "Úrsula Iguarán",
        "lines": ["Carrera 7 # 32-16", "Apto. 402"],
        "city": "Bogotá",
        "region": "Bogotá",
        "postal_code": "110311",
        "country": "CO",
        "phone": "+57 601 234 5678",
        "default": True,
    }


class AddressChange(Strict, frozen=True, kw_only=True):
    """Omitted members are not changed; null removes an optional one."""

    recipient: Annotated[str, line(100)] | UnsetType = UNSET
    lines: AddressLines | UnsetType = UNSET
    city: Annotated[str, line(100)] | UnsetType = UNSET
    region: Annotated[str, line(100)] | UnsetType | None = UNSET
    postal_code: Annotated[str, line(20)] | UnsetType | None = UNSET
    country: Country | UnsetType = UNSET
    phone: Phone | UnsetType | None = UNSET
    default: bool | UnsetType = UNSET

    described: ClassVar[dict[str, Any]] = _ADDRESS
    example: ClassVar[dict[str, Any]] = {"phone": "+57 300 123 4567", "default": True}


class AddressChanged(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    address_id: int


class PurchaseAddress(msgspec.Struct, frozen=True, kw_only=True):
    """The delivery address of a purchase: a copy of the one that its buyer chose."""

    recipient: str
    lines: list[str]
    city: str
    region: str | None
    postal_code: str | None
    country: str
    phone: str | None


class AddressView(PurchaseAddress, frozen=True, kw_only=True):
    """One of the caller's addresses."""

    id: int
    default: bool
