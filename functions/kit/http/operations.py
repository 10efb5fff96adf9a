"""What handlers declare about their operations, for the OpenAPI document (`openapi.py`).

The declarations are made at import and read when the document is built. Some are also read at
runtime: `location` by `responses.py`, `any_query` and `request_headers` by `parameters.py`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from litestar.handlers import HTTPRouteHandler

from functions.kit.http.etags import PATTERN

_OPT = "described"

INTERNAL = ("/internal/", "/events", "/metrics")
"""Prefixes of the internal API's paths. They have a separate document, and no CORS headers."""


class Header(NamedTuple):
    """A header of a request or of a successful response."""

    name: str
    description: str
    schema: Mapping[str, str] = {}
    """JSON Schema besides `type: string`."""
    required: bool = False

    def parameter(self) -> dict[str, Any]:
        return {
            "description": self.description,
            "required": self.required,
            "schema": {"type": "string", **self.schema},
        }


class Link(NamedTuple):
    """An OpenAPI link. `target` is a method and a path of the same service, `GET /books`.

    `parameters` and `body` are runtime expressions, which refer to members of the response.
    """

    target: str
    parameters: Mapping[str, str] = {}
    body: Mapping[str, object] | None = None


class Described(NamedTuple):
    request_headers: Sequence[Header] = ()
    response_headers: Sequence[Header] = ()
    links: Mapping[str, Link] = {}
    location: str | None = None
    any_query: bool = False


IF_MATCH = Header(
    "If-Match",
    "ETag of the version that was read, or `*`",
    {"format": "entity-tag", "pattern": PATTERN},
)
IF_NONE_MATCH = Header("If-None-Match", "ETag of the version that the client has")
ETAG = Header("ETag", "The version", required=True)
LOCATION = Header("Location", "Where it is", required=True)


def described(
    *,
    request_headers: Sequence[Header] = (),
    response_headers: Sequence[Header] = (),
    links: Mapping[str, Link] | None = None,
    location: str | None = None,
    any_query: bool = False,
) -> dict[str, Any]:
    """The `opt` of a handler: headers that it reads and sets, and links from its response.

    `location` is the `Location` of a 201: a path whose placeholders are members of the response,
    such as `/books/{book_id}`. `JSONResponse` sets the header. With `any_query`, query parameters
    that the handler does not declare are accepted.
    """
    return {_OPT: Described(request_headers, response_headers, links or {}, location, any_query)}


def described_of(handler: HTTPRouteHandler) -> Described:
    """What a handler declares; nothing by default."""
    found: Described = handler.opt.get(_OPT, _NOTHING)
    return found


_NOTHING = Described()
