"""Types of fields that several schemas share: bounded, and without control characters."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from functions.kit.errors import InvalidInput
from functions.kit.values import MAX_ID

# Look-aheads, because `$` in Python also matches before a newline at the end.
NO_CONTROLS = r"^(?![\s\S]*[\x00-\x1f\x7f-\x9f])"
NOT_BLANK = NO_CONTROLS + r"[\s\S]*\S"
_NO_CONTROLS_BUT_SPACE = r"^(?![\s\S]*[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f])"

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
