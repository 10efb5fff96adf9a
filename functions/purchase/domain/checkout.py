"""Delivery quotes, and the check of the total that a buyer expects."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from functions.kit.base.countries import country_text
from functions.kit.base.errors import FieldError, InvalidInput, Text
from functions.kit.base.money import MAX_ID, money
from functions.kit.base.orders import MAX_LINES, MAX_QUANTITY
from functions.purchase.domain.countries import COUNTRIES, covers
from functions.purchase.domain.purchases import Line, Purchase, total_minor
from functions.purchase.errors import PriceChanged, ProviderDoesNotDeliver

MAX_QUOTES = 50
"""Most quotes in a response; the cheapest ones."""


class DeliveryOffer(NamedTuple):
    """A delivery provider that is offered; without `countries` it delivers everywhere."""

    id: int
    name: str
    countries: Sequence[str]
    fee_minor: int


class Quote(NamedTuple):
    """The price of some books, delivered by a provider."""

    provider: DeliveryOffer
    subtotal_minor: int
    total_minor: int


def quotes(offered: Sequence[DeliveryOffer], lines: Sequence[Line], country: str) -> list[Quote]:
    """A quote of each provider that delivers to the country, the cheapest first."""
    subtotal = total_minor(lines, 0)
    return [
        Quote(provider, subtotal, total_minor(lines, provider.fee_minor))
        for provider in cheapest(offered, country)
    ]


def cheapest(offered: Sequence[DeliveryOffer], country: str) -> list[DeliveryOffer]:
    """The providers that deliver to a country, by their fees, at most `MAX_QUOTES`."""
    fitting = [each for each in offered if covers(each.countries, country)]
    return sorted(fitting, key=lambda each: (each.fee_minor, each.id))[:MAX_QUOTES]


def does_not_deliver(name: str, country: str, fitting: Sequence[DeliveryOffer]) -> Exception:
    """The refusal of a provider that does not deliver to a country; it names those that do."""
    names = ", ".join(each.name for each in fitting[:10])
    named = country_text(country)
    return ProviderDoesNotDeliver(
        Text(
            f"{name} no entrega en este país: {named.es}. "
            + (f"Entregan: {names}." if names else "Nadie entrega allí: use otra dirección."),
            f"{name} does not deliver to this country: {named.en}. "
            + (f"These do: {names}." if names else "Nobody does: use another address."),
        ),
        country=country,
        providers=[{"id": each.id, "name": each.name} for each in fitting],
    )


def parse_country(code: str) -> str:
    """An ISO 3166-1 alpha-2 code, in upper case.

    Raises `InvalidInput`.
    """
    country = code.upper()
    if country not in COUNTRIES:
        message = Text(
            "debe ser un código de país de ISO 3166-1, como CO o ES",
            "must be a country code of ISO 3166-1, such as CO or ES",
        )
        raise _invalid("country", message)
    return country


def parse_items(text: str) -> dict[int, int]:
    """Quantities by book of a text such as `1x2,5x1`: two copies of book 1, one of book 5.

    Raises `InvalidInput`, which names the item that is wrong.
    """
    found: dict[int, int] = {}
    for item in text.split(","):
        book, _, copies = item.partition("x")
        book_id, quantity = _whole(book, MAX_ID), _whole(copies, MAX_QUANTITY)
        if book_id is None or quantity is None:
            raise _invalid(
                "items",
                Text(
                    f"«{item[:40]}» no es LIBROxEJEMPLARES, como 5x1; de 1 a {MAX_QUANTITY}"
                    " ejemplares",
                    f"“{item[:40]}” is not BOOKxCOPIES, such as 5x1; 1 to {MAX_QUANTITY} copies",
                ),
            )
        if book_id in found:
            raise _invalid(
                "items",
                Text(
                    f"el libro {book_id} aparece más de una vez",
                    f"book {book_id} is given more than once",
                ),
            )
        found[book_id] = quantity
    if len(found) > MAX_LINES:
        raise _invalid(
            "items",
            Text(
                f"debe tener como máximo {MAX_LINES} libros distintos",
                f"must have at most {MAX_LINES} different books",
            ),
        )
    return found


def _whole(text: str, largest: int) -> int | None:
    """A whole number from 1, written as `[1-9][0-9]*`."""
    if not (text.isascii() and text.isdecimal()) or text[0] == "0" or len(text) > len(str(largest)):
        return None
    number = int(text)
    return number if number <= largest else None


def _invalid(field: str, message: Text) -> InvalidInput:
    return InvalidInput(
        Text(f"{field}: {message.es}.", f"{field}: {message.en}."),
        errors=[FieldError(field, message)],
    )


def check_expected_total(
    purchase: Purchase, expected_minor: int, seen_prices: Mapping[int, int]
) -> None:
    """Compare the total of a purchase with the one that its buyer expects.

    `seen_prices` are the unit prices that the buyer has seen, by book, if they are known. Raises
    `PriceChanged` with the present total, and in `lines` each line whose price differs from the
    seen one or whose seen price is unknown.
    """
    if purchase.total_minor == expected_minor:
        return
    now = money(purchase.total_minor, purchase.currency)
    seen = money(expected_minor, purchase.currency)
    raise PriceChanged(
        Text(
            f"El total es ahora {now}, no {seen}. Repita la compra con el total nuevo.",
            f"The total is {now} now, not {seen}. Buy again with the new total.",
        ),
        total_minor_actual=purchase.total_minor,
        delivery_fee_minor=purchase.delivery_fee_minor,
        currency=purchase.currency,
        lines=[
            {
                "book_id": line.book_id,
                "quantity": line.quantity,
                "unit_price_minor": line.unit_price_minor,
                "seen_unit_price_minor": seen_prices.get(line.book_id),
            }
            for line in purchase.lines
            if seen_prices.get(line.book_id) != line.unit_price_minor
        ],
    )
