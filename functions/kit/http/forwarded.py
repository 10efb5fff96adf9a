"""Whose request it is, behind proxies: the client's address and the scheme that it used.

Whoever calls can send any X-Forwarded-For; what can be trusted is what our own proxies appended to
it, and they append on the right. So addresses are counted from the right, TRUSTED_HOPS of them,
and never chosen by what they look like: behind SNAT the client's own address is a private one too.

On Knative the number varies, because the activator is on the way of some requests and appends as
well. There the gateway, Envoy, writes the client's address into a header of its own on every
request, in place of whatever came under that name: CLIENT_ADDRESS_HEADER. Where the header is
missing, hops are counted.

Where neither says anything usable, the connection's own address counts: a wrong setting makes all
clients look alike, and lets none of them choose who it is. `Forwarded` (RFC 7239) is not read.
Sources: Envoy's documentation of X-Forwarded-For; Go's httputil.ReverseProxy, which the activator
and the queue-proxy are made of.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal, cast

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

SCHEMES = ("http", "https")
_QUOTE = '"'


class ForwardedMiddleware:
    """Puts the client's address and scheme into the scope; plain ASGI, around everything else."""

    def __init__(self, app: ASGIApp, hops: int, header: str = "") -> None:
        self.app = app
        self._hops = hops
        self._header = header.lower().encode("ascii")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and (self._hops or self._header):
            self._put(scope)
        await self.app(scope, receive, send)

    def _put(self, scope: HTTPScope) -> None:
        client = self._named(scope) or hop(values(scope, b"x-forwarded-for"), self._hops)
        if client is not None and (known := address(client)) is not None:
            scope["client"] = (known, 0)
        schemes = values(scope, b"x-forwarded-proto")
        # Most proxies overwrite it: then there is one value, however many hops.
        scheme = schemes[0] if len(schemes) == 1 else hop(schemes, max(self._hops, 1))
        if scheme is not None and scheme.lower() in SCHEMES:
            scope["scheme"] = cast("Literal['http', 'https']", scheme.lower())

    def _named(self, scope: HTTPScope) -> str | None:
        """What the gateway wrote; two of it are none, because one is not the gateway's."""
        found = values(scope, self._header) if self._header else []
        return found[0] if len(found) == 1 else None


def values(scope: HTTPScope, header: bytes) -> list[str]:
    """All values of a header that is a list: of all its lines, in their order.

    An empty value keeps its place, so that it cannot move the others.
    """
    return [
        value.strip(" \t")
        for name, line in scope["headers"]
        if name == header
        for value in line.decode("latin-1").split(",")
    ]


def hop(found: list[str], hops: int) -> str | None:
    """What the outermost of our proxies appended; None where not each has appended something."""
    return found[-hops] if 0 < hops <= len(found) else None


def address(text: str) -> str | None:
    """An IP address in its one spelling, without port, brackets and zone; None where it is none.

    An IPv4 address in IPv6's clothes is the IPv4 address.
    """
    host, port = _without_port(text.strip(_QUOTE))
    if port and not (port.isascii() and port.isdecimal()):
        return None
    try:
        found = ip_address(host)
    except ValueError:
        return None
    if isinstance(found, IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or IPv6Address(int(found)))


def _without_port(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return (host, rest[1:]) if ":" in host and rest[:1] in ("", ":") else ("", "")
    if text.count(":") == 1:  # more are IPv6's own
        host, _, port = text.partition(":")
        return host, port
    return text, ""
