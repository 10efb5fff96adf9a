"""The statuses of a delivery, and the countries that a provider delivers to."""

from datetime import timedelta

import pytest

from functions.kit.base.errors import FieldError, InvalidInput, Text
from functions.purchase.domain.countries import COUNTRIES, coverage_of, covers
from functions.purchase.domain.deliveries import DELIVERY_TRANSITIONS, Delivery, DeliveryStatus
from functions.purchase.errors import IllegalMove
from tests.purchase.domain.examples import NOW
from tests.purchase.domain.refusals import refused

LATER = NOW + timedelta(days=1)


def delivery(status: DeliveryStatus, *, updated: timedelta = timedelta(0)) -> Delivery:
    return Delivery(
        purchase_id=1,
        provider_id=4,
        provider_name="Lento",
        status=status,
        created_at=NOW,
        updated_at=NOW + updated,
    )


@pytest.mark.parametrize("before", DeliveryStatus)
@pytest.mark.parametrize("after", DeliveryStatus)
def test_a_delivery_moves_on_or_has_ended(before: DeliveryStatus, after: DeliveryStatus) -> None:
    """Its time is that of the last transition; a final status is refused as such."""
    if after in DELIVERY_TRANSITIONS[before]:
        assert delivery(before).to(after, LATER) == delivery(after, updated=timedelta(days=1))
        return
    choices = ", ".join(sorted(DELIVERY_TRANSITIONS[before]))
    spanish = f"Está en {before}; puede pasar a: {choices}."
    english = f"It is {before}; it can become: {choices}."
    if not choices:
        spanish, english = f"Está en {before}, y es definitivo.", f"It is {before}; that is final."
    with refused(IllegalMove, spanish, english, status_actual=str(before)):
        delivery(before).to(after, LATER)


def test_a_coverage_is_sorted_and_has_no_duplicates() -> None:
    """In upper case; `*` includes every country."""
    assert coverage_of(["es", "CO", "ES"]) == ("CO", "ES")
    assert coverage_of(["CO", "*"]) == ("*",)
    assert coverage_of([]) == ()


def test_unknown_countries_are_named() -> None:
    """Five of them in the text, and the first one as the wrong field."""
    with refused(
        InvalidInput,
        "coverage nombra países por sus códigos ISO 3166-1, como CO o ES, o * para todas partes;"
        " tiene X1, X2, X3, X4, X5.",
        "coverage lists countries by their ISO 3166-1 codes, such as CO or ES, or * for"
        " everywhere; it has X1, X2, X3, X4, X5.",
    ):
        coverage_of(["CO", *[f"x{number}" for number in range(6, 0, -1)]])
    with pytest.raises(InvalidInput) as caught:
        coverage_of(["XX"])

    assert caught.value.errors == (
        FieldError("coverage", Text("XX no es un país", "XX is not a country")),
    )


@pytest.mark.parametrize("coverage", [(), ("*",)])
def test_no_coverage_is_everywhere(coverage: tuple[str, ...]) -> None:
    """So is `*`."""
    assert all(covers(coverage, country) for country in COUNTRIES)


def test_a_coverage_is_its_countries() -> None:
    """And no other."""
    assert [each for each in sorted(COUNTRIES) if covers(("CO", "ES"), each)] == ["CO", "ES"]
