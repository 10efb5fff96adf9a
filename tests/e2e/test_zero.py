"""Scaling to zero and waking, with times beside those of Knative's own example."""

import math
import statistics
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.e2e.shop import Shop

SERVICES = ("auth", "catalog", "notifications", "purchase", "storefront")
WAKES = 5
HELLO = "hello-e2e"
WAKE_HELLO = "wake hello-world"
HELLO_IMAGE = "ghcr.io/knative/helloworld-go:latest"
"""Knative's own example, as its documentation names it."""


@pytest.fixture(scope="module")
def hello(shop: Shop) -> Iterator[Shop | None]:
    """Knative's hello-world in the same cluster; None where its image cannot be pulled."""
    create = ("service", "create", HELLO, "--image", HELLO_IMAGE, "--annotation", WINDOW)
    try:
        shop.cluster.kn(*create, "--force", show=False)
        url = shop.service(HELLO)["status"]["url"]
        yield replace(shop, urls={**shop.urls, HELLO: url})
    except Exception as error:  # noqa: BLE001 - a cluster without access to that registry
        shop.measured["hello_world"] = f"not measured: {error}"
        yield None
    finally:
        shop.cluster.kubectl("delete", "ksvc", HELLO, "--ignore-not-found", "--wait=false")


WINDOW = "autoscaling.knative.dev/window=6s"


def wake(shop: Shop, service: str, path: str) -> float:
    """Seconds to the first answer of a service at zero."""
    shop.until_zero(service)
    begin = time.monotonic()
    answer = shop.request("GET", service, path)
    elapsed = time.monotonic() - begin
    assert answer.status_code == 200, answer.text
    return elapsed


def report(shop: Shop, name: str, seconds: list[float]) -> None:
    ordered = sorted(seconds)
    shop.measured[name] = {
        "p50": round(statistics.median(ordered), 3),
        "p95": round(ordered[math.ceil(0.95 * len(ordered)) - 1], 3),
        "least": round(ordered[0], 3),
        "count": len(ordered),
    }


@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("catalog", "/"),
        ("catalog", "/books?limit=5"),
        ("auth", "/.well-known/jwks.json"),
        ("notifications", "/"),
        ("purchase", "/providers"),
        ("storefront", "/en"),
    ],
)
def test_it_wakes(shop: Shop, service: str, path: str) -> None:
    """Each service goes to zero and answers its first request; the times go into the report."""
    report(shop, f"wake {service} {path}", [wake(shop, service, path) for _ in range(WAKES)])


def test_hello_world(hello: Shop | None) -> None:
    """The time that the cluster itself takes."""
    if hello is None:
        pytest.skip("the image of Knative's example cannot be pulled")
    report(hello, WAKE_HELLO, [wake(hello, HELLO, "/") for _ in range(WAKES)])
    hello.measured["seconds over hello-world, p50"] = over_hello_world(hello.measured)


def over_hello_world(measured: Mapping[str, Any]) -> dict[str, float]:
    """How much longer each wake took; the goal is 0.25 s for a page that reads the database."""
    floor = measured[WAKE_HELLO]["p50"]
    return {
        name: round(each["p50"] - floor, 3)
        for name, each in measured.items()
        if name.startswith("wake ") and name != WAKE_HELLO
    }


def test_everything_goes_to_zero(shop: Shop) -> None:
    """Public and internal APIs, between two pings of their sources."""
    internal = [f"{name}-internal" for name in SERVICES if name != "storefront"]
    shop.until_zero(*SERVICES, *internal)


def test_a_purchase_wakes_catalog(shop: Shop) -> None:
    """A sale while everything sleeps arrives at catalog by its event."""
    book_id, token = shop.book(shop.admin(), stock=3), shop.customer()
    shop.until_zero("catalog", "catalog-internal", "purchase", "purchase-internal")
    begin = time.monotonic()
    bought = shop.patiently(lambda: shop.buy(token, book_id, key=KEY))
    assert bought.status_code == 201, bought.text
    shop.until("catalog shows 2", lambda: shop.stock_at_catalog(book_id) == 2)
    shop.measured["sale at zero to catalog's stock"] = round(time.monotonic() - begin, 3)


KEY = str(uuid.uuid4())
