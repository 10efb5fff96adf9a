"""What countries ask of an address, by the data that the shop reads."""

from dataclasses import replace

import pytest

from functions.purchase.domain.addresses import Address, country_rules
from functions.purchase.domain.countries import COUNTRIES
from functions.purchase.errors import AddressInvalid

BASE = Address(
    recipient="Ada",
    lines=("Street 1",),
    city="City",
    region="Region",
    postal_code=None,
    country="CO",
    phone=None,
)


@pytest.mark.parametrize("country", sorted(COUNTRIES))
def test_every_country_has_rules_that_its_own_example_meets(country: str) -> None:
    """No country is missing from the data, and each pattern takes the code that is shown."""
    rules = country_rules(country, None)
    example = rules.postal_code_example
    address = replace(BASE, country=country, postal_code=example)

    assert address.checked().country == country
    assert bool(rules.postal_codes) <= (example is not None)


@pytest.mark.parametrize(
    ("country", "region", "postal_code", "fields"),
    [
        ("CO", None, None, ["region"]),
        ("CO", "Antioquia", "050001", []),
        ("CO", "Antioquia", "5001", ["postal_code"]),
        ("ES", "Madrid", None, ["postal_code"]),
        ("ES", None, None, ["postal_code", "region"]),
        ("ES", "Madrid", "28039", []),
        ("ES", "Madrid", "08001", ["postal_code"]),
        ("ES", "Barcelona", "08001", []),
        ("US", "California", "94043", []),
        ("US", "CA", "10001", ["postal_code"]),
        ("DE", None, "10115", []),
        ("DE", None, "1011", ["postal_code"]),
        ("GB", None, "gir 0aa", []),
        ("GB", None, "GIR 0AA X", ["postal_code"]),
        ("AO", None, None, []),
        ("HK", "Kowloon", None, []),
    ],
)
def test_a_country_says_what_is_missing_and_what_is_wrong(
    country: str, region: str | None, postal_code: str | None, fields: list[str]
) -> None:
    """Every wrong field at once; a region that the data knows narrows its postal codes."""
    address = replace(BASE, country=country, region=region, postal_code=postal_code)
    found: list[str] = []
    try:
        address.checked()
    except AddressInvalid as refusal:
        found = [error.field for error in refusal.errors]

    assert found == fields


def test_a_region_that_the_data_does_not_know_is_a_text() -> None:
    """Spellings of people are not corrected; the country's own pattern still holds."""
    address = replace(BASE, region="Bogota D.C. (Chapinero)", postal_code="110231")

    assert address.checked() == address
