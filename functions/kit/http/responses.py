"""How answers are written: JSON in which an amount of money is a number with two decimals.

A 201 leads to what was made, where its handler says so (`openapi.described`).
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from litestar import Litestar, Response
from litestar.enums import MediaType
from litestar.response.base import ASGIResponse

from functions.kit.http import problems
from functions.kit.http.idempotency import Answer, answer_once, scope_of
from functions.kit.http.openapi import described_of
from functions.kit.http.requests import AnyRequest, AuthenticatedRequest
from functions.kit.http.services import Services, services_of

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
        """With the `Location` that the handler's `described(location=...)` promises for a 201."""
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


def answer_response(answer: Answer) -> Response[Any]:
    """An answer as it was first given, byte for byte."""
    headers = {"idempotency-replayed": "true"} if answer.replayed else None
    kind = problems.MEDIA_TYPE if answer.status >= 400 else MediaType.JSON
    return JSONResponse(answer.body, status_code=answer.status, media_type=kind, headers=headers)


async def answered_once(
    request: AuthenticatedRequest,
    route: str,
    command: Callable[[], Awaitable[T]],
    render: Callable[[T], tuple[int, bytes]],
    *,
    required: bool = False,
) -> Response[Any]:
    """Run a command under the request's `Idempotency-Key`, which it must have where `required`."""
    scope = scope_of(
        request.headers,
        user_id=request.user.user_id,
        route=route,
        body=await request.body(),
        required=required,
    )
    services = services_of(request, Services)
    return answer_response(
        await answer_once(services.database, scope, command, render, clock=services.clock)
    )
