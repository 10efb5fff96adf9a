"""HTTP to the shop from here, whether or not its names resolve from here.

A request goes to the address in DNS, to the load balancer with a `Host` header, or through
`kubectl port-forward`, whichever there is first.
"""

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from knative.ops.cli.errors import OpsError
from knative.ops.cluster.cluster import Cluster

GATEWAY_NAMESPACE = "kourier-system"
PUBLIC, INTERNAL = "kourier", "kourier-internal"
_LONG = 70.0
"""Seconds for one answer: longer than a cold start."""


@dataclass(frozen=True)
class Answer:
    status: int
    text: str

    def json(self) -> Any:
        try:
            return json.loads(self.text)
        except ValueError:
            return None


@dataclass(frozen=True)
class Way:
    """How to reach the gateway; an empty host: as DNS says."""

    host: str = ""
    port: int = 0
    told: str = "by DNS"

    def ask(
        self, method: str, url: str, *, body: object = None, token: str = "",
    ) -> Answer:  # fmt: skip
        """Raises OSError and http.client.HTTPException."""
        parts = urlsplit(url)
        secure = parts.scheme == "https" and not self.host
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        host, port = self.host or parts.hostname or "", self.port or parts.port
        connection = kind(host, port, timeout=_LONG)
        headers = {"Host": parts.netloc, "Accept": "application/json", "Accept-Language": "en"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, parts.path or "/", body=content, headers=headers)
            response = connection.getresponse()
            return Answer(response.status, response.read().decode("utf-8", "replace"))
        finally:
            connection.close()


@contextmanager
def way_in(cluster: Cluster, addresses: Mapping[str, str], given: str) -> Iterator[Way]:
    """`given` wins; then DNS; then the load balancer; then a port-forward. Without a public domain
    only the cluster's own gateway knows the shop."""
    if given:
        parts = urlsplit(given if "//" in given else f"//{given}")
        yield Way(parts.hostname or "", parts.port or 80, f"at {given}")
    elif all(_is_inner(url) for url in addresses.values()):
        cluster.runner.console.warn(
            "Knative has no public domain: nobody outside the cluster reaches the shop. Give"
            " --domain, or set config-domain in knative-serving."
        )
        with forwarded(cluster, INTERNAL) as port:
            yield Way("127.0.0.1", port, "through kubectl port-forward, by the inner names")
    elif all(_answers(url) for url in addresses.values()):
        yield Way()
    elif host := _load_balancer(cluster):
        yield Way(host, 80, f"at the load balancer {host}")
    else:
        with forwarded(cluster, PUBLIC) as port:
            yield Way("127.0.0.1", port, "through kubectl port-forward")


@contextmanager
def forwarded(cluster: Cluster, service: str) -> Iterator[int]:
    """A port here that leads to one of the gateway's Services."""
    argv = cluster.kubectl_argv(
        *("port-forward", "-n", GATEWAY_NAMESPACE, f"service/{service}", ":80"), namespaced=False
    )
    with cluster.runner.background(argv) as line:
        # Forwarding from 127.0.0.1:40123 -> 8080
        port = line.partition("127.0.0.1:")[2].partition(" ")[0]
        if not port.isdigit():
            raise OpsError(
                f"kubectl port-forward to {service} in {GATEWAY_NAMESPACE} did not open."
            )
        yield int(port)


def _load_balancer(cluster: Cluster) -> str:
    result = cluster.kubectl(
        *("get", f"service/{PUBLIC}", "-n", GATEWAY_NAMESPACE, "--ignore-not-found", "-o", "json"),
        check=False,
        namespaced=False,
    )
    if result.code != 0 or not result.stdout.strip():
        return ""
    found = result.json().get("status", {}).get("loadBalancer", {}).get("ingress") or [{}]
    host = found[0].get("hostname") or found[0].get("ip") or ""
    return host if _reachable(host, 80) else ""


def _is_inner(url: str) -> bool:
    """Knative's default: a name of the cluster, which its public gateway does not answer to."""
    return (urlsplit(url).hostname or "").endswith(".cluster.local")


def _resolves(host: str) -> bool:
    # Names of the cluster, and Knative's placeholder domain, lead nowhere from here.
    if not host or host.endswith((".svc", ".cluster.local", ".example.com")):
        return False
    try:
        return bool(socket.getaddrinfo(host, 80))
    except OSError:
        return False


def _answers(url: str) -> bool:
    """A name may lead to where nobody listens: 127.0.0.1.sslip.io, with no port mapped there."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    return _resolves(host) and _reachable(host, port)


def _reachable(host: str, port: int) -> bool:
    """An address inside a virtual machine (kind on a Mac) is one that nobody reaches from here."""
    if not host:
        return False
    try:
        with socket.create_connection((host, port), timeout=5):
            return True
    except OSError:
        return False
