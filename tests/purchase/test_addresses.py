"""A customer's own addresses: by the rules of their country, and seen by nobody else."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import pytest

from functions.purchase.domain.addresses import MAX_ADDRESSES
from functions.purchase.schemas.addresses import NewAddress
from tests.purchase.shop import BUYER, OTHER, STAFF, Shop

ADDRESS: dict[str, Any] = {
    "recipient": "Domingos António",
    "lines": ["Rua da Missão 12", "2.º andar"],
    "city": "Luanda",
    "country": "AO",
}
SHOWN = {
    **ADDRESS,
    "id": 1,
    "region": None,
    "postal_code": None,
    "phone": None,
    "default": False,
}


async def add(shop: Shop, user: int = BUYER, **changes: Any) -> int:
    """The id of an address."""
    response = await shop.call("POST", "/addresses", {**ADDRESS, **changes}, user=user)
    assert response.status_code == 201, response.text
    address_id: int = response.json()["address_id"]
    return address_id


async def defaults(shop: Shop) -> list[int]:
    """The ids of the buyer's default addresses."""
    shown = (await shop.call("GET", "/addresses")).json()
    return [each["id"] for each in shown if each["default"]]


async def test_an_address_is_kept_as_it_was_sent(shop: Shop) -> None:
    """`Location` leads to it, and the list has it."""
    made = await shop.call("POST", "/addresses", ADDRESS)
    one = await shop.call("GET", made.headers["location"])
    all_of_them = await shop.call("GET", "/addresses")

    assert made.json() == {"message": "Dirección guardada", "address_id": 1}
    assert one.json() == SHOWN
    assert all_of_them.json() == [SHOWN]
    assert one.headers["cache-control"] == "private, no-store"


async def test_the_example_of_the_document_is_a_good_address(shop: Shop) -> None:
    """Sent as it is, as Swagger UI does, it gets 201."""
    assert NewAddress.example is not None
    made = await shop.call("POST", "/addresses", dict(NewAddress.example))

    assert made.status_code == 201
    shown = (await shop.call("GET", "/addresses/1")).json()
    assert shown == {**NewAddress.example, "id": 1}


async def test_another_users_address_is_not_there(shop: Shop) -> None:
    """Not to read, change, delete or send to; not for staff either."""
    await add(shop)
    body = {"book_id": 1, "quantity": 1, "address_id": 1}
    for user in (OTHER, STAFF):
        answers = [
            await shop.call("GET", "/addresses/1", user=user),
            await shop.call("PATCH", "/addresses/1", {"city": "Lobito"}, user=user),
            await shop.call("DELETE", "/addresses/1", user=user),
            await shop.call("POST", "/purchase", body, user=user),
        ]

        assert [(each.status_code, each.json()["code"]) for each in answers] == [
            (404, "address-not-found")
        ] * 4
        assert (await shop.call("GET", "/addresses", user=user)).json() == []
    assert (await shop.call("GET", "/addresses/1")).json() == SHOWN


async def test_a_change_merges_what_is_sent(shop: Shop) -> None:
    """What is left out stays; null removes what an address can do without."""
    await add(shop, phone="+244 222 333 444", region="Luanda")
    changed = await shop.call("PATCH", "/addresses/1", {"lines": ["Rua Nova"], "phone": None})

    assert changed.json() == {"message": "Dirección actualizada", "address_id": 1}
    shown = (await shop.call("GET", "/addresses/1")).json()
    assert shown == {**SHOWN, "lines": ["Rua Nova"], "region": "Luanda"}


async def test_a_change_is_held_against_the_country_as_a_whole(shop: Shop) -> None:
    """Another country asks for what the first one did not; nothing is changed then."""
    await add(shop)
    refused = await shop.call("PATCH", "/addresses/1", {"country": "US"}, accept_language="en")

    assert refused.status_code == 400
    assert refused.json()["code"] == "address-invalid"
    assert refused.json()["errors"] == [
        {"field": "postal_code", "message": "is required in this country: United States"},
        {"field": "region", "message": "is required in this country: United States"},
    ]
    assert (await shop.call("GET", "/addresses/1")).json() == SHOWN


