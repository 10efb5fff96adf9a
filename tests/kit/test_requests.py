"""Reading a body: strictly, with every wrong field named, and never a crash."""

import contextlib
import json
from typing import Annotated, Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from functions.kit.errors import InvalidInput
from functions.kit.requests import MAX_BODY, decode
from functions.kit.types import Amount, ComputedAmount, Id, Strict, line
from tests.support.tokens import Issuer


class Item(Strict, frozen=True, kw_only=True):
    book_id: Id
    quantity: Annotated[int, Meta(ge=1, le=1000)]


class Order(Strict, frozen=True, kw_only=True):
    items: list[Item]
    name: Annotated[str, line(10)]
    note: str | None = None


class Price(Strict, frozen=True, kw_only=True):
    price: Amount | None = None
    amount: ComputedAmount | None = None
    copies: int | None = None


class OrderIncomplete(InvalidInput):
    code = "order-incomplete"


class Picky(Strict, frozen=True, kw_only=True):
    lacking = OrderIncomplete
    name: str


def fields(body: object, kind: type[msgspec.Struct] = Order) -> dict[str, str]:
    """The errors by field."""
    with pytest.raises(InvalidInput) as refused:
        decode(json.dumps(body).encode(), kind)
    return {error.field: str(error.message) for error in refused.value.errors}


def test_a_body_becomes_its_struct() -> None:
    """With its defaults."""
    body = b'{"items": [{"book_id": 1, "quantity": 2}], "name": "ana"}'

    assert decode(body, Order) == Order(items=[Item(book_id=1, quantity=2)], name="ana")


def test_every_wrong_field_is_named_at_once() -> None:
    """Of the wrong type, missing, too long, unknown; with its place inside."""
    errors = fields({"items": [{"book_id": 1, "quantity": -50}], "note": 5, "colour": "red"})

    assert sorted(errors) == ["colour", "items[0].quantity", "name", "note"]
    assert (errors["name"], errors["colour"]) == ("is missing", "is not known here")


@pytest.mark.parametrize("quantity", ["2", 1.5, True, None, 0, 1001, [], 10**30])
def test_nothing_is_taken_for_a_number_that_is_none(quantity: object) -> None:
    """`"2"` is not 2, 1.5 is not 1, and true is not 1."""
    errors = fields({"items": [{"book_id": 1, "quantity": quantity}], "name": "ana"})

    assert list(errors) == ["items[0].quantity"]


@pytest.mark.parametrize(
    ("text", "copies"),
    [
        ("116", 116),
        ("116.0", 116),
        ("116.000000000000000000000000000000000000", 116),
        ("1.16e2", 116),
        ("1e2", 100),
        ("1E+2", 100),
        ("1000e-1", 100),
        ("-0.0", 0),
        ("9007199254740993.0", 9007199254740993),
    ],
)
def test_a_number_without_a_fraction_is_an_integer(text: str, copies: int) -> None:
    """As JSON Schema has it, however it is written, to the last digit; beside texts like it."""
    body = f'{{"copies": {text}, "price": "116.0", "amount": 30.299999999999997}}'.encode()
    decoded = decode(body, Price)

    assert (decoded.copies, str(decoded.price), str(decoded.amount)) == (copies, "116.00", "30.30")


@pytest.mark.parametrize(
    "text",
    ["116.5", "1e-1", '"116.0"', "1e400", "1e99999999999", "116.00000000000000000000000000000001"],
)
def test_a_number_with_a_fraction_is_no_integer(text: str) -> None:
    """Nor is a text, nor one so large that nobody should write it out."""
    with pytest.raises(InvalidInput) as refused:
        decode(f'{{"copies": {text}}}'.encode(), Price)

    assert [error.field for error in refused.value.errors] == ["copies"]


@pytest.mark.parametrize("digits", [3, 17, 28, 35, 300])
@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("name", ["price", "amount"])
def test_an_amount_is_read_to_its_last_digit(name: str, quote: str, digits: int) -> None:
    """A number of 35 digits is not rounded to an amount."""
    text = "19.90" + "0" * (digits - 3) + "1"
    with pytest.raises(InvalidInput) as refused:
        decode(f'{{"{name}": {quote}{text}{quote}}}'.encode(), Price)

    assert [error.field for error in refused.value.errors] == [name]


