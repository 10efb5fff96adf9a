"""The smoke test, against an HTTP server in place of the ingress."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from knative.ops.cluster import ingress
from knative.ops.commands.deploy import deploy
from knative.ops.commands.status import status
from tests.cluster.ops.commands.test_operating import METRICS
from tests.cluster.ops.conftest import CONTEXT, DEPLOY, FakeCluster

NO_SMOKE = DEPLOY[:-2]


class Gateway(http.server.BaseHTTPRequestHandler):
    seen: list[tuple[str, str, str]]
    failing: dict[str, int]

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        self.seen.append((self.command, self.headers["Host"], self.path))
        status = {"/register": 201}.get(self.path, 200)
        if self.failing.get(self.path, 0):
            self.failing[self.path] -= 1
            status = 503
        text = METRICS if self.path == "/metrics" else json.dumps({"token": "a-token"})
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the names that http.server needs

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def gateway(failing: dict[str, int] | None = None) -> Iterator[tuple[int, list[Any]]]:
    seen: list[Any] = []
    handler = type("OneGateway", (Gateway,), {"seen": seen, "failing": failing or {}})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port, seen
        finally:
            server.shutdown()
            thread.join()


def host(name: str) -> str:
    return f"{name}.bookstore.127.0.0.1.sslip.io"


def test_reads(cluster: FakeCluster) -> None:
    """By default it only reads: the public APIs, a list of books, and the first page."""
    with gateway() as (port, seen):
        code = cluster.run(deploy, *NO_SMOKE, "--ingress", f"http://127.0.0.1:{port}")

    assert code == 0, cluster.output
    assert seen == [
        ("GET", host("auth"), "/"),
        ("GET", host("catalog"), "/"),
        ("GET", host("notifications"), "/"),
        ("GET", host("purchase"), "/"),
        ("GET", host("catalog"), "/books"),
        ("GET", host("storefront"), "/en"),
    ]


def test_full(cluster: FakeCluster) -> None:
    """It registers, uses and deletes an account; token and password are not printed."""
    with gateway() as (port, seen):
        code = cluster.run(
            deploy, *NO_SMOKE, "--smoke", "full", "--ingress", f"http://127.0.0.1:{port}"
        )

    assert code == 0, cluster.output
    assert [(method, path) for method, _, path in seen[6:]] == [
        ("POST", "/register"),
        ("POST", "/login"),
        ("GET", "/me"),
        ("DELETE", "/me"),
    ]
    assert "a-token" not in cluster.output


def test_new_route(cluster: FakeCluster) -> None:
    """A gateway answers 503 until it knows a new route: the request is retried."""
    with gateway({"/books": 3}) as (port, _):
        code = cluster.run(deploy, *NO_SMOKE, "--ingress", f"http://127.0.0.1:{port}")

    assert code == 0, cluster.output


def test_shop_that_is_down(cluster: FakeCluster) -> None:
    """The error has the URL, the answer and the expected status."""
    with gateway({"/books": 1000}) as (port, _):
        code = cluster.run(deploy, *NO_SMOKE, "--ingress", f"http://127.0.0.1:{port}")

    assert code == 1
    assert (
        f"GET http://{host('catalog')}/books answered 503 where 200 was expected" in cluster.output
    )


def test_wrong_ingress(cluster: FakeCluster) -> None:
    """A refused connection is a sentence, without a traceback."""
    with gateway() as (port, _):
        pass
    code = cluster.run(deploy, *NO_SMOKE, "--ingress", f"127.0.0.1:{port}")

    assert code == 1
    assert "give its URL with --ingress" in cluster.output


def test_through_a_port_forward(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Used where the names do not resolve and there is no load balancer."""
    monkeypatch.setattr(ingress, "_resolves", lambda name: False)
    with gateway() as (port, seen):
        cluster.forward_to = port
        code = cluster.run(deploy, *NO_SMOKE)

    assert code == 0, cluster.output
    assert len(seen) == 6
    assert "through kubectl port-forward" in cluster.output


def test_names_that_resolve_to_a_closed_port(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """127.0.0.1.sslip.io is this machine, on which no gateway listens."""
    monkeypatch.setattr(ingress, "_resolves", lambda name: True)
    monkeypatch.setattr(ingress, "_is_reachable", lambda host, port: False)
    with gateway() as (port, seen):
        cluster.forward_to = port
        code = cluster.run(deploy, *NO_SMOKE)

    assert code == 0, cluster.output
    assert len(seen) == 6


@pytest.mark.parametrize(
    ("url", "port"),
    [("http://a.example", 80), ("https://a.example", 443), ("http://a.example:81", 81)],
)
def test_port_of_an_address(monkeypatch: pytest.MonkeyPatch, url: str, port: int) -> None:
    """A gateway may listen for TLS only."""
    calls: list[tuple[str, int]] = []
    monkeypatch.setattr(ingress, "_resolves", lambda name: True)

    def reachable(*where: Any) -> bool:
        calls.append(where)
        return True

    monkeypatch.setattr(ingress, "_is_reachable", reachable)

    assert ingress._is_listening(url)
    assert calls == [("a.example", port)]


def test_no_public_domain(cluster: FakeCluster) -> None:
    """With Knative's default domain the internal gateway is used, and a warning printed."""
    cluster.state.domain = "svc.cluster.local"
    with gateway() as (port, seen):
        cluster.forward_to = port
        code = cluster.run(deploy, *NO_SMOKE)

    assert code == 0, cluster.output
    assert ("GET", "catalog.bookstore.svc.cluster.local", "/books") in seen
    assert "Knative has no public domain" in cluster.output


def test_status_wakes_services(cluster: FakeCluster) -> None:
    """A service at zero is called through the internal gateway, by its cluster-local name."""
    cluster.run(deploy, *DEPLOY)
    with gateway() as (port, seen):
        cluster.forward_to = port
        cluster.run(status, *CONTEXT, "--wake")

    assert ("GET", "auth-internal.bookstore.svc.cluster.local", "/metrics") in seen
    assert "3 unsent, the oldest 62 s old; 2 dead letters" in cluster.output
