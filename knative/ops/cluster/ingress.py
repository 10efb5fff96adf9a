"""HTTP requests to the shop through its ingress, also where its names do not resolve here.

A request goes to the address in DNS, to the load balancer with a `Host` header, or through
`kubectl port-forward`: the first of these that works.
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
_RESPONSE_TIMEOUT = 70.0
"""Seconds; a cold start is shorter."""


@dataclass(frozen=True)
class Response:
    status: int
    text: str

    def json(self) -> Any:
        """None where the body is not JSON."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None


@dataclass(frozen=True)
class IngressRoute:
    """How to reach the gateway; with an empty host, by the address in DNS."""

    host: str = ""
    port: int = 0
    description: str = "by DNS"

    def request(self, method: str, url: str, *, body: object = None, token: str = "") -> Response:
        """Raises OSError and http.client.HTTPException."""
        parts = urlsplit(url)
        secure = parts.scheme == "https" and not self.host
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        host, port = self.host or parts.hostname or "", self.port or parts.port
        connection = kind(host, port, timeout=_RESPONSE_TIMEOUT)
        headers = {"Host": parts.netloc, "Accept": "application/json", "Accept-Language": "en"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, parts.path or "/", body=content, headers=headers)
            response = connection.getresponse()
            return Response(response.status, response.read().decode("utf-8", "replace"))
        finally:
            connection.close()


@contextmanager
def open_route(
    cluster: Cluster, addresses: Mapping[str, str], ingress: str
) -> Iterator[IngressRoute]:
    """A route to the public gateway: `ingress` where it is given, then DNS, then the load balancer,
    then a port-forward. Without a public domain only the internal gateway knows the shop."""
    if ingress:
        parts = urlsplit(ingress if "//" in ingress else f"//{ingress}")
        yield IngressRoute(parts.hostname or "", parts.port or 80, f"at {ingress}")
    elif all(_is_cluster_local(url) for url in addresses.values()):
        cluster.runner.console.warn(
            "Knative has no public domain: the shop cannot be reached from outside the cluster."
            " Give --domain, or set config-domain in knative-serving."
        )
        with port_forward(cluster, INTERNAL) as port:
            description = "through kubectl port-forward, by cluster-local names"
            yield IngressRoute("127.0.0.1", port, description)
    elif all(_is_listening(url) for url in addresses.values()):
        yield IngressRoute()
    elif host := _load_balancer(cluster):
        yield IngressRoute(host, 80, f"at the load balancer {host}")
    else:
        with port_forward(cluster, PUBLIC) as port:
            yield IngressRoute("127.0.0.1", port, "through kubectl port-forward")


@contextmanager
def port_forward(cluster: Cluster, service: str) -> Iterator[int]:
    """A local port that leads to one of the gateway's Services. Raises `OpsError`."""
    argv = cluster.kubectl_argv(
        *("port-forward", "-n", GATEWAY_NAMESPACE, f"service/{service}", ":80"), namespaced=False
    )
    with cluster.runner.background(argv) as line:
        # Forwarding from 127.0.0.1:40123 -> 8080
        port = line.partition("127.0.0.1:")[2].partition(" ")[0]
        if not port.isdigit():
            raise OpsError(f"kubectl port-forward to {service} in {GATEWAY_NAMESPACE} failed.")
        yield int(port)


def _load_balancer(cluster: Cluster) -> str:
    """Its host; "" where there is none that can be reached from here."""
    result = cluster.kubectl(
        *("get", f"service/{PUBLIC}", "-n", GATEWAY_NAMESPACE, "--ignore-not-found", "-o", "json"),
        check=False,
        namespaced=False,
    )
    if result.code != 0 or not result.stdout.strip():
        return ""
    found = result.json().get("status", {}).get("loadBalancer", {}).get("ingress") or [{}]
    host = found[0].get("hostname") or found[0].get("ip") or ""
    return host if _is_reachable(host, 80) else ""


def _is_cluster_local(url: str) -> bool:
    """Knative's default domain, which its public gateway does not serve."""
    return (urlsplit(url).hostname or "").endswith(".cluster.local")


def _resolves(host: str) -> bool:
    # Names inside the cluster and Knative's placeholder domain do not resolve to the shop here.
    if not host or host.endswith((".svc", ".cluster.local", ".example.com")):
        return False
    try:
        return bool(socket.getaddrinfo(host, 80))
    except OSError:
        return False


def _is_listening(url: str) -> bool:
    """A name may resolve to a port that nothing listens on, as 127.0.0.1.sslip.io does."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    return _resolves(host) and _is_reachable(host, port)


def _is_reachable(host: str, port: int) -> bool:
    """A load balancer's address may be inside a virtual machine, as with kind on a Mac."""
    if not host:
        return False
    try:
        with socket.create_connection((host, port), timeout=5):
            return True
    except OSError:
        return False
