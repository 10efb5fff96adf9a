"""Texts and types that several bodies use."""

from typing import Annotated

from msgspec import Meta

from functions.kit.base.errors import Text
from functions.kit.base.orders import MAX_QUANTITY

MISSING = Text("falta", "is missing")

Quantity = Annotated[int, Meta(ge=1, le=MAX_QUANTITY)]

Currency = Annotated[str, Meta(description="ISO 4217")]
