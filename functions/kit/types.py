"""Types of fields that several schemas share: bounded, and without control characters."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from functions.kit.errors import InvalidInput, Text
from functions.kit.values import MAX_ID

# Look-aheads, because `$` in Python also matches before a newline at the end.
NO_CONTROLS = r"^(?![\s\S]*[\x00-\x1f\x7f-\x9f])"
NOT_BLANK = NO_CONTROLS + r"[\s\S]*\S"
_NO_CONTROLS_BUT_SPACE = r"^(?![\s\S]*[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f])"

MEANINGS: dict[str, Text] = {
    NO_CONTROLS: Text(
        "debe ser una sola línea, sin caracteres de control",
        "must be a single line, without control characters",
    ),
    NOT_BLANK: Text(
        "debe ser una sola línea, ni en blanco ni con caracteres de control",
        "must be a single line, neither blank nor with control characters",
    ),
    _NO_CONTROLS_BUT_SPACE: Text(
        "no debe tener caracteres de control", "must not have control characters"
    ),
}
"""What a pattern demands, for the people whose text does not match; services add their own."""

Id = Annotated[int, Meta(ge=1, le=MAX_ID)]
"""An id in a body."""


def line(max_length: int, *, blank: bool = False) -> Meta:
    """A single line of text; `blank` where nothing but spaces is not refused here."""
    pattern = NO_CONTROLS if blank else NOT_BLANK
    return Meta(min_length=1, max_length=max_length, pattern=pattern)


def prose(max_length: int) -> Meta:
    """Text that may have several lines."""
    return Meta(max_length=max_length, pattern=_NO_CONTROLS_BUT_SPACE)


Amount = Annotated[Decimal, Meta(description="An amount of money, with at most two decimals")]


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A body: what it does not know, it refuses."""

    lacking: ClassVar[type[InvalidInput]] = InvalidInput
    """The refusal of a body without a required member, for routes whose text clients know."""

    described: ClassVar[Mapping[str, Any]] = {}
    """JSON Schema of rules that types cannot say, merged into the OpenAPI document."""

    forms: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Where a body has several forms: the JSON Schema of each by its name. In the OpenAPI document
    the body is one of these named schemas, so that client generators have a class for each; what
    a form says is merged into the properties that it names, and it has no others."""

    example: ClassVar[Mapping[str, Any] | None] = None
    """A body that succeeds on the shop as `nox -s dev` fills it, shown by Swagger UI."""
