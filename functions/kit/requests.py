"""Reading a request's body: JSON, strictly, whatever curl says that it is.

Litestar would take "3" for 3 and ignore a member that nobody knows; a body is decoded here into
its struct by msgspec's strict rules, and every field that is wrong is named at once.
"""

from collections.abc import AsyncGenerator
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from litestar import Request
from litestar.datastructures.state import State
from litestar.exceptions import InternalServerException
from litestar.params import PathParameter

from functions.kit.errors import FieldError, InvalidInput, UnsupportedMediaType
from functions.kit.types import decode_hook
from functions.kit.values import MAX_ID

MAX_BODY = 64 * 1024
"""Bytes."""

PathId = Annotated[int, PathParameter(ge=1, le=MAX_ID)]
"""An id in a path; a number that can be none is answered as one that is not there."""

_MISSING = "is missing"
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_LARGEST_EXPONENT = 20
"""Of a number that may be an integer of 64 bits."""


class JSONRequest(Request[Any, Any, State]):
    """A request whose body is JSON and becomes the struct that the handler's `data` names."""

    async def json(self) -> Any:
        """The body, decoded.

        Raises `InvalidInput` with one entry a field, or `UnsupportedMediaType`.
        """
        body = await self.body()
        self._check_media_type(body)
        field = self.route_handler.parsed_data_field
        return decode(body, field.annotation if field is not None else Any)

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The body, piece by piece.

        Raises `InvalidInput` when the caller goes away before its end.
        """
        try:
            async for piece in super().stream():
                yield piece
        except InternalServerException as error:  # Litestar's word for it
            raise InvalidInput("The request ended before its body did.") from error

    def _check_media_type(self, body: bytes) -> None:
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type in {"", "application/json"} or media_type.endswith("+json"):
            return
        # `curl -d '{...}'` says that it is a form.
        if media_type == "application/x-www-form-urlencoded" and body.lstrip()[:1] == b"{":
            return
        raise UnsupportedMediaType(f"Send application/json, not {media_type[:80]}.")


def decode(body: bytes, kind: Any) -> Any:
    """A struct from JSON.

    Raises `InvalidInput`, naming every field that is wrong.
    """
    try:
        return _decoder(kind).decode(body)
    except msgspec.ValidationError as error:
        plain = _with_integers(body)
        if plain is not None:
            return decode(plain, kind)
        raise _refusal(body, kind, error) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The body is not JSON: {error}") from error
    except RecursionError as error:
        raise InvalidInput("The body is nested too deeply.") from error


def _with_integers(body: bytes) -> bytes | None:
    """The body with 116.0 and 1e2 written as integers, as JSON Schema has them; None without any.

    msgspec takes a number with a point or an exponent for no integer.
    """
    found = False

    def number(text: str) -> object:
        nonlocal found
        value = Decimal(text)
        if abs(value.adjusted()) > _LARGEST_EXPONENT or value != value.to_integral_value():
            return value
        found = True
        return int(value)

    try:
        document = msgspec.json.Decoder(Any, float_hook=number).decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return _ENCODER.encode(document) if found else None


def _refusal(body: bytes, kind: Any, error: msgspec.ValidationError) -> InvalidInput:
    try:
        errors = field_errors(body, kind) or [FieldError("", str(error))]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # msgspec stops at the first thing that is wrong; what follows may not be JSON at all.
        errors = [FieldError("", str(error))]
    named = "; ".join(f"{each.field}: {each.message}" for each in errors).lstrip(": ")
    lacks = any(each.message == _MISSING for each in errors)
    refusal = refusal_of_lacking(kind) if lacks else InvalidInput
    return refusal(f"Correct the body: {named}"[:1000], errors=errors)


def refusal_of_lacking(kind: Any) -> type[InvalidInput]:
    """What a body without its required members is refused with (`Strict.lacking`)."""
    refusal: type[InvalidInput] = getattr(kind, "lacking", InvalidInput)
    return refusal


def field_errors(body: bytes, kind: Any) -> list[FieldError]:
    """Each member of an object that its struct refuses, is lacking, or does not know."""
    document = _decoder(Any).decode(body)
    if not isinstance(document, dict) or not _is_struct(kind):
        return []
    found = []
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name, field in fields.items():
        if name not in document:
            if field.required:
                found.append(FieldError(name, _MISSING))
            continue
        try:
            _decoder(field.type).decode(_ENCODER.encode(document[name]))
        except msgspec.ValidationError as error:
            message, _, path = str(error).partition(" - at `$")
            if field.required and document[name] in (None, ""):
                message = _MISSING
            found.append(FieldError(name + path.rstrip("`"), message))
    found.extend(
        FieldError(str(name)[:80], "is not known here") for name in document if name not in fields
    )
    return found


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


@lru_cache(maxsize=256)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    # `float_hook` keeps the text of a number that a hook is given: a float would round it.
    return msgspec.json.Decoder(kind, dec_hook=decode_hook, float_hook=Decimal)
