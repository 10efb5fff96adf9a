"""What countries ask of an address, by the data that the shop reads."""

import re
from dataclasses import replace

import pytest

from functions.kit.base.countries import country_name
from functions.kit.base.errors import DomainError, FieldError, Text
from functions.purchase.domain.addresses import Address, country_rules
from functions.purchase.domain.cards import holds_card_number
from functions.purchase.domain.checkout import does_not_deliver
from functions.purchase.domain.countries import COUNTRIES
from functions.purchase.errors import AddressInvalid, CardNumberRefused

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
        ("GB", None, None, ["postal_code"]),
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


def test_blanks_around_the_texts_are_removed() -> None:
    """The country is in upper case, and the postal code where its country writes it so."""
    typed = Address(
        recipient=" Ada ",
        lines=(" 1 Street", "Flat 2 "),
        city=" London\t",
        region=" Greater London ",
        postal_code=" gir 0aa ",
        country="gb",
        phone=" +44 20 7946 0958 ",
    )

    assert typed.checked() == Address(
        recipient="Ada",
        lines=("1 Street", "Flat 2"),
        city="London",
        region="Greater London",
        postal_code="GIR 0AA",
        country="GB",
        phone="+44 20 7946 0958",
    )


@pytest.mark.parametrize(
    ("country", "postal_code", "spanish", "english"),
    [
        ("XX", None, "XX no es un país de ISO 3166-1", "XX is not a country of ISO 3166-1"),
        ("ES", None, "hace falta en este país: España", "is required in this country: Spain"),
        (
            "ES",
            "1",
            "debe ser un código postal de allí (España), como 28039",
            "must be a postal code of that place (Spain), such as 28039",
        ),
    ],
)
def test_a_wrong_field_has_its_reason(
    country: str, postal_code: str | None, spanish: str, english: str
) -> None:
    """In both languages, in the detail as well."""
    with pytest.raises(AddressInvalid) as caught:
        replace(BASE, region="Madrid", country=country, postal_code=postal_code).checked()
    field = "country" if country == "XX" else "postal_code"

    assert caught.value.errors == (FieldError(field, Text(spanish, english)),)
    assert caught.value.detail == Text(
        f"Corrija la dirección: {field}: {spanish}", f"Correct the address: {field}: {english}"
    )


def test_a_country_without_an_example_has_another_text() -> None:
    """The data has an example of nearly every country's codes."""
    rules = country_rules("ES", None)._replace(postal_code_example=None)

    assert rules.explain_postal_code("ES") == Text(
        "no es un código postal de este país: España", "is not a postal code of this country: Spain"
    )


@pytest.mark.parametrize(
    "field", ["recipient", "city", "region", "postal_code", "lines[0]", "lines[1]", "phone"]
)
def test_a_card_number_is_found_in_each_field(field: str) -> None:
    """Before the country is looked at."""
    number = "4111 1111 1111 1111"
    name = field.partition("[")[0]
    lines = tuple(number if field == f"lines[{place}]" else "Street" for place in range(2))
    address = replace(
        BASE,
        country="XX",
        **{name: lines if name == "lines" else number},  # type: ignore[arg-type]
    )
    with pytest.raises(CardNumberRefused) as caught:
        address.checked()

    assert [error.field for error in caught.value.errors] == [field]


def test_a_telephone_number_that_looks_like_a_card_is_permitted_as_the_phone() -> None:
    """And nowhere else."""
    number = "+57 300 123 4018"

    assert holds_card_number(number)
    assert replace(BASE, phone=number).checked().phone == number


def test_changes_are_of_the_named_fields() -> None:
    """They are not checked yet."""
    assert BASE.with_changes({"city": "", "country": "XX"}) == replace(BASE, city="", country="XX")


@pytest.mark.parametrize("code", sorted(COUNTRIES))
def test_a_message_names_the_country_and_not_its_code(code: str) -> None:
    """In both languages, whatever is wrong with an address there; the error has the code."""
    refusals: list[DomainError] = []
    for postal_code in (None, "?"):
        try:
            replace(BASE, region=None, country=code, postal_code=postal_code).checked()
        except AddressInvalid as refusal:
            refusals.append(refusal)
    refusal_of_delivery = does_not_deliver("Correos", code, [])

    assert isinstance(refusal_of_delivery, DomainError)
    assert {refusal.extensions["country"] for refusal in [*refusals, refusal_of_delivery]} == {code}
    texts = [each.detail for each in [*refusals, refusal_of_delivery]]
    for text in texts:
        assert isinstance(text, Text)
        for language, message in (("es", text.es), ("en", text.en)):
            assert country_name(code, language) in message
            # Postal codes of some countries begin with it, such as LV-1073.
            assert not re.search(rf"\b{code}\b(?!-\d)", message)
