"""Reading a body: strictly, with every wrong field named, and never a crash."""

import contextlib
import gzip
import json
from decimal import Decimal
from typing import Annotated, Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from functions.kit.base.errors import InvalidInput
from functions.kit.base.fields import Amount, ComputedAmount, Id, Strict, line
from functions.kit.http.requests import MAX_BODY, decode
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
    """Nor is a text, nor a number beyond 64 bits."""
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


objects = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(objects, st.data())
def test_no_member_is_given_twice(value: Any, data: st.DataObject) -> None:
    """At any depth and however its name is written; without the second one the body is taken."""
    once = json.dumps({"body": value})
    twice = _with_a_member_twice(value, data)

    assert decode(once.encode(), Any) == {"body": value}
    with pytest.raises(InvalidInput, match="is given more than once"):
        decode(b'{"body": ' + twice.encode() + b"}", Any)


def _with_a_member_twice(value: Any, data: st.DataObject) -> str:
    """JSON of a value that has, somewhere inside, an object with one name twice."""
    if isinstance(value, list) and value:
        place = data.draw(st.integers(0, len(value) - 1))
        parts = [json.dumps(each) for each in value]
        parts[place] = _with_a_member_twice(value[place], data)
        return "[" + ", ".join(parts) + "]"
    if isinstance(value, dict) and value:
        name = data.draw(st.sampled_from(sorted(value)))
        parts = [f"{json.dumps(each)}: {json.dumps(value[each])}" for each in value]
        if data.draw(st.booleans()):
            parts = [part for each, part in zip(value, parts, strict=True) if each != name]
            inner = _with_a_member_twice(value[name], data)
            return "{" + ", ".join([*parts, f"{json.dumps(name)}: {inner}"]) + "}"
        spelling = "".join(f"\\u{ord(each):04x}" for each in name if ord(each) < 2**16)
        again = spelling if all(ord(each) < 2**16 for each in name) else None
        second = f'"{again}": 1' if again is not None else f"{json.dumps(name)}: 1"
        return "{" + ", ".join([*parts, second]) + "}"
    return '{"a": 1, "\\u0061": 2}'


def test_a_member_that_is_given_twice_is_named_with_its_place() -> None:
    """As other wrong fields are."""
    with pytest.raises(InvalidInput) as refused:
        decode(b'{"items": [{"book_id": 1, "quantity": 1, "quantity": 2}], "name": "ana"}', Order)

    assert [error.field for error in refused.value.errors] == ["items[0].quantity"]


def test_a_number_as_long_as_you_like_is_no_crash() -> None:
    """Python's own decoder would not take an integer of 5,000 digits."""
    digits = "9" * 5000

    assert decode(f'{{"a": {digits}}}'.encode(), dict[str, Decimal]) == {"a": Decimal(digits)}


def test_a_byte_order_mark_is_passed_over() -> None:
    """Editors on Windows write it before JSON (RFC 8259, section 8.1)."""
    body = b'\xef\xbb\xbf{"items": [], "name": "ana"}'

    assert decode(body, Order) == Order(items=[], name="ana")


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate, gzip", "GZIP"])
async def test_a_compressed_body_is_refused_as_such(
    client: httpx.AsyncClient, issuer: Issuer, coding: str
) -> None:
    """415, and the answer says what is taken (RFC 9110, section 15.5.16)."""
    headers = issuer.bearer() | {"content-encoding": coding, "accept-language": "en"}
    body = gzip.compress(b'{"text": "hola"}')
    response = await client.post("/notes", content=body, headers=headers)

    assert (response.status_code, response.headers["accept-encoding"]) == (415, "identity")
    assert "uncompressed" in response.json()["detail"]


async def test_a_body_that_is_said_to_be_itself_is_taken(
    client: httpx.AsyncClient, issuer: Issuer
) -> None:
    """`identity` is no coding."""
    headers = issuer.bearer() | {"content-encoding": "identity"}
    response = await client.post("/notes", json={"text": "hola"}, headers=headers)

    assert response.status_code == 201


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
        "text/plain;charset=UTF-8",
    ],
)
async def test_a_json_body_is_taken_under_these_names(
    client: httpx.AsyncClient, issuer: Issuer, media_type: str | None
) -> None:
    """The last two are what curl says of `-d '{...}'`, and a browser's `fetch` of a text."""
    headers = issuer.bearer() | ({"content-type": media_type} if media_type else {})
    response = await client.post("/notes", content=b' {"text": "hola"}', headers=headers)

    assert response.status_code == 201


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"text=hola"),
        ("text/plain", b"text=hola"),
        ("application/json; charset=latin-1", b'{"text": "hola"}'),
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
