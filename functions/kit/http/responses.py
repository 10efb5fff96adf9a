"""Encodes responses as JSON, with amounts of money as numbers with two decimals.

Sets the `Location` of a 201, if its handler declares one (`operations.described`).
"""

from typing import Any, TypeVar

import msgspec
from litestar import Litestar, Response
from litestar.response.base import ASGIResponse

from functions.kit.http.operations import described_of
from functions.kit.http.requests import AnyRequest

T = TypeVar("T")

_ENCODER = msgspec.json.Encoder(decimal_format="number")


def encode(content: object) -> bytes:
    """JSON; `Decimal("12.50")` becomes `12.50`, not `"12.50"` and not `12.5`."""
    return _ENCODER.encode(content)


class JSONResponse(Response[T]):
    """The default response."""

    def to_asgi_response(
        self, app: Litestar | None, request: AnyRequest, **kwargs: Any
    ) -> ASGIResponse:
        """Add the `Location` of a 201 that the handler declares by `described(location=...)`."""
        response = super().to_asgi_response(app, request, **kwargs)
        if response.status_code == 201:
            location = described_of(request.route_handler).location
            if location is not None and "location" not in response.headers:
                created = msgspec.json.decode(response.body)
                response.headers["location"] = location.format(**created)
        return response

    def render(self, content: Any, media_type: str, enc_hook: Any = None) -> bytes:
        if isinstance(content, bytes | str) or content is None:
            return super().render(content, media_type, enc_hook)
        return encode(content)
