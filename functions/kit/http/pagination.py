"""Keyset pagination: an opaque cursor holds the sort key of the last row of a page.

Unlike an offset, it makes every page equally fast.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from litestar import Response
from litestar.params import QueryParameter

from functions.kit.base.errors import FieldError, InvalidInput, Text
from functions.kit.base.money import MAX_ID
from functions.kit.http.requests import AnyRequest
from functions.kit.http.responses import JSONResponse

T = TypeVar("T")

DEFAULT_LIMIT = 50
MAX_LIMIT = 100

Limit = Annotated[
    int, QueryParameter(ge=1, le=MAX_LIMIT, description="Rows in the page; 50 by default")
]
After = Annotated[
    str | None,
    QueryParameter(
        max_length=600,
        description="Cursor from the `Link` of the previous page",
        schema_extra={"format": "cursor"},
    ),
]


def encode_cursor(*keys: object) -> str:
    """The cursor for a row's sort key."""
    return base64.urlsafe_b64encode(msgspec.json.encode(keys)).rstrip(b"=").decode()


def decode_cursor(cursor: str, *kinds: type[Any]) -> tuple[Any, ...]:
    """The sort key of a cursor, with the given types.

    Raises `InvalidInput` for a text that `encode_cursor` cannot have produced for these types.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        raw = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)
        keys = msgspec.json.decode(raw, type=tuple[kinds])  # type: ignore[valid-type]
        if any(isinstance(key, int) and abs(key) > MAX_ID for key in keys):
            raise ValueError("the number exceeds the range of every column")
        if encode_cursor(*keys) != cursor:
            raise ValueError("not in the form that encode_cursor produces")
    except (ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise InvalidInput(
            Text(
                "`after` no es un cursor de esta lista; tómelo de la cabecera Link.",
                "`after` is not a cursor of this list; take it from the Link header.",
            ),
            errors=[
                FieldError(
                    "after",
                    Text("no es un cursor de esta lista", "is not a cursor of this list"),
                )
            ],
        ) from error
    return keys


def page_response(
    request: AnyRequest,
    rows: Sequence[T],
    cursor: str | None,
    headers: Mapping[str, str] | None = None,
) -> Response[list[T]]:
    """A JSON array, with `Link: <...>; rel="next"` if there is a next page."""
    all_headers = {**(headers or {}), **link_to_next(request, cursor)}
    return JSONResponse(list(rows), headers=all_headers)


def link_to_next(request: AnyRequest, cursor: str | None) -> dict[str, str]:
    """The `Link` header to the next page; empty on the last page. Other parameters are kept."""
    if cursor is None:
        return {}
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "after"]
    link = f"{quote(request.scope['path'])}?{urlencode([*query, ('after', cursor)])}"
    return {"link": f'<{link}>; rel="next"'}