@pytest.mark.parametrize("body", [[1], None, "x", 7])
def test_a_body_that_is_no_object_is_refused(body: object) -> None:
    """As a whole."""
    assert list(fields(body)) == [""]


@pytest.mark.parametrize("value", [None, ""])
def test_a_required_member_without_a_value_is_missing(value: object) -> None:
    """So the text that clients of the original know comes for both."""
    assert fields({"items": [], "name": value}) == {"name": "is missing"}


def test_a_body_that_lacks_something_has_its_routes_refusal() -> None:
    """Where the struct names one."""
    with pytest.raises(OrderIncomplete):
        decode(b"{}", Picky)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b'{"name": "\\ud800"}',
        b'{"name": "\xed\xa0\x80"}',
        b'{"name": "ana"} {}',
        b"{'name': 'ana'}",
        b'{"colour": 1, "name": }',
        b'{"colour": 1, "name": ' + b"[" * 100_000,
        b'{"name": ' + b"[" * 100_000,
        b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:26]),
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    """Broken, nested without end, or of numbers and characters that JSON does not know."""
    with pytest.raises(InvalidInput):
        decode(body, Picky)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_struct_or_a_refusal(body: bytes) -> None:
    """Nothing else comes out."""
    order = None
    with contextlib.suppress(InvalidInput):
        order = decode(body, Order)

    assert order is None or isinstance(order, Order)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_any_value_in_a_member_is_taken_or_refused(value: Any) -> None:
    """Also what Python's own encoder writes beyond JSON."""
    body = json.dumps({"items": value, "name": value, "note": value, "x": value}).encode()

    with pytest.raises(InvalidInput):
        decode(body, Order)


@pytest.mark.parametrize(
    "media_type",
    [
        None,
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/merge-patch+json",
        "application/x-www-form-urlencoded",
    ],
)
async def test_a_json_body_is_taken_under_these_names(
    client: httpx.AsyncClient, issuer: Issuer, media_type: str | None
) -> None:
    """The last is what curl says of `-d '{...}'`."""
    headers = issuer.bearer() | ({"content-type": media_type} if media_type else {})
    response = await client.post("/notes", content=b' {"text": "hola"}', headers=headers)

    assert response.status_code == 201


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"text=hola"),
        ("text/plain", b'{"text": "hola"}'),
        ("multipart/form-data; boundary=x", b'{"text": "hola"}'),
        ("application/xml", b"<text/>"),
    ],
)
async def test_another_media_type_is_refused(
    client: httpx.AsyncClient, issuer: Issuer, media_type: str, body: bytes
) -> None:
    """A form too, unless it is JSON after all."""
    headers = issuer.bearer() | {"content-type": media_type}
    response = await client.post("/notes", content=body, headers=headers)

    assert (response.status_code, response.json()["code"]) == (415, "unsupported-media-type")


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_is_too_long_is_refused(
    client: httpx.AsyncClient, issuer: Issuer, *, chunked: bool
) -> None:
    """Whether or not its length was announced."""
    body = b'{"text": "' + b"a" * MAX_BODY + b'"}'

    async def chunks() -> Any:
        for start in range(0, len(body), 4096):
            yield body[start : start + 4096]

    response = await client.post(
        "/notes", content=chunks() if chunked else body, headers=issuer.bearer()
    )

    assert (response.status_code, response.json()["code"]) == (413, "too-large")


@pytest.mark.parametrize("text", ["a\x00b", "a\nb", "\x1b[2J", "", "a" * 201])
async def test_a_text_out_of_bounds_is_refused(
    client: httpx.AsyncClient, issuer: Issuer, text: str
) -> None:
    """NUL and other controls among them."""
    response = await client.post("/notes", json={"text": text}, headers=issuer.bearer())

    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == ["text"]


async def test_a_missing_body_is_refused(client: httpx.AsyncClient, issuer: Issuer) -> None:
    """As one that lacks its members."""
    response = await client.post("/notes", headers=issuer.bearer())

    assert (response.status_code, response.json()["code"]) == (400, "invalid-input")
