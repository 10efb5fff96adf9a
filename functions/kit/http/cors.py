"""CORS for the public API: allows pages of the configured origins to call it (Fetch standard).

Off by default. Every response has the headers, including errors, 304 and 500; without them a
browser hides even the status from the page. Tokens in `Authorization` need no credentials mode;
`CORS_CREDENTIALS` is for a proxy in front that uses cookies of its own.
"""

from collections.abc import Iterator

from functions.kit.base import origins

EXPOSED_HEADERS = "ETag, Link, Location, Retry-After, Idempotency-Replayed"
METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
ALLOWED_HEADERS = (
    "Accept-Language, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match,"
    " traceparent"
)
MAX_AGE = 600
"""Seconds that a browser may cache the response to a preflight."""


class Cors:
    """The CORS headers for a set of allowed origins."""

    def __init__(self, allowed: str, *, credentials: bool = False) -> None:
        self.origins = frozenset(origins.parse(allowed))
        self.credentials = credentials

    def allowed(self, origin: str) -> str | None:
        """The value of `Access-Control-Allow-Origin`; None for an origin that is not allowed."""
        if "*" in self.origins:
            return "*"
        return origin if origin in self.origins else None

    def headers(self, origin: str | None) -> Iterator[tuple[str, str]]:
        """The headers of every response, except `Vary`."""
        allowed = self.allowed(origin) if origin is not None else None
        if allowed is None:
            return
        yield "access-control-allow-origin", allowed
        yield "access-control-expose-headers", EXPOSED_HEADERS
        if self.credentials:
            yield "access-control-allow-credentials", "true"

    def preflight(self, origin: str) -> Iterator[tuple[str, str]]:
        """The additional headers of a response to a preflight, except `Vary`."""
        if self.allowed(origin) is None:
            return
        yield "access-control-allow-methods", METHODS
        yield "access-control-allow-headers", ALLOWED_HEADERS
        yield "access-control-max-age", str(MAX_AGE)

    @property
    def vary(self) -> str | None:
        """The request header that responses depend on; None if there is none."""
        return None if "*" in self.origins or not self.origins else "Origin"
