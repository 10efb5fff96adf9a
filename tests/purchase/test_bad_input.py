"""Each a refusal of the right status that says what to do; never a 5xx, never half a change."""

from typing import Any

import pytest

from tests.purchase.shop import STAFF, STOCK, Shop

BODIES = {
    "not JSON": (b"{", 400),
    "an array": (b"[1]", 400),
    "null": (b"null", 400),
    "nothing": (b"", 400),
    "a number": (b"5", 400),
    "not UTF-8": (b'{"book_id": 1, "quantity": 1, "x": "\xff"}', 400),
    "deep nesting": (b"[" * 5000 + b"]" * 5000, 400),
    "deep nesting in a member": (b'{"items":' + b"[" * 5000 + b"]" * 5000 + b"}", 400),
    "quantity 0": (b'{"book_id": 1, "quantity": 0}', 400),
    "quantity negative": (b'{"book_id": 1, "quantity": -50}', 400),
    "quantity fractional": (b'{"book_id": 1, "quantity": 1.5}', 400),
    "quantity huge": (b'{"book_id": 1, "quantity": 1001}', 400),
    "quantity beyond 64 bits": (b'{"book_id": 1, "quantity": 99999999999999999999}', 400),
    "quantity text": (b'{"book_id": 1, "quantity": "1"}', 400),
    "quantity true": (b'{"book_id": 1, "quantity": true}', 400),
    "quantity not a number": (b'{"book_id": 1, "quantity": NaN}', 400),
    "quantity null": (b'{"book_id": 1, "quantity": null}', 400),
    "book_id negative": (b'{"book_id": -1, "quantity": 1}', 400),
    "book_id beyond 64 bits": (b'{"book_id": 9223372036854775808, "quantity": 1}', 400),
    "book_id the largest": (b'{"book_id": 9223372036854775807, "quantity": 1}', 404),
    "an unknown member": (b'{"book_id": 1, "quantity": 1, "id": 5}', 400),
    "no quantity": (b'{"book_id": 1}', 400),
    "both forms": (b'{"book_id": 1, "quantity": 1, "items": [{"book_id": 1, "quantity": 1}]}', 400),
    "no items": (b'{"items": []}', 400),
    "a book twice": (
        b'{"items": [{"book_id": 1, "quantity": 1}, {"book_id": 1, "quantity": 1}]}',
        400,
    ),
    "a price of three decimals": (
        b'{"book_id": 1, "quantity": 1, "expected_unit_price": 1.999}',
        400,
    ),
    "a price beyond measure": (
        b'{"book_id": 1, "quantity": 1, "expected_unit_price": 1e999999}',
        400,
    ),
    "a price below zero": (b'{"book_id": 1, "quantity": 1, "expected_unit_price": -1}', 400),
    "65 KiB": (b'{"book_id": 1, "quantity": 1, "x": "' + b"x" * 66560 + b'"}', 413),
}


@pytest.mark.parametrize("name", BODIES)
async def test_an_invalid_purchase_is_refused(shop: Shop, name: str) -> None:
    """Nothing is reserved, and the response is a problem document."""
    body, status = BODIES[name]
    response = await shop.client.post(
        "/purchase", content=body, headers={**shop.caller(), "content-type": "application/json"}
    )

    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"]
    assert await shop.stock_of(1) == (STOCK, 0, STOCK)


async def test_every_invalid_field_is_named(shop: Shop) -> None:
    """One response has the errors of all fields."""
    body = {"purchase_id": "1", "payment_method": "", "amount": [], "iban": 1}
    response = await shop.call("POST", "/payment", body)

    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == [
        "purchase_id",
        "payment_method",
        "amount",
        "iban",
    ]