async def test_a_deleted_address_is_gone(shop: Shop) -> None:
    """Once with 204; the second time it is not there."""
    await add(shop)
    answers = [await shop.call("DELETE", "/addresses/1") for _ in range(2)]

    assert [each.status_code for each in answers] == [204, 404]
    assert (await shop.call("GET", "/addresses")).json() == []


async def test_one_address_is_the_default_or_none(shop: Shop) -> None:
    """The newest wish counts; of several customers each has their own."""
    first, second = await add(shop, default=True), await add(shop)
    await add(shop, OTHER, default=True)
    seen = [await defaults(shop)]
    for address_id, default in ((second, True), (second, False), (first, True)):
        await shop.call("PATCH", f"/addresses/{address_id}", {"default": default})
        seen.append(await defaults(shop))
    await add(shop, default=True)
    seen.append(await defaults(shop))
    await shop.call("DELETE", "/addresses/4")
    seen.append(await defaults(shop))

    assert seen == [[first], [second], [], [first], [4], []]


async def test_there_are_at_most_twenty(shop: Shop) -> None:
    """Also when all arrive at once: each waits for the one before."""
    sent = [shop.call("POST", "/addresses", ADDRESS) for _ in range(MAX_ADDRESSES + 5)]
    answers = await asyncio.gather(*sent)

    statuses = [each.status_code for each in answers]
    assert sorted(statuses) == [201] * MAX_ADDRESSES + [409] * 5
    codes = {each.json()["code"] for each in answers if each.status_code == 409}
    assert codes == {"too-many-addresses"}
    assert len((await shop.call("GET", "/addresses")).json()) == MAX_ADDRESSES


async def test_defaults_at_once_leave_one(shop: Shop) -> None:
    """Two tabs cannot both have the last word."""
    ids = [await add(shop) for _ in range(4)]
    changes = [shop.call("PATCH", f"/addresses/{each}", {"default": True}) for each in ids]
    answers = await asyncio.gather(*changes)

    assert {each.status_code for each in answers} == {200}
    assert len(await defaults(shop)) == 1


async def test_under_a_key_an_address_is_added_once(shop: Shop) -> None:
    """The answer that is kept for a replay names its id and nothing else of it."""
    answers = [await shop.call("POST", "/addresses", ADDRESS, key="a") for _ in range(2)]
    other = await shop.call("POST", "/addresses", {**ADDRESS, "city": "Lobito"}, key="a")

    assert answers[0].content == answers[1].content
    assert answers[1].headers["idempotency-replayed"] == "true"
    assert other.status_code == 422
    (kept,) = await shop.query("SELECT body FROM idempotency_keys")
    assert kept["body"] == answers[0].text


BAD: dict[str, tuple[Mapping[str, Any], str]] = {
    "no recipient": ({"recipient": None}, "recipient"),
    "a blank recipient": ({"recipient": "  "}, "recipient"),
    "a recipient of two lines": ({"recipient": "a\nb"}, "recipient"),
    "a recipient of 101 characters": ({"recipient": "a" * 101}, "recipient"),
    "no lines": ({"lines": []}, "lines"),
    "four lines": ({"lines": ["a"] * 4}, "lines"),
    "a blank line": ({"lines": ["a", " "]}, "lines[1]"),
    "NUL in a line": ({"lines": ["a\0b"]}, "lines[0]"),
    "a line of 201 characters": ({"lines": ["a" * 201]}, "lines[0]"),
    "lines as a text": ({"lines": "a"}, "lines"),
    "a number for a city": ({"city": 5}, "city"),
    "a null city": ({"city": None}, "city"),
    "an escape in a region": ({"region": "\x1b[31m"}, "region"),
    "a postal code of 21 characters": ({"postal_code": "1" * 21}, "postal_code"),
    "a country of three letters": ({"country": "AGO"}, "country"),
    "a country that is none": ({"country": "ZZ"}, "country"),
    "Kosovo, which ISO 3166-1 does not have": ({"country": "XK"}, "country"),
    "a phone of letters": ({"phone": "call me"}, "phone"),
    "a phone of three digits": ({"phone": "123"}, "phone"),
    "a phone with a line break": ({"phone": "+244 222\n333 444"}, "phone"),
    "a phone that ends in a line break": ({"phone": "+244 222 333 444\n"}, "phone"),
    "a text for a default": ({"default": "yes"}, "default"),
    "an unknown member": ({"user_id": 8}, "user_id"),
    "an id from outside": ({"id": 8}, "id"),
    "a card number in a line": ({"lines": ["4111 1111 1111 1111"]}, "lines[0]"),
    "a card number as a postal code": ({"postal_code": "4111111111111111"}, "postal_code"),
    "a card number as a phone": ({"phone": "4111 1111 1111 1111"}, "phone"),
}


