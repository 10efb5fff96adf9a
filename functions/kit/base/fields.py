"""Field types that several schemas share: bounded, and without control characters."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Self

import msgspec
from msgspec import Meta

from functions.kit.base.errors import InvalidInput, Text
from functions.kit.base.money import MAX_ID, NO_AMOUNT, from_minor, to_minor, without_float_noise

# Look-aheads instead of `$`, which in Python also matches before a trailing newline.
NO_CONTROLS = r"^(?![\s\S]*[\x00-\x1f\x7f-\x9f])"
NOT_BLANK = NO_CONTROLS + r"[\s\S]*\S"
_NO_CONTROLS_BUT_SPACE = r"^(?![\s\S]*[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f])"

_PLAIN_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?")
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
"""The message for a text that does not match a pattern; services add their own patterns."""

Id = Annotated[int, Meta(ge=1, le=MAX_ID)]
"""An id in a body."""


def line(max_length: int, *, blank: bool = False) -> Meta:
    """A single line of text; with `blank` a line of nothing but spaces is allowed."""
    pattern = NO_CONTROLS if blank else NOT_BLANK
    return Meta(min_length=1, max_length=max_length, pattern=pattern)


def prose(max_length: int) -> Meta:
    """Text that may have several lines."""
    return Meta(max_length=max_length, pattern=_NO_CONTROLS_BUT_SPACE)


class ExactNumber(Decimal):
    """A JSON number, or a string of one, exact to the last digit.

    For an amount that the domain checks together with the other fields of its body.
    """

    @classmethod
    def parse(cls, sent: object) -> Self:
        """Convert a decoded JSON value: an int, a `Decimal` of a number's text, or a string.

        Raises `ValueError`, whose English text says what the value must be.
        """
        if isinstance(sent, bool) or not isinstance(sent, int | Decimal | str):
            raise ValueError(NO_AMOUNT.en)  # noqa: TRY004 - invalid input, not a bug
        if isinstance(sent, str) and not _PLAIN_NUMBER.fullmatch(sent):
            raise ValueError(NO_AMOUNT.en)
        return cls(sent)


class Money(ExactNumber):
    """An amount of money: between 0 and `MAX_MONEY_MINOR`, with at most two decimals."""

    @classmethod
    def parse(cls, sent: object) -> Self:
        return cls(from_minor(to_minor(super().parse(sent))))


class ComputedMoney(Money):
    """An amount that a client may have computed with binary floats: 30.299999999999997 is 30.30.

    The rule is `money.without_float_noise`.
    """

    @classmethod
    def parse(cls, sent: object) -> Self:
        return super().parse(without_float_noise(ExactNumber.parse(sent)))


def decode_hook(kind: type, sent: object) -> object:
    """msgspec's `dec_hook`: decodes the types that msgspec does not support.

    Raises `ValueError` for an invalid value, `NotImplementedError` for any other type.
    """
    if isinstance(kind, type) and issubclass(kind, ExactNumber):
        return kind.parse(sent)
    raise NotImplementedError(kind)


_DESCRIPTION = "An amount of money, with at most two decimals"

UncheckedAmount = Annotated[ExactNumber, Meta(description=_DESCRIPTION)]
Amount = Annotated[Money, Meta(description=_DESCRIPTION)]
ComputedAmount = Annotated[ComputedMoney, Meta(description=_DESCRIPTION)]


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request body. Unknown members are an error."""

    lacking: ClassVar[type[InvalidInput]] = InvalidInput
    """The error for a body that lacks a required member. Routes whose error text clients of the
    original read have their own."""

    described: ClassVar[Mapping[str, Any]] = {}
    """JSON Schema of rules that types cannot express, merged into the OpenAPI document."""

    forms: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """For a body with several variants: the JSON Schema of each, by name. The OpenAPI document
    describes the body as `oneOf` these named schemas, so that client generators make a class for
    each. A variant has only the properties that it names; its schema is merged into theirs."""

    example: ClassVar[Mapping[str, Any] | None] = None
    """A body that succeeds with the data of `nox -s dev`; Swagger UI shows it."""
