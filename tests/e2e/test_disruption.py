"""Parts of the running shop are deleted in the middle of purchases: nothing is lost.

Only with --disrupt.
"""

import threading
import uuid
from collections.abc import Callable
from functools import partial

import pytest

from knative.ops.objects import SELECTOR
from tests.e2e.shop import Shop

pytestmark = pytest.mark.usefixtures("disrupts")

STOCK = 60


def delete_pods(selector: str, namespace: str = "") -> Callable[[Shop], None]:
    def disrupt(shop: Shop) -> None:
        scope = ("-n", namespace) if namespace else ()
        shop.cluster.kubectl(
            *("delete", "pods", "-l", selector, "--wait=false", *scope), namespaced=not namespace
        )

    return disrupt


PARTS = {
    "dispatcher": delete_pods("eventing.knative.dev/brokerRole=dispatcher"),
    "RabbitMQ": delete_pods("app.kubernetes.io/component=rabbitmq"),
    "database of purchase": delete_pods(f"{SELECTOR},app.kubernetes.io/name=db-main"),
    "database of catalog": delete_pods(f"{SELECTOR},app.kubernetes.io/name=db-catalog"),
    "broker's ingress": delete_pods("eventing.knative.dev/brokerRole=ingress"),
    "purchase": delete_pods("serving.knative.dev/service=purchase"),
    "catalog's internal API": delete_pods("serving.knative.dev/service=catalog-internal"),
    "gateway": delete_pods("app=3scale-kourier-gateway", "kourier-system"),
}


def sell(shop: Shop, book_id: int, count: int, disrupt: Callable[[], None]) -> int:
    """How many of so many keyed purchases succeeded; each is sent until it gets an answer."""
    token, done = shop.customer(), []

    def buyer(share: int) -> None:
        for _ in range(share):
            key = str(uuid.uuid4())
            answer = shop.patiently(partial(shop.buy, token, book_id, key=key), 300)
            done.append(answer.status_code)

    buyers = [threading.Thread(target=buyer, args=(count // 4,)) for _ in range(4)]
    for each in buyers:
        each.start()
    shop.until("some purchases are made", lambda: len(done) > 2)
    disrupt()
    for each in buyers:
        each.join()
    return done.count(201)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_dies(shop: Shop, part: str) -> None:
    """Every purchase that was answered with 201 is in the stock of both services."""
    admin = shop.admin()
    book_id = shop.book(admin, stock=STOCK)
    sold = sell(shop, book_id, 20, lambda: PARTS[part](shop))
    left = STOCK - sold
    admin = shop.admin()

    assert sold > 0
    shop.until("purchase", lambda: shop.stock_at_purchase(admin, book_id) == left, seconds=300)
    # A lost event is read from the feed, at the latest when the PingSource wakes catalog.
    shop.until("catalog", lambda: shop.stock_at_catalog(book_id) == left, seconds=900)


def test_a_trigger_is_gone_for_a_while(shop: Shop) -> None:
    """Events without a queue are dropped by the broker, and repaired from the owner's feed."""
    trigger = "trigger.eventing.knative.dev/catalog-inventory"
    kept = shop.cluster.one(trigger)
    assert kept is not None
    for name in ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"):
        kept["metadata"].pop(name, None)
    kept.pop("status", None)
    book_id = shop.book(shop.admin(), stock=STOCK)
    shop.cluster.kubectl("delete", trigger)
    try:
        sold = sell(shop, book_id, 8, lambda: None)
    finally:
        shop.cluster.create_secretly(kept)

    shop.until("catalog", lambda: shop.stock_at_catalog(book_id) == STOCK - sold, seconds=900)
