"""What proxies do to a request's headers, each as its source says; a request goes through a chain.

A chain begins with the headers that a caller sends and ends with those that the service gets.
"""

from collections.abc import Callable, Sequence
from ipaddress import ip_address

Headers = list[tuple[str, str]]
Proxy = Callable[[Headers, str], Headers]
"""Headers as they came, and the address that the connection came from."""

FORWARDED_FOR = "X-Forwarded-For"
FORWARDED_PROTO = "X-Forwarded-Proto"
EXTERNAL = "X-Envoy-External-Address"
ORIGINAL_HOST = "K-Original-Host"
"""Of Knative's own proxies: the host that a request came with."""


def values(headers: Headers, name: str) -> list[str]:
    return [value for each, value in headers if each.lower() == name.lower()]


def without(headers: Headers, name: str) -> Headers:
    return [(each, value) for each, value in headers if each.lower() != name.lower()]


def host_of(headers: Headers) -> str:
    (host,) = values(headers, "Host")
    return host


def with_host(headers: Headers, host: str) -> Headers:
    return [("Host", host), *without(headers, "Host")]


def go_reverse_proxy(headers: Headers, peer: str) -> Headers:
    """Activator and queue-proxy: all lines become one, and the peer comes last."""
    appended = ", ".join([*values(headers, FORWARDED_FOR), peer])
    return [*without(headers, FORWARDED_FOR), (FORWARDED_FOR, appended)]


def envoy(*, tls: bool = False, trusted_hops: int = 0) -> Proxy:
    """With use_remote_address, and no address that counts as internal (the default from 1.36 on).

    `trusted_hops` is xff_num_trusted_hops, Kourier's trusted-hops-count.
    """

    def through(headers: Headers, peer: str) -> Headers:
        told = [
            each.strip()
            for line in values(headers, FORWARDED_FOR)
            for each in line.split(",")
            if each.strip()
        ]
        client = told[-trusted_hops] if 0 < trusted_hops <= len(told) else peer
        try:
            ip_address(client)
        except ValueError:
            client = peer
        appended = ",".join([*values(headers, FORWARDED_FOR), peer])
        sent = [*without(headers, FORWARDED_FOR), (FORWARDED_FOR, appended)]
        sent = [*without(sent, EXTERNAL), (EXTERNAL, client)]
        if trusted_hops == 0 or not values(headers, FORWARDED_PROTO):
            scheme = "https" if tls else "http"
            sent = [*without(sent, FORWARDED_PROTO), (FORWARDED_PROTO, scheme)]
        return sent

    return through


def domain_mapping(service: str, name: str, *, tls: bool = False) -> Proxy:
    """The gateway where a DomainMapping leads to a service.

    It rewrites the host, and calls itself by the service's name in the cluster, without TLS.
    Sources: serving's pkg/reconciler/domainmapping/resources/ingress.go, net-kourier's caches.go.
    """

    def through(headers: Headers, peer: str) -> Headers:
        sent = envoy(tls=tls)(headers, peer)
        return with_host([*without(sent, ORIGINAL_HOST), (ORIGINAL_HOST, name)], service)

    return through


def activator(headers: Headers, peer: str) -> Headers:
    """It keeps the host in a header, unless one is there (networking's RewriteHostIn)."""
    kept = values(headers, ORIGINAL_HOST)[:1] or [host_of(headers)]
    headers = [*without(headers, ORIGINAL_HOST), (ORIGINAL_HOST, kept[0])]
    return go_reverse_proxy(with_host(headers, "10.0.3.9:8012"), peer)


def queue_proxy(headers: Headers, peer: str) -> Headers:
    """It restores the host (networking's RewriteHostOut)."""
    if kept := values(headers, ORIGINAL_HOST):
        headers = with_host(without(headers, ORIGINAL_HOST), kept[0])
    return go_reverse_proxy(headers, peer)


def application_load_balancer(headers: Headers, peer: str) -> Headers:
    """AWS's, in its default mode `append`, with TLS at its front."""
    sent = go_reverse_proxy(headers, peer)
    return [*without(sent, FORWARDED_PROTO), (FORWARDED_PROTO, "https")]


def appending_line(headers: Headers, peer: str) -> Headers:
    """HAProxy's `option forwardfor`: a line of its own after the caller's."""
    return [*headers, (FORWARDED_FOR, peer)]


def with_port(headers: Headers, peer: str) -> Headers:
    """Azure's Application Gateway: what it appends has a port."""
    host = f"[{peer}]" if ":" in peer else peer
    return go_reverse_proxy(headers, f"{host}:51234")


def passed(headers: Headers, client: str, chain: Sequence[tuple[Proxy, str]]) -> Headers:
    """What the service gets. The chain has each proxy with the address that it calls on from."""
    peer = client
    for proxy, own in chain:
        headers = proxy(headers, peer)
        peer = own
    return headers
