"""A request of the tour is printed as a curl command, and its response is checked."""

import io
from decimal import Decimal

import pytest

from functions.local.client import Client
from functions.local.console import Console
from functions.local.errors import ShopError
from functions.local.tour_requests import Caller, TourRequests, require_equal
from tests.local.subscribers import CannedResponse, subscribing

PURCHASE = b'{"message": "Compra creada", "purchase_id": 1, "total_price": 30.30, "secret": "x"}'


async def test_a_request_is_printed_as_curl_with_the_named_fields_of_its_response() -> None:
    """The token is printed as `$TOKEN`, and 30.30 keeps its zero; the headers and the form content
    type are sent as the command has them.
    """
    out = io.StringIO()
    async with subscribing() as service, Client({"purchase": service.url}) as client:
        service.respond = lambda _: CannedResponse(201, body=PURCHASE)
        response = await TourRequests(Console(out), client).send(
            201,
            "POST",
            "purchase",
            "/purchase",
            caller=Caller("TOKEN", "abc"),
            body={"book_id": 3, "quantity": 2},
            key="k-1",
            as_form=True,
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
    assert response["total_price"] == Decimal("30.30")
    assert response.raw == PURCHASE


async def test_an_unexpected_status_is_printed_and_raised() -> None:
    """The status and the body are printed before `ShopError` ends the tour."""
    out = io.StringIO()
    async with subscribing() as service, Client({"auth": service.url}) as client:
        service.respond = lambda _: CannedResponse(
            409, body=b'{"code": "taken", "error": "ya existe"}'
        )

        with pytest.raises(ShopError, match="responded with 409 instead of 201"):
            await TourRequests(Console(out), client).send(201, "POST", "auth", "/register", body={})

    assert '409 {"code": "taken", "error": "ya existe"}' in out.getvalue()


async def test_a_field_that_is_missing_is_named() -> None:
    """A field that the response lacks raises `ShopError`, not `KeyError`."""
    async with subscribing() as service, Client({"auth": service.url}) as client:
        service.respond = lambda _: CannedResponse(200, body=b"{}")
        response = await TourRequests(Console(io.StringIO()), client).read("auth", "/")

    with pytest.raises(ShopError, match="has no 'token'"):
        response["token"]


async def test_a_response_that_is_not_json_is_reported() -> None:
    """`ShopError` has the body that was received."""
    async with subscribing() as service, Client({"auth": service.url}) as client:
        service.respond = lambda _: CannedResponse(200, body=b"<html>")

        with pytest.raises(ShopError, match="did not respond with JSON: <html>"):
            await TourRequests(Console(io.StringIO()), client).read("auth", "/")


def test_an_unexpected_value_is_reported() -> None:
    """`ShopError` names the expected and the actual value; 30.30 and 30.3 count as equal."""
    require_equal("The total", Decimal("30.30"), Decimal("30.3"))

    with pytest.raises(ShopError, match="The status should be 'Paid' but is 'Expired'"):
        require_equal("The status", "Expired", "Paid")