TEXTS = {
    "NUL": "a\x00b",
    "a control character": "a\x1bb",
    "a newline": "a\n",
    "too long": "a" * 300,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_texts_of_several_lines_are_refused(shop: Shop, text: str) -> None:
    """Names and reasons are limited to one line."""
    provider = await shop.call("POST", "/providers", {"name": text, "contact": "x"}, user=STAFF)
    adjustment = await shop.call(
        "POST", "/inventory/1/adjustments", {"delta": 1, "reason": text}, user=STAFF, key="k"
    )

    assert (provider.status_code, adjustment.status_code) == (400, 400)


async def test_an_unpaired_surrogate_is_refused(shop: Shop) -> None:
    """It is not valid Unicode, so the body is refused as JSON."""
    response = await shop.client.post(
        "/providers",
        content=b'{"name": "\\ud800x", "contact": "x"}',
        headers=shop.caller(STAFF),
    )

    assert response.status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/purchase/0"),
        ("GET", "/purchase/-1"),
        ("GET", "/purchase/99999999999999999999999999"),
        ("GET", "/purchase/x"),
        ("DELETE", "/purchase/9223372036854775808"),
        ("GET", "/inventory/9223372036854775808"),
        ("GET", "/assignments/9223372036854775808"),
        ("GET", "/nothing"),
    ],
)
async def test_ids_out_of_range_are_not_found(shop: Shop, method: str, path: str) -> None:
    """Any number is answered 404."""
    response = await shop.call(method, path, user=STAFF)

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=x", "after=x", "after=WyJhIl0", "after=%00", "user_id=x"],
)
async def test_query_parameters_out_of_bounds_are_refused(shop: Shop, query: str) -> None:
    """Limits out of bounds and altered cursors are answered 400."""
    response = await shop.call("GET", f"/purchases?{query}", user=STAFF)

    assert response.status_code == 400


@pytest.mark.parametrize("body", [b"x=1&y=2", b"<x/>"], ids=["form", "XML"])
async def test_other_media_types_are_refused(shop: Shop, body: bytes) -> None:
    """It is answered 415, which names the accepted media type."""
    kind = "application/xml" if body.startswith(b"<") else "application/x-www-form-urlencoded"
    response = await shop.client.post(
        "/purchase", content=body, headers={**shop.caller(), "content-type": kind}
    )

    assert response.status_code == 415
    assert "application/json" in response.json()["detail"]


async def test_an_unknown_method_is_answered_with_allow(shop: Shop) -> None:
    """405 has `Allow`."""
    response = await shop.call("PATCH", "/purchase/1", {})

    assert response.status_code == 405
    assert "GET" in response.headers["allow"]


EVENTS: dict[str, tuple[dict[str, str], bytes]] = {
    "nothing at all": ({}, b""),
    "no id": ({"ce-specversion": "1.0", "ce-source": "/x", "ce-type": "y"}, b"{}"),
    "no type": ({"ce-specversion": "1.0", "ce-source": "/x", "ce-id": "1"}, b"{}"),
    "no source": ({"ce-specversion": "1.0", "ce-type": "y", "ce-id": "1"}, b"{}"),
    "an old specversion": (
        {"ce-specversion": "0.3", "ce-source": "/x", "ce-type": "y", "ce-id": "1"},
        b"{}",
    ),
    "a specversion of the future": (
        {"ce-specversion": "2.0", "ce-source": "/x", "ce-type": "y", "ce-id": "1"},
        b"{}",
    ),
    "structured, broken": ({"content-type": "application/cloudevents+json"}, b'{"id":'),
    "structured, an array": ({"content-type": "application/cloudevents+json"}, b"[]"),
    "2 MiB": (
        {"ce-specversion": "1.0", "ce-source": "/x", "ce-type": "y", "ce-id": "1"},
        b"x" * 2 * 1024 * 1024,
    ),
}


@pytest.mark.parametrize("name", EVENTS)
async def test_invalid_events_are_quarantined(shop: Shop, name: str) -> None:
    """They are quarantined with the reason, and answered 202."""
    headers, body = EVENTS[name]
    response = await shop.client.post("/events", headers=headers, content=body)
    letters: list[dict[str, Any]] = (
        await shop.client.get("/internal/dead-letters", headers=shop.issuer.bearer(9, "admin"))
    ).json()

    assert (response.status_code, response.content) == (202, b"")
    (letter,) = letters
    assert letter["kind"] == "quarantined"
    assert letter["reason"]
