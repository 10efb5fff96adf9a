"""Determines the client's address and scheme behind proxies.

A client can send any `X-Forwarded-For`. Only what the deployment's own proxies appended, on the
right, can be trusted. So the address is the one at position `TRUSTED_HOPS` from the right. It is
never chosen by its range: behind SNAT a client's address may be private too.

On Knative the number of proxies varies, because the activator, which appends as well, is in the
path of some requests only. There the gateway (Envoy) overwrites a header with the client's address
for every request: `CLIENT_ADDRESS_HEADER`. If that header is missing, hops are counted.

Without a usable value the connection's address is used. So a wrong setting makes all clients look
like one, but lets no client choose its address. `Forwarded` (RFC 7239) is not read.
Sources: Envoy's documentation of X-Forwarded-For; Go's httputil.ReverseProxy, which the activator
and the queue-proxy use.
"""

from typing import Literal, cast

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from functions.kit.base.addresses import canonical_address

SCHEMES = ("http", "https")
_QUOTE = '"'


class ForwardedMiddleware:
    """Sets the client's address and scheme in the scope. The outermost ASGI middleware."""

    def __init__(self, app: ASGIApp, hops: int, header: str = "") -> None:
        self.app = app
        self._hops = hops
        self._header = header.lower().encode("ascii")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and (self._hops or self._header):
            self._set_client(scope)
        await self.app(scope, receive, send)

    def _set_client(self, scope: HTTPScope) -> None:
        client = self._from_gateway(scope) or hop(values(scope, b"x-forwarded-for"), self._hops)
        if client is not None and (known := address(client)) is not None:
            scope["client"] = (known, 0)
        schemes = values(scope, b"x-forwarded-proto")
        # Most proxies overwrite it. Then it has one value, whatever the number of hops.
        scheme = schemes[0] if len(schemes) == 1 else hop(schemes, max(self._hops, 1))
        if scheme is not None and scheme.lower() in SCHEMES:
            scope["scheme"] = cast("Literal['http', 'https']", scheme.lower())

    def _from_gateway(self, scope: HTTPScope) -> str | None:
        """The gateway's header; None if there are two, because one is then the client's."""
        found = values(scope, self._header) if self._header else []
        return found[0] if len(found) == 1 else None


def values(scope: HTTPScope, header: bytes) -> list[str]:
    """All values of a list header, over all its lines, in order.

    Empty values are kept, so that they do not change the positions of others.
    """
    return [
        value.strip(" \t")
        for name, line in scope["headers"]
        if name == header
        for value in line.decode("latin-1").split(",")
    ]


def hop(found: list[str], hops: int) -> str | None:
    """The value that the outermost trusted proxy appended; None if there are too few values."""
    return found[-hops] if 0 < hops <= len(found) else None


def address(text: str) -> str | None:
    """An IP address in canonical form, without port, brackets and zone; None if it is invalid.

    An IPv4-mapped IPv6 address becomes the IPv4 address.
    """
    host, port = _without_port(text.strip(_QUOTE))
    if port and not (port.isascii() and port.isdecimal()):
        return None
    return canonical_address(host)


def _without_port(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return (host, rest[1:]) if ":" in host and rest[:1] in ("", ":") else ("", "")
    if text.count(":") == 1:  # an IPv6 address has more
        host, _, port = text.partition(":")
        return host, port
    return text, ""
