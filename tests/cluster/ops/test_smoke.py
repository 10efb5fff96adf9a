"""The smoke test, against a small HTTP server in the ingress's place."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from knative.ops import ingress
from knative.ops.deploy import deploy
from knative.ops.measures import parse
from knative.ops.status import status
from tests.cluster.ops.conftest import CONTEXT, DEPLOY, Lab
from tests.cluster.ops.test_operating import METRICS

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

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the names that http.server asks for

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


def test_reads(lab: Lab) -> None:
    """By default nothing is changed: the three doors and a list of books."""
    with gateway() as (port, seen):
        code = lab.run(deploy, *NO_SMOKE, "--ingress", f"http://127.0.0.1:{port}")

    assert code == 0, lab.output
    assert seen == [
        ("GET", host("auth"), "/"),
        ("GET", host("catalog"), "/"),
        ("GET", host("purchase"), "/"),
        ("GET", host("catalog"), "/books"),
    ]


def test_full(lab: Lab) -> None:
    """An account is made, used, and deleted; its token and password are never shown."""
    with gateway() as (port, seen):
        code = lab.run(
            deploy, *NO_SMOKE, "--smoke", "full", "--ingress", f"http://127.0.0.1:{port}"
        )

    assert code == 0, lab.output
    assert [(method, path) for method, _, path in seen[4:]] == [
        ("POST", "/register"),
        ("POST", "/login"),
        ("GET", "/me"),
        ("DELETE", "/me"),
    ]
    assert "a-token" not in lab.output


def test_route_that_is_not_known_yet(lab: Lab) -> None:
    """A gateway hears of a route a moment later: 503 is asked again."""
    with gateway({"/books": 3}) as (port, _):
        code = lab.run(deploy, *NO_SMOKE, "--ingress", f"http://127.0.0.1:{port}")

    assert code == 0, lab.output


def test_shop_that_does_not_answer(lab: Lab) -> None:
    """The address, what came and what was expected are in the message."""
    with gateway({"/books": 1000}) as (port, _):
        code = lab.run(deploy, *NO_SMOKE, "--ingress", f"http://127.0.0.1:{port}")

    assert code == 1
    assert f"GET http://{host('catalog')}/books answered 503 where 200 was expected" in lab.output


def test_nobody_listens(lab: Lab) -> None:
    """A connection that is refused is a sentence, no stack trace."""
    with gateway() as (port, _):
        pass
    code = lab.run(deploy, *NO_SMOKE, "--ingress", f"127.0.0.1:{port}")

    assert code == 1
    assert "name it with --ingress" in lab.output


def test_through_a_port_forward(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the names lead nowhere and there is no load balancer."""
    monkeypatch.setattr(ingress, "_resolves", lambda name: False)
    with gateway() as (port, seen):
        lab.forward_to = port
        code = lab.run(deploy, *NO_SMOKE)

    assert code == 0, lab.output
    assert len(seen) == 4
    assert "through kubectl port-forward" in lab.output


def test_names_that_lead_to_where_nobody_listens(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.1.sslip.io is this machine, and no gateway listens on it."""
    monkeypatch.setattr(ingress, "_resolves", lambda name: True)
    monkeypatch.setattr(ingress, "_reachable", lambda host, port: False)
    with gateway() as (port, seen):
        lab.forward_to = port
        code = lab.run(deploy, *NO_SMOKE)

    assert code == 0, lab.output
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("url", "port"),
    [("http://a.example", 80), ("https://a.example", 443), ("http://a.example:81", 81)],
)
def test_the_port_that_is_tried_is_that_of_the_address(
    monkeypatch: pytest.MonkeyPatch, url: str, port: int
) -> None:
    """A gateway may have only the one for TLS."""
    tried: list[tuple[str, int]] = []
    monkeypatch.setattr(ingress, "_resolves", lambda name: True)

    def reachable(*where: Any) -> bool:
        tried.append(where)
        return True

    monkeypatch.setattr(ingress, "_reachable", reachable)

    assert ingress._answers(url)
    assert tried == [("a.example", port)]


def test_no_public_domain(lab: Lab) -> None:
    """Knative's default: the inner gateway is asked, and that nobody outside gets in is said."""
    lab.state.domain = "svc.cluster.local"
    with gateway() as (port, seen):
        lab.forward_to = port
        code = lab.run(deploy, *NO_SMOKE)

    assert code == 0, lab.output
    assert ("GET", "catalog.bookstore.svc.cluster.local", "/books") in seen
    assert "Knative has no public domain" in lab.output


def test_wake(lab: Lab) -> None:
    """A service at zero is read through the cluster's own gateway, by its inner name."""
    lab.run(deploy, *DEPLOY)
    with gateway() as (port, seen):
        lab.forward_to = port
        lab.run(status, *CONTEXT, "--wake")

    assert ("GET", "auth-internal.bookstore.svc.cluster.local", "/metrics") in seen
    assert "3 unsent, the oldest 62 s old; 2 dead letters" in lab.output


def test_metrics() -> None:
    """The gauges of functions/kit/base/telemetry.py, as Prometheus' client writes them."""
    from functions.kit.base.telemetry import Metrics

    metrics = Metrics()
    metrics.outbox_unsent.set(4)
    metrics.outbox_age.set(12.5)
    metrics.dead_letters.set(1)
    found = parse(metrics.exposition().decode())

    assert (found.unsent, found.oldest_seconds, found.dead_letters) == (4, 12.5, 1)
