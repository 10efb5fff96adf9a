"""Decodes request bodies from JSON, strictly, and reports every invalid field.

Litestar would accept "3" for 3 and ignore unknown members. Here msgspec decodes in strict mode. A
JSON object is also accepted under the default media types of `curl -d` and of a browser's `fetch`.
"""

import json
from collections.abc import AsyncGenerator, Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from litestar import Request
from litestar.datastructures.state import State
from litestar.exceptions import InternalServerException
from litestar.params import PathParameter

from functions.kit.base.errors import FieldError, InvalidInput, Text, UnsupportedMediaType
from functions.kit.base.fields import MEANINGS, NOT_BLANK, blank_texts, decode_hook, is_struct
from functions.kit.base.money import MAX_ID
from functions.kit.security.principal import Principal

MAX_BODY = 64 * 1024
"""Bytes."""

PathId = Annotated[int, PathParameter(ge=1, le=MAX_ID)]
"""An id in a path. An invalid one is answered with 404, like one that does not exist."""

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_LARGEST_EXPONENT = 20
"""Largest decimal exponent of a 64-bit integer."""
_BOM = b"\xef\xbb\xbf"

_LABELLED_OTHERWISE = frozenset({"application/x-www-form-urlencoded", "text/plain"})
"""The default media types of `curl -d '{...}'` and of a browser's `fetch` with a string."""

_UTF_8 = frozenset({"utf-8", "utf8", "us-ascii"})


AnyRequest = Request[Any, Any, State]
"""A request of any user, also an anonymous one."""
AuthenticatedRequest = Request[Principal, Any, State]
"""A request that has passed a guard: `request.user` is the principal."""


