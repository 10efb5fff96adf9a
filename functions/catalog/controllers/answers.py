"""Public answers: cached for a moment, with entity tags."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from litestar import MediaType, Response
from litestar.openapi.datastructures import ResponseSpec

from functions.catalog.response_cache import CachedAnswer
from functions.kit.http.etags import not_modified
from functions.kit.http.requests import AnyRequest
from functions.kit.http.response_cache import ResponseCache
from functions.kit.http.responses import JSONResponse

# Caches must revalidate each time, since the stock changes often. Refusals depend on
# Accept-Language.
CACHE = {"cache-control": "no-cache", "vary": "Accept-Language"}

NOT_MODIFIED_RESPONSE = {304: ResponseSpec(None, description="What you have is still so")}


async def cached(
    request: AnyRequest,
    read: Callable[[], Awaitable[CachedAnswer]],
    cache: ResponseCache[CachedAnswer],
) -> Response[Any]:
    """An answer that this process made recently, or a new one."""
    known = request.headers.get("if-none-match")
    key = request.scope["path"].encode() + b"?" + request.scope["query_string"]
    answer = await cache.get(key, read)
    if not_modified(known, answer.headers["etag"]):
        return _not_modified(answer.headers)
    body: Any = answer.body
    return JSONResponse(body, media_type=MediaType.JSON, headers=answer.headers)


def unless_known(request: AnyRequest, etag: str, response: Response[Any]) -> Response[Any]:
    """A 304 with the same headers where `If-None-Match` has this tag (RFC 9110, 15.4.5)."""
    if not not_modified(request.headers.get("if-none-match"), etag):
        return response
    return _not_modified(response.headers)


def _not_modified(headers: Mapping[str, str]) -> Response[Any]:
    return Response(None, status_code=304, headers=dict(headers))
