"""The rules of a quote and of the total that a buyer has seen."""

from dataclasses import replace

import pytest

from functions.kit.base.errors import InvalidInput, Text
from functions.kit.base.money import MAX_ID
from functions.kit.base.orders import MAX_LINES
from functions.purchase.domain.checkout import (
    MAX_QUOTES,
    DeliveryOffer,
    Quote,
    cheapest,
    check_expected_total,
    does_not_deliver,
    parse_country,
    parse_items,
    quotes,
)
from functions.purchase.errors import PriceChanged, ProviderDoesNotDeliver
from tests.purchase.domain.examples import LINES, purchase
from tests.purchase.domain.refusals import refused


def provider(number: int, *countries: str, fee_minor: int = 100) -> DeliveryOffer:
    return DeliveryOffer(number, f"P{number}", countries, fee_minor)


def test_a_quote_is_the_books_and_the_fee() -> None:
    """Of each provider that goes to the country, the cheapest first."""
    near, far = provider(1, "CO", fee_minor=500), provider(2, fee_minor=250)
    elsewhere = provider(3, "ES", fee_minor=1)

    assert quotes([near, far, elsewhere], LINES, "CO") == [
        Quote(far, 3090, 3340),
        Quote(near, 3090, 3590),
    ]


def test_of_equal_fees_the_older_provider_comes_first() -> None:
    """So that the order is the same each time; at most `MAX_QUOTES` are shown."""
    many = [provider(number) for number in range(60, 0, -1)]

    assert [each.id for each in cheapest(many, "CO")] == list(range(1, MAX_QUOTES + 1))


def test_a_provider_that_does_not_deliver_names_those_that_do() -> None:
    """Ten of them in the text, all in `providers`."""
    fitting = [provider(number) for number in range(1, 13)]
    names = "P1, P2, P3, P4, P5, P6, P7, P8, P9, P10"

    with refused(
        ProviderDoesNotDeliver,
        f"Lento no entrega en este país: Colombia. Entregan: {names}.",
        f"Lento does not deliver to this country: Colombia. These do: {names}.",
        country="CO",
        providers=[{"id": each.id, "name": each.name} for each in fitting],
    ):
        raise does_not_deliver("Lento", "CO", fitting)


def test_a_country_without_providers_is_told_so() -> None:
    """With what helps: another address."""
    with refused(
        ProviderDoesNotDeliver,
        "Lento no entrega en este país: Antártida. Nadie entrega allí: use otra dirección.",
        "Lento does not deliver to this country: Antarctica. Nobody does: use another address.",
        country="AQ",
        providers=[],
    ):
        raise does_not_deliver("Lento", "AQ", [])


def field_refused(text: str) -> tuple[str, Text]:
    """The field and message of the refusal of `items=text`, which its detail repeats."""
    with pytest.raises(InvalidInput) as caught:
        parse_items(text)
    (error,) = caught.value.errors
    assert isinstance(error.message, Text)
    assert caught.value.detail == Text(
        f"{error.field}: {error.message.es}.", f"{error.field}: {error.message.en}."
    )
    return error.field, error.message


def test_items_are_books_and_copies() -> None:
    """At the bounds of both."""
    assert parse_items(f"1x1,{MAX_ID}x1000") == {1: 1, MAX_ID: 1000}


@pytest.mark.parametrize(
    "item",
    [
        "",
        "1",
        "x",
        "1x",
        "x1",
        "0x1",
        "1x0",
        "01x1",
        "1x01",
        "1x1001",
        f"{MAX_ID + 1}x1",
        "1x1x1",
        "-1x1",
        "1x1.0",
        " 1x1",
        "１x1",
        "1x²",
        "9" * 100 + "x1",
        "1X1",
    ],
)
def test_a_malformed_item_is_named(item: str) -> None:
    """The first 40 characters of it, with an example of a right one."""
    assert field_refused(f"5x1,{item}") == (
        "items",
        Text(
            f"«{item[:40]}» no es LIBROxEJEMPLARES, como 5x1; de 1 a 1000 ejemplares",
            f"“{item[:40]}” is not BOOKxCOPIES, such as 5x1; 1 to 1000 copies",
        ),
    )


def test_a_book_is_given_once() -> None:
    """Two quantities of one book would contradict each other."""
    assert field_refused("1x1,2x1,1x3") == (
        "items",
        Text("el libro 1 aparece más de una vez", "book 1 is given more than once"),
    )


def test_items_are_as_many_as_a_purchase_has_lines() -> None:
    """And no more."""
    full = ",".join(f"{book}x1" for book in range(1, MAX_LINES + 1))

    assert len(parse_items(full)) == MAX_LINES
    assert field_refused(f"{full},99x1") == (
        "items",
        Text("debe tener como máximo 50 libros distintos", "must have at most 50 different books"),
    )


def test_a_country_is_a_code_in_any_case() -> None:
    """Of ISO 3166-1."""
    message = Text(
        "debe ser un código de país de ISO 3166-1, como CO o ES",
        "must be a country code of ISO 3166-1, such as CO or ES",
    )

    assert parse_country("co") == "CO"
    with refused(InvalidInput, f"country: {message.es}.", f"country: {message.en}."):
        parse_country("XX")


def test_the_total_that_was_seen_is_accepted() -> None:
    """Whatever prices it was made of."""
    check_expected_total(purchase(), 3090, {1: 1})


@pytest.mark.parametrize(
    ("seen", "books"), [({}, [1, 2]), ({1: 1500}, [2]), ({1: 1400, 2: 90}, [1]), ({3: 1}, [1, 2])]
)
def test_another_total_is_refused_with_the_lines_that_differ(
    seen: dict[int, int], books: list[int]
) -> None:
    """Those of another price than was seen; a price that is unknown differs."""
    changed = replace(purchase(), delivery_fee_minor=250, total_minor=3340)

    with refused(
        PriceChanged,
        "El total es ahora 33.40 USD, no 32.40 USD. Repita la compra con el total nuevo.",
        "The total is 33.40 USD now, not 32.40 USD. Buy again with the new total.",
        total_minor_actual=3340,
        delivery_fee_minor=250,
        currency="USD",
        lines=[
            {
                "book_id": line.book_id,
                "quantity": line.quantity,
                "unit_price_minor": line.unit_price_minor,
                "seen_unit_price_minor": seen.get(line.book_id),
            }
            for line in LINES
            if line.book_id in books
        ],
    ):
        check_expected_total(changed, 3240, seen)
