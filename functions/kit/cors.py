"""Pages of other origins may call the public API, where a setting names them (the Fetch standard).

Off by default. The headers are on every answer, refusals, 304 and 500 too: without them a browser
tells its page nothing, not even the status. Tokens travel in `Authorization`, which needs no
credentials mode; `CORS_CREDENTIALS` is for a proxy in front that wants its own cookies.
"""

import re
from collections.abc import Iterator

EXPOSED = "ETag, Link, Location, Retry-After, Idempotency-Replayed"
METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
TAKEN = (
    "Accept-Language, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match,"
    " traceparent"
)
MAX_AGE = 600
"""Seconds that a browser may keep the answer to a preflight."""

_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_DEFAULT_PORT = re.compile(r"http:.*:80|https:.*:443")


class Cors:
    """Which origins may call."""

    def __init__(self, origins: str, *, credentials: bool = False) -> None:
        self.origins = frozenset(listed(origins))
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


def listed(origins: str) -> list[str]:
    """The origins of the setting, in lower case as browsers send them."""
    return [each.strip().lower() for each in origins.split(",") if each.strip()]


def problem(origin: str) -> str | None:
    """Why a browser could never send this origin; None where it could."""
    if origin == "*":
        return None
    if not _ORIGIN.fullmatch(origin):
        return f"{origin[:80]} is no origin, such as https://shop.example (no path, no slash)"
    if _DEFAULT_PORT.fullmatch(origin):
        return f"{origin[:80]}: browsers leave the default port out"
    return None
