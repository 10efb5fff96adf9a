"""A file out of a form, piece by piece: what Swagger UI's button and `curl -F` send.

The parser is the one that Litestar brings along; Litestar itself would keep the whole file first.
"""

from collections.abc import AsyncIterator

from litestar._multipart import parse_content_header
from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
)

from functions.kit.errors import FieldError, InvalidInput, Text

MEDIA_TYPE = "multipart/form-data"

_MAX_SEGMENTS = 20


async def file_in(
    content_type: str, body: AsyncIterator[bytes], *, field: str = "file"
) -> AsyncIterator[bytes]:
    """The content of the form's field of that name; other fields are refused.

    Raises `InvalidInput` for what is no form, or has no such file.
    """
    _, options = parse_content_header(content_type)
    found = False
    try:
        with PushMultipartParser(
            options.get("boundary", ""), max_segment_count=_MAX_SEGMENTS
        ) as parser:
            async for piece in body:
                # An empty piece would be the end to the parser.
                for event in parser.parse(piece) if piece else ():
                    if isinstance(event, MultipartSegment):
                        if event.name != field or found:
                            raise _unexpected(event.name, field)
                        found = True
                    elif event:
                        yield bytes(event)
    except MultipartError as error:
        raise InvalidInput(
            Text(
                "El formulario multipart está mal formado o incompleto.",
                "The multipart form is malformed or incomplete.",
            )
        ) from error
    if not found:
        raise InvalidInput(
            Text(f"Falta el campo {field} del formulario.", f"The form lacks its field {field}."),
            errors=[FieldError(field, Text("falta", "is missing"))],
        )


def _unexpected(name: str, field: str) -> InvalidInput:
    return InvalidInput(
        Text(
            f"El formulario tiene un solo campo, {field}, con el archivo.",
            f"The form has one field, {field}, with the file.",
        ),
        errors=[FieldError(name[:80], Text("sobra", "is one too many"))],
    )