@pytest.mark.parametrize("name", BAD)
async def test_what_is_no_address_is_refused_by_its_field(shop: Shop, name: str) -> None:
    """By POST and by PATCH, in both languages, and nothing is kept or changed."""
    changes, field = BAD[name]
    await add(shop)
    answers = [
        await shop.call("POST", "/addresses", {**ADDRESS, **changes}),
        await shop.call("PATCH", "/addresses/1", changes),
        await shop.call("PATCH", "/addresses/1", changes, accept_language="en"),
    ]

    assert [each.status_code for each in answers] == [400] * 3
    assert [[error["field"] for error in each.json()["errors"]] for each in answers] == [
        [field]
    ] * 3
    assert answers[1].json()["detail"] != answers[2].json()["detail"]
    assert (await shop.call("GET", "/addresses")).json() == [SHOWN]


HOSTILE = (
    "<script>alert(1)</script>",
    "'; DROP TABLE addresses; --",
    "{{7*7}} ${7*7} %s %(x)s {0}",
    "مرحبا بالعالم \u202eabc",
    "🏠🏳️‍🌈",
    'a"b\\c`d',
)


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_texts_are_texts(shop: Shop, text: str) -> None:
    """They come back letter by letter."""
    await add(shop, recipient=text, lines=[text, text], city=text, region=text)
    shown = (await shop.call("GET", "/addresses/1")).json()

    assert (shown["recipient"], shown["lines"], shown["city"], shown["region"]) == (
        text,
        [text, text],
        text,
        text,
    )


async def test_blanks_around_texts_and_small_letters_of_a_country_are_mended(shop: Shop) -> None:
    """A postal code is written as its country writes it."""
    await add(
        shop, recipient=" Ada ", city=" London", country="gb", postal_code=" ec1y 8sy ", region=None
    )
    shown = (await shop.call("GET", "/addresses/1")).json()

    assert (shown["recipient"], shown["city"], shown["country"], shown["postal_code"]) == (
        "Ada",
        "London",
        "GB",
        "EC1Y 8SY",
    )


async def test_no_log_and_no_event_has_an_address(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """Not when it is added, refused, changed, bought with or deleted."""
    caplog.set_level(logging.DEBUG)
    secrets = ("Recatada", "Callejón", "+244 999 888 777")
    body: dict[str, Any] = {"recipient": secrets[0], "lines": [secrets[1]], "phone": secrets[2]}
    await add(shop, **body)
    await shop.call("POST", "/addresses", {**ADDRESS, **body, "country": "US"})
    await shop.call("PATCH", "/addresses/1", {"lines": [secrets[1] + " 2"]})
    bought = await shop.call("POST", "/purchase", {"book_id": 1, "quantity": 1, "address_id": 1})
    await shop.pay(bought.json()["purchase_id"])
    await shop.call("DELETE", "/addresses/1")
    events = await shop.query("SELECT * FROM outbox")
    keys = await shop.query("SELECT * FROM idempotency_keys")

    assert "/addresses" in caplog.text
    assert len(events) > 2
    for secret in secrets:
        assert secret not in caplog.text
        assert secret not in repr(events)
        assert secret not in repr(keys)
