"""How answers are written: JSON in which an amount of money is a number with two decimals."""

from typing import Any, TypeVar

import msgspec
from litestar import Response
from litestar.enums import MediaType

from functions.kit.idempotency import Answer

T = TypeVar("T")

_ENCODER = msgspec.json.Encoder(decimal_format="number")


def encode(content: object) -> bytes:
    """JSON; `Decimal("12.50")` becomes `12.50`, not `"12.50"` and not `12.5`."""
    return _ENCODER.encode(content)


class JSONResponse(Response[T]):
    """The default response."""

    def render(self, content: Any, media_type: str, enc_hook: Any = None) -> bytes:
        if isinstance(content, bytes | str) or content is None:
            return super().render(content, media_type, enc_hook)
        return encode(content)


def answer_response(answer: Answer) -> Response[Any]:
    """An answer as it was first given, byte for byte."""
    headers = {"idempotency-replayed": "true"} if answer.replayed else None
    return Response(
        answer.body, status_code=answer.status, media_type=MediaType.JSON, headers=headers
    )