class JSONRequest(Request[Any, Any, State]):
    """A request with a JSON body, which is decoded to the type of the handler's `data`."""

    async def json(self) -> Any:
        """The decoded body.

        Raises `InvalidInput` with an entry for each invalid field, or `UnsupportedMediaType`.
        """
        refuse_coding(self)
        body = await self.body()
        self._check_media_type(body)
        field = self.route_handler.parsed_data_field
        return decode(body, field.annotation if field is not None else Any)

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The body in chunks.

        Raises `InvalidInput` if the client disconnects before its end.
        """
        try:
            async for piece in super().stream():
                yield piece
        except InternalServerException as error:  # what Litestar raises then
            raise InvalidInput(
                Text(
                    "La solicitud terminó antes de que llegara todo su cuerpo.",
                    "The request ended before its whole body had arrived.",
                )
            ) from error

    def _check_media_type(self, body: bytes) -> None:
        media_type, _, parameters = self.headers.get("content-type", "").partition(";")
        media_type = media_type.strip().lower()
        if parameters and "charset=" in (given := parameters.lower()):
            charset = given.partition("charset=")[2].partition(";")[0].strip(' "')
            if charset not in _UTF_8:
                raise UnsupportedMediaType(
                    Text(
                        f"Envíe el JSON en UTF-8, no en {charset[:40]}.",
                        f"Send the JSON in UTF-8, not in {charset[:40]}.",
                    )
                )
        if media_type in {"", "application/json"} or media_type.endswith("+json"):
            return
        if media_type in _LABELLED_OTHERWISE and body.removeprefix(_BOM).lstrip()[:1] == b"{":
            return
        raise UnsupportedMediaType(
            Text(
                f"Envíe application/json, no {media_type[:80]}.",
                f"Send application/json, not {media_type[:80]}.",
            )
        )


def refuse_coding(request: AnyRequest) -> None:
    """Raises `UnsupportedMediaType` for a compressed body (RFC 9110, section 8.4.1)."""
    coding = request.headers.get("content-encoding", "").strip().lower()
    if coding not in {"", "identity"}:
        raise UnsupportedMediaType(
            Text(
                f"Envíe el cuerpo sin comprimir: aquí no se descomprime {coding[:40]}.",
                f"Send the body uncompressed: {coding[:40]} is not decoded here.",
            )
        )


def decode(body: bytes, kind: Any) -> Any:
    """Decode JSON to a type. A leading byte order mark is ignored.

    Raises `InvalidInput`, which names every invalid field.
    """
    body = body.removeprefix(_BOM)
    try:
        try:
            decoded = _decoder(kind).decode(body)
        except msgspec.ValidationError:
            plain = _with_integers(body)
            if plain is None:
                raise
            decoded = _decoder(kind).decode(plain)
        _PAIRS.raw_decode(body.decode().lstrip())
    except msgspec.ValidationError as error:
        raise _refusal(_with_integers(body) or body, kind, error) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(_not_json(body, error)) from error
    except RecursionError as error:
        raise InvalidInput(
            Text(
                "El cuerpo tiene demasiados niveles.",
                "The body is nested too deeply.",
            )
        ) from error
    except _DuplicateMember as error:
        raise _invalid_body(list(_duplicates(body)), InvalidInput) from error
    if blank := [_blank(path) for path in blank_texts(decoded, kind)]:
        raise _invalid_body(blank, InvalidInput)
    return decoded


def _blank(path: str) -> FieldError:
    return FieldError(path.lstrip("."), MEANINGS[NOT_BLANK])


class _DuplicateMember(Exception):
    pass


def _check_duplicates(members: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in members}) < len(members):
        raise _DuplicateMember


def _ignore(_: str) -> None: ...


# Of duplicate members msgspec uses the last one, other parsers the first, and msgspec has no option
# to reject them. Python's decoder has a hook for it; it takes 2 microseconds for a purchase.
_PAIRS = json.JSONDecoder(
    object_pairs_hook=_check_duplicates, parse_int=_ignore, parse_float=_ignore
)
_ALL_PAIRS = json.JSONDecoder(object_pairs_hook=tuple, parse_int=_ignore, parse_float=_ignore)


def _duplicates(body: bytes) -> Iterator[FieldError]:
    """An error for each name that occurs more than once in its object."""
    from functions.kit.base.messages import TWICE  # noqa: PLC0415 - only for an error

    waiting: list[tuple[str, Any]] = [("", _ALL_PAIRS.decode(body.decode()))]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, list):
            waiting += [(f"{path}[{place}]", each) for place, each in enumerate(value)]
        elif isinstance(value, tuple):
            names = [name for name, _ in value]
            prefix = f"{path}." if path else ""
            for name in sorted({name for name in names if names.count(name) > 1}):
                yield FieldError(f"{prefix}{name}"[:200], TWICE)
            waiting += [(prefix + name, each) for name, each in value]


def _not_json(body: bytes, error: Exception) -> Text:
    try:
        body.decode()
    except UnicodeDecodeError:
        return Text("El cuerpo no está en UTF-8.", "The body is not in UTF-8.")
    place = str(error).rpartition("(byte ")[2].rstrip(")")
    if not place.isdecimal():
        return Text(
            "El cuerpo no es JSON: está vacío o le falta el final.",
            "The body is not JSON: it is empty, or its end is missing.",
        )
    return Text(
        f"El cuerpo no es JSON: mire el byte {place}.",
        f"The body is not JSON: look at byte {place}.",
    )


def _with_integers(body: bytes) -> bytes | None:
    """The body with numbers such as 116.0 and 1e2 rewritten as integers; None if it has none.

    JSON Schema treats them as integers, msgspec does not.
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
    from functions.kit.base.messages import MISSING, field_error  # noqa: PLC0415

    try:
        errors = field_errors(body, kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # msgspec stops at the first error, so what follows may not even be JSON.
        errors = []
    errors = errors or [field_error("", str(error), kind)]
    lacks = any(each.message == MISSING for each in errors)
    return _invalid_body(errors, missing_member_error(kind) if lacks else InvalidInput)


def _invalid_body(errors: list[FieldError], refusal: type[InvalidInput]) -> InvalidInput:
    from functions.kit.base.language import listed  # noqa: PLC0415 - only for an error

    text = listed(errors, begin=Text("Corrija el cuerpo: ", "Correct the body: "))
    return refusal(Text(text.es[:1000], text.en[:1000]), errors=errors)


def missing_member_error(kind: Any) -> type[InvalidInput]:
    """The error for a body that lacks a required member (`Strict.lacking`)."""
    refusal: type[InvalidInput] = getattr(kind, "lacking", InvalidInput)
    return refusal


def field_errors(body: bytes, kind: Any) -> list[FieldError]:
    """An error for each invalid, missing or unknown member of a JSON object."""
    from functions.kit.base import messages  # noqa: PLC0415 - only for an error

    document = _decoder(Any).decode(body)
    if not isinstance(document, dict) or not is_struct(kind):
        return []
    found = []
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name, field in fields.items():
        if name not in document:
            if field.required:
                found.append(FieldError(name, messages.MISSING))
            continue
        try:
            value = _decoder(field.type).decode(_ENCODER.encode(document[name]))
        except msgspec.ValidationError as error:
            if field.required and document[name] in (None, ""):
                found.append(FieldError(name, messages.MISSING))
            else:
                found.append(messages.field_error(name, str(error), field.type))
        else:
            found += [_blank(f"{name}{path}") for path in blank_texts(value, field.type)]
    unknown = [name for name in document if name not in fields]
    return [*found, *(FieldError(str(name)[:80], messages.UNKNOWN) for name in unknown)]


@lru_cache(maxsize=256)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    # With `float_hook`, `dec_hook` gets an exact Decimal instead of a rounded float.
    return msgspec.json.Decoder(kind, dec_hook=decode_hook, float_hook=Decimal)
