"""Translates msgspec's validation messages into Spanish and English sentences for people.

msgspec's own messages name types as JSON Schema does and quote regular expressions. There are few
of them and they are stable; an unrecognised one becomes a general sentence. The tests cover every
message that the services' types can cause. Imported with the first invalid request only.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, get_origin

from functions.kit.base.errors import FieldError, Text
from functions.kit.base.fields import MEANINGS
from functions.kit.base.money import NO_AMOUNT

MISSING = Text("falta", "is missing")
UNKNOWN = Text("no se conoce aquí", "is not known here")
TWICE = Text("aparece más de una vez", "is given more than once")
EMPTY = Text("está vacío: quítelo o dele un valor", "is empty: leave it out, or give it a value")

_OTHER = Text("no tiene un valor admitido", "has a value that is not accepted")

_TYPES = {
    "int": Text("un número entero", "a whole number"),
    "float": Text("un número", "a number"),
    "decimal": Text("un número", "a number"),
    "str": Text("un texto", "text"),
    "bool": Text("true o false", "true or false"),
    "array": Text("una lista", "a list"),
    "object": Text("un objeto", "an object"),
    "null": Text("null", "null"),
    "datetime": Text("una fecha con hora", "a date and time"),
    "date": Text("una fecha", "a date"),
    "uuid": Text("un UUID", "a UUID"),
}

_ENUM = re.compile(r"Invalid enum value ")
_PATTERN = re.compile(r"Expected `str` matching regex (?P<pattern>.*)", re.DOTALL)
_LENGTH = re.compile(r"Expected `(?P<type>\w+)` of length (?P<sign>[<>=]+) (?P<bound>\d+)")
_BOUND = re.compile(r"Expected `(?:int|float|decimal)` (?P<sign>[<>]=?) (?P<bound>\S+)")
_MULTIPLE = re.compile(r"Expected `\w+` that's a multiple of (?P<factor>\S+)")
_TYPE = re.compile(r"Expected `(?P<types>[^`]+)`")
_RANGE = re.compile(r"(?:Integer value|Number) out of range")
_DECIMAL = re.compile(r"Invalid decimal string")
_DATETIME = re.compile(r"Invalid RFC ?3339 encoded (?P<type>\w+)")

_MEMBER = re.compile(r"Object (missing required|contains unknown) field `(?P<name>.*)`", re.DOTALL)

_BOUNDS = {
    ">=": Text("debe ser al menos {}", "must be at least {}"),
    "<=": Text("debe ser como máximo {}", "must be at most {}"),
    ">": Text("debe ser mayor que {}", "must be more than {}"),
    "<": Text("debe ser menor que {}", "must be less than {}"),
}
_LENGTHS = {
    ">=": Text("debe tener al menos {} {}", "must have at least {} {}"),
    "<=": Text("debe tener como máximo {} {}", "must have at most {} {}"),
}


def field_error(name: str, complaint: str, kind: Any) -> FieldError:
    """The error for one of msgspec's messages about a member, with the path inside it.

    `name` is "" where the message is about the whole body.
    """
    message, _, path = complaint.partition(" - at `$")
    place = name + path.rstrip("`")
    if member := _MEMBER.match(message):
        text = MISSING if member[1].startswith("missing") else UNKNOWN
        return FieldError(f"{place}.{member['name']}".lstrip(".")[:200], text)
    if message == NO_AMOUNT.en:
        return FieldError(place, NO_AMOUNT)
    return FieldError(place, explain(complaint, kind))


def explain(complaint: str, kind: Any = None) -> Text:
    """The sentence for a message of msgspec; `kind` is the type that was expected."""
    if _ENUM.match(complaint):
        return one_of(choices(kind))
    if found := _PATTERN.match(complaint):
        return _pattern(found["pattern"].partition(" - at `")[0])
    if (found := _LENGTH.match(complaint)) and found["sign"] in _LENGTHS:
        return _length(found["type"], found["sign"], found["bound"])
    if found := _BOUND.match(complaint):
        return Text(*(text.format(found["bound"]) for text in _BOUNDS[found["sign"]]))
    if found := _MULTIPLE.match(complaint):
        factor = found["factor"]
        return Text(f"debe ser múltiplo de {factor}", f"must be a multiple of {factor}")
    if _RANGE.match(complaint):
        return Text("es demasiado grande", "is too large")
    if _DECIMAL.match(complaint):
        return _must_be(["decimal"])
    if found := _DATETIME.match(complaint):
        return _must_be([found["type"]])
    if found := _TYPE.match(complaint):
        return _must_be(found["types"].split(" | "))
    return _OTHER


def _pattern(written: str) -> Text:
    return next((text for each, text in MEANINGS.items() if repr(each) == written), _OTHER)


def one_of(values: list[str]) -> Text:
    """A sentence that lists the allowed values."""
    if not values:
        return _OTHER
    named = ", ".join(values)
    return Text(f"debe ser uno de: {named}", f"must be one of: {named}")


def choices(kind: Any) -> list[str]:
    """The values of all enumerations and literals inside a type, without duplicates."""
    return list(dict.fromkeys(_choices(kind)))


def _choices(kind: Any) -> Iterator[str]:
    if isinstance(kind, type) and issubclass(kind, Enum):
        yield from (str(member.value) for member in kind)
    elif get_origin(kind) is Literal:
        yield from map(str, kind.__args__)
    else:
        for inner in getattr(kind, "__args__", ()):
            yield from _choices(inner)


def must_be(kind: Any) -> Text:
    """A sentence that says what a value of this type must be."""
    if values := choices(kind):
        return one_of(values)
    kinds = {kind, *getattr(kind, "__args__", ())}
    names = {int: "int", bool: "bool", float: "float", Decimal: "decimal", str: "str"}
    return _must_be([name for each, name in names.items() if each in kinds])


def _must_be(types: list[str]) -> Text:
    if not types:
        return _OTHER
    named = [_TYPES.get(name, Text(name, name)) for name in types]
    return Text(
        "debe ser " + " o ".join(text.es for text in named),
        "must be " + " or ".join(text.en for text in named),
    )


def _length(kind: str, sign: str, bound: str) -> Text:
    if sign == ">=" and bound == "1":
        return Text("no debe estar vacío", "must not be empty")
    unit = Text("caracteres", "characters") if kind == "str" else Text("elementos", "items")
    text = _LENGTHS[sign]
    return Text(text.es.format(bound, unit.es), text.en.format(bound, unit.en))
