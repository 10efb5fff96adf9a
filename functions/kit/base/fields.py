"""Field types that several schemas share: bounded, and without control characters."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, ClassVar, Self, Union, get_args, get_origin

import msgspec
from msgspec import Meta

from functions.kit.base.characters import is_visible
from functions.kit.base.errors import InvalidInput, Text
from functions.kit.base.money import MAX_ID, NO_AMOUNT, from_minor, to_minor, without_float_noise

# Look-aheads instead of `$`, which in Python also matches before a trailing newline.
NO_CONTROLS = r"^(?![\s\S]*[\x00-\x1f\x7f-\x9f])"
NOT_BLANK = NO_CONTROLS + r"[\s\S]*\S"
"""The part of the rule that a pattern can express. A text of a field with this pattern must also
render something, which `blank_texts` checks: Unicode's combining marks are hundreds of ranges."""
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
    """A single line of text that renders something; with `blank` it may render nothing."""
    pattern = NO_CONTROLS if blank else NOT_BLANK
    return Meta(min_length=1, max_length=max_length, pattern=pattern)


def prose(max_length: int) -> Meta:
    """Text that may have several lines."""
    return Meta(max_length=max_length, pattern=_NO_CONTROLS_BUT_SPACE)


def blank_texts(value: object, kind: Any) -> Iterator[str]:
    """The paths of the texts in a decoded value that render nothing where `kind` asks for more.

    A path is empty for the value itself; others are such as `.recipient` and `.lines[0]`.
    """
    if not _has_lines(kind):
        return
    for bare, is_line in _alternatives(kind):
        if isinstance(value, str):
            if is_line and not is_visible(value):
                yield ""
        elif isinstance(value, list) and get_origin(bare) is list:
            (item,) = get_args(bare)
            for place, each in enumerate(value):
                yield from (f"[{place}]{path}" for path in blank_texts(each, item))
        elif isinstance(value, msgspec.Struct) and type(value) is bare:
            for field in msgspec.structs.fields(bare):
                found = blank_texts(getattr(value, field.name), field.type)
                yield from (f".{field.encode_name}{path}" for path in found)


@lru_cache(maxsize=512)
def _has_lines(kind: Any) -> bool:
    """Whether there is a text in a type that may not be blank."""
    return any(
        is_line
        or any(map(_has_lines, get_args(bare)))
        or (is_struct(bare) and any(_has_lines(f.type) for f in msgspec.structs.fields(bare)))
        for bare, is_line in _alternatives(kind)
    )


def _alternatives(kind: Any) -> Iterator[tuple[Any, bool]]:
    """The types of a union, without annotations; and whether each is a text that may not be
    blank."""
    if get_origin(kind) in {Union, UnionType}:
        for each in get_args(kind):
            yield from _alternatives(each)
    elif get_origin(kind) is Annotated:
        bare, *notes = get_args(kind)
        yield bare, any(isinstance(note, Meta) and note.pattern == NOT_BLANK for note in notes)
    else:
        yield kind, False


def is_struct(kind: Any) -> bool:
    """Whether a type is a msgspec struct."""
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


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
