"""Validation messages in both languages, without msgspec's notation."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta

from functions.auth import schemas as auth
from functions.catalog import schemas as catalog
from functions.kit.base.errors import InvalidInput, Text
from functions.kit.base.fields import Strict, line, prose
from functions.kit.base.messages import explain
from functions.kit.http.requests import decode
from functions.purchase.schemas import (
    addresses,
    cart,
    deliveries,
    inventory,
    payments,
    providers,
    purchases,
)


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


CASES: list[tuple[Any, Any, str, str]] = [
    (int, "1", "debe ser un número entero", "must be a whole number"),
    (int | None, "1", "debe ser un número entero o null", "must be a whole number or null"),
    (Annotated[int, Meta(ge=1)], 0, "debe ser al menos 1", "must be at least 1"),
    (Annotated[int, Meta(le=9)], 10, "debe ser como máximo 9", "must be at most 9"),
    (Annotated[float, Meta(gt=1)], 1, "debe ser mayor que 1.0", "must be more than 1.0"),
    (Annotated[float, Meta(lt=1)], 1, "debe ser menor que 1.0", "must be less than 1.0"),
    (Annotated[int, Meta(multiple_of=5)], 1, "debe ser múltiplo de 5", "must be a multiple of 5"),
    (str, 1, "debe ser un texto", "must be text"),
    (Annotated[str, line(5)], "", "no debe estar vacío", "must not be empty"),
    (
        Annotated[str, line(5)],
        "abcdef",
        "debe tener como máximo 5 caracteres",
        "must have at most 5 characters",
    ),
    (
        Annotated[str, line(5)],
        " ",
        "debe ser una sola línea, ni en blanco ni con caracteres de control",
        "must be a single line, neither blank nor with control characters",
    ),
    (
        Annotated[str, prose(5)],
        "\x00",
        "no debe tener caracteres de control",
        "must not have control characters",
    ),
    (Size, "huge", "debe ser uno de: small, large", "must be one of: small, large"),
    (Size | None, "huge", "debe ser uno de: small, large", "must be one of: small, large"),
    (list[Size], ["huge"], "debe ser uno de: small, large", "must be one of: small, large"),
    (Literal["a", "b"], "c", "debe ser uno de: a, b", "must be one of: a, b"),
    (
        Annotated[list[int], Meta(max_length=1)],
        [1, 2],
        "debe tener como máximo 1 elementos",
        "must have at most 1 items",
    ),
    (Decimal, "x", "debe ser un número", "must be a number"),
    (Decimal, [], "debe ser un número", "must be a number"),
    (bool, 1, "debe ser true o false", "must be true or false"),
    (datetime, "today", "debe ser una fecha con hora", "must be a date and time"),
]


@pytest.mark.parametrize(("kind", "value", "es", "en"), CASES)
def test_a_message_of_msgspec_becomes_a_sentence(kind: Any, value: Any, es: str, en: str) -> None:
    """`explain` gives the reason in Spanish and in English, without msgspec's notation."""
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(msgspec.json.encode(value), type=kind)

    assert explain(str(caught.value), kind) == Text(es, en)


def test_an_unknown_message_becomes_a_general_sentence() -> None:
    """Never in msgspec's words."""
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert("x", UUID)

    assert "UUID" not in explain(str(caught.value)).es
    assert explain("Frobnicate `x`").en == "has a value that is not accepted"


PURCHASE = (addresses, cart, deliveries, inventory, payments, providers, purchases)
BODIES = [
    kind
    for module in (auth, catalog, *PURCHASE)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Strict) and kind is not Strict
]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.just("x" * 3000),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=3,
)


@pytest.mark.parametrize("kind", BODIES, ids=lambda kind: kind.__name__)
@settings(max_examples=20, deadline=None)
@given(st.data())
def test_no_refusal_of_a_body_shows_how_it_is_checked(kind: Any, data: st.DataObject) -> None:
    """No pattern, no type's notation; a Spanish text where a Spanish one is asked for."""
    names = [field.encode_name for field in msgspec.structs.fields(kind)]
    body = {name: data.draw(values, name) for name in names}
    for text in _said(msgspec.json.encode(body), kind):
        assert text.es != text.en
        assert not set("`^\\") & set(text.es + text.en)
        assert "Expected" not in text.en


def _said(body: bytes, kind: Any) -> list[Text]:
    """The texts of a refusal; none where the body is taken."""
    try:
        decode(body, kind)
    except InvalidInput as refusal:
        texts = [refusal.detail, *(error.message for error in refusal.errors)]
        return [text if isinstance(text, Text) else Text(text, text) for text in texts]
    return []
