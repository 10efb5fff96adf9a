"""A step of the tour shows what one would type, and insists on what it tells."""

import io
from decimal import Decimal

import pytest

from functions.local.client import Client
from functions.local.console import Console
from functions.local.errors import ShopError
from functions.local.tour_guide import Guide, Person, insist
from tests.local.subscribers import Answer, subscribing

PURCHASE = b'{"message": "Compra creada", "purchase_id": 1, "total_price": 30.30, "secret": "x"}'


async def test_a_step_is_shown_as_curl_with_status_and_essence() -> None:
    out = io.StringIO()
    async with subscribing() as service, Client({"purchase": service.url}) as client:
        service.answer = lambda _: Answer(201, body=PURCHASE)
        answer = await Guide(Console(out), client).ask(
            201,
            "POST",
            "purchase",
            "/purchase",
            person=Person("TOKEN", "abc"),
            body={"book_id": 3, "quantity": 2},
            key="k-1",
            as_curl_does=True,
            show=("message", "total_price"),
        )

    assert out.getvalue() == (
        f'   $ curl -X POST {service.url}/purchase -H "Authorization: Bearer $TOKEN" '
        """-H 'Idempotency-Key: k-1' -d '{"book_id": 3, "quantity": 2}'\n"""
        '     201 {"message": "Compra creada", "total_price": 30.30}  … 2 more fields\n'
    )
    (sent,) = service.received
    assert sent.headers["content-type"] == "application/x-www-form-urlencoded"
    assert sent.headers["authorization"] == "Bearer abc"
    assert sent.headers["idempotency-key"] == "k-1"
    assert answer["total_price"] == Decimal("30.30")
    assert answer.raw == PURCHASE


async def test_another_status_ends_the_tour_and_shows_why() -> None:
    out = io.StringIO()
    async with subscribing() as service, Client({"auth": service.url}) as client:
        service.answer = lambda _: Answer(409, body=b'{"code": "taken", "error": "ya existe"}')

        with pytest.raises(ShopError, match="answered 409 where 201 was expected"):
            await Guide(Console(out), client).ask(201, "POST", "auth", "/register", body={})

    assert '409 {"code": "taken", "error": "ya existe"}' in out.getvalue()


async def test_a_field_that_is_missing_is_named() -> None:
    async with subscribing() as service, Client({"auth": service.url}) as client:
        service.answer = lambda _: Answer(200, body=b"{}")
        answer = await Guide(Console(io.StringIO()), client).look("auth", "/")

    with pytest.raises(ShopError, match="has no 'token'"):
        answer["token"]


async def test_an_answer_that_is_no_json_is_shown() -> None:
    async with subscribing() as service, Client({"auth": service.url}) as client:
        service.answer = lambda _: Answer(200, body=b"<html>")

        with pytest.raises(ShopError, match="answered no JSON: <html>"):
            await Guide(Console(io.StringIO()), client).look("auth", "/")


def test_a_value_that_is_not_as_told_ends_the_tour() -> None:
    insist("The total", Decimal("30.30"), Decimal("30.3"))

    with pytest.raises(ShopError, match="The status should be 'Paid', but is 'Expired'"):
        insist("The status", "Expired", "Paid")
