"""A card number that somebody types into any free text is in no table, event or log afterwards."""

import logging
import unicodedata
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from functions.kit.data.migrations import load
from functions.kit.data.schema import CreateTable
from functions.purchase import migrations
from tests.purchase.shop import STAFF, Shop

NUMBER = "4111111111111111"
SPELT = (
    NUMBER,
    "4111 1111 1111 1111",
    "card 4111-1111-1111-1111, thanks",
    "４１１１　１１１１　１１１１　１１１１",
    "٤١١١١١١١١١١١١١١١",
    "4111\u200b1111\u200b1111\u200b1111",
    "4.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1",
)


class Field(NamedTuple):
    method: str
    path: str
    body: dict[str, Any]
    name: str


PROVIDER = {"name": "DHL", "contact": "dhl@example.org"}
ADDRESS = {"recipient": "Autora", "lines": ["Rua 1"], "city": "Luanda", "country": "AO"}
FIELDS = (
    *(Field("POST", "/addresses", ADDRESS, name) for name in ("recipient", "city", "region")),
    Field("POST", "/payment", {"purchase_id": 1}, "payment_method"),
    Field("POST", "/payment", {"purchase_id": 1}, "method"),
    Field("POST", "/payments/1/refunds", {}, "reason"),
    Field("POST", "/inventory/1/adjustments", {"delta": 1}, "reason"),
    Field("POST", "/providers", PROVIDER, "name"),
    Field("POST", "/providers", PROVIDER, "contact"),
)


def digits(text: str) -> str:
    """The digits of a text, of all scripts, one after the other."""
    found = (unicodedata.digit(each, None) for each in unicodedata.normalize("NFKC", text))
    return "".join(str(each) for each in found if each is not None)


async def everything(shop: Shop) -> list[str]:
    """All texts of all tables; events are rows of the outbox."""
    operations = [each for migration in load(migrations) for each in migration.operations]
    tables = [each.name for each in operations if isinstance(each, CreateTable)]

    assert {"payments", "outbox", "idempotency_keys", "providers", "adjustments"} <= set(tables)
    rows = [row for table in tables for row in await shop.query(f"SELECT * FROM {table}")]  # noqa: S608
    return [value for row in rows for value in row.values() if isinstance(value, str)]


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: f"{field.path} {field.name}")
async def test_a_card_number_is_stored_nowhere(
    shop: Shop, caplog: pytest.LogCaptureFixture, field: Field
) -> None:
    """In any notation it is refused with a code, and neither stored nor logged."""
    caplog.set_level(logging.DEBUG)
    await shop.pay(await shop.buy(1))
    await shop.buy(1)
    answers = [
        await shop.call(
            *(field.method, field.path, {**field.body, field.name: text}),
            user=STAFF,
            key=f"k{number}",
        )
        for number, text in enumerate(SPELT)
    ]
    kept = await everything(shop)

    assert {(each.status_code, each.json()["code"]) for each in answers} == {
        (400, "card-number-refused")
    }
    assert field.path in caplog.text
    assert [error["field"] for each in answers for error in each.json()["errors"]] == [
        "payment_method" if field.name == "method" else field.name
    ] * len(SPELT)
    for text in [*kept, *(each.text for each in answers), caplog.text]:
        assert NUMBER not in digits(text)


async def test_the_search_finds_a_stored_number(shop: Shop) -> None:
    """A stored number is found, so that the test above can fail."""
    await shop.query("UPDATE books SET title = {} WHERE book_id = 1", SPELT[3])

    assert any(NUMBER in digits(text) for text in await everything(shop))


@pytest.mark.parametrize(
    ("spell", "status"),
    [
        (lambda number: f"tok_{number[:6]}", 201),
        (lambda number: f"ending in {number[-4:]}", 201),
        (lambda number: number[:-1] + "2", 201),
    ],
    ids=["first six", "last four", "wrong sum"],
)
async def test_other_numbers_are_accepted_as_a_method(
    shop: Shop, spell: Callable[[str], str], status: int
) -> None:
    """The digits that a receipt may show, and numbers with a wrong checksum, are accepted."""
    body = {"purchase_id": await shop.buy(1), "payment_method": spell(NUMBER)}

    assert (await shop.call("POST", "/payment", body)).status_code == status
