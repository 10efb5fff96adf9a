"""Pages of other origins may call the public API, where a setting names them (the Fetch standard).

Off by default. The headers are on every answer, refusals, 304 and 500 too: without them a browser
tells its page nothing, not even the status. Tokens travel in `Authorization`, which needs no
credentials mode; `CORS_CREDENTIALS` is for a proxy in front that wants its own cookies.
"""

from collections.abc import Iterator

from functions.kit.base import origins

EXPOSED = "ETag, Link, Location, Retry-After, Idempotency-Replayed"
METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
TAKEN = (
    "Accept-Language, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match,"
    " traceparent"
)
MAX_AGE = 600
"""Seconds that a browser may keep the answer to a preflight."""


class Cors:
    """Which origins may call."""

    def __init__(self, allowed: str, *, credentials: bool = False) -> None:
        self.origins = frozenset(origins.parse(allowed))
        self.credentials = credentials

    def allowed(self, origin: str) -> str | None:
        """What `Access-Control-Allow-Origin` answers to an origin; None where it may not call."""
        if "*" in self.origins:
            return "*"
        return origin if origin in self.origins else None

    def headers(self, origin: str | None) -> Iterator[tuple[str, str]]:
        """Of any answer, besides `Vary`."""
        allowed = self.allowed(origin) if origin is not None else None
        if allowed is None:
            return
        yield "access-control-allow-origin", allowed
        yield "access-control-expose-headers", EXPOSED
        if self.credentials:
            yield "access-control-allow-credentials", "true"

    def preflight(self, origin: str) -> Iterator[tuple[str, str]]:
        """Of an answer to a preflight, besides `Vary`."""
        if self.allowed(origin) is None:
            return
        yield "access-control-allow-methods", METHODS
        yield "access-control-allow-headers", TAKEN
        yield "access-control-max-age", str(MAX_AGE)

    @property
    def vary(self) -> str | None:
        """The header that an answer depends on."""
        return None if "*" in self.origins or not self.origins else "Origin"
