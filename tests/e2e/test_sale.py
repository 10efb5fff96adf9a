"""A sale from the registration to the delivery, through the ingress."""

import pytest

from tests.e2e.shop import Shop


def test_from_registration_to_delivery(shop: Shop) -> None:
    """Register, buy, pay, deliver; the stock in catalog follows by events."""
    admin = shop.admin()
    book_id = shop.book(admin, stock=5)
    token = shop.customer()
    bought = shop.buy(token, book_id)
    assert bought.status_code == 201, bought.text
    purchase_id = bought.json()["purchase_id"]
    shop.until("catalog shows 4", lambda: shop.stock_at_catalog(book_id) == 4)
    payment = {"purchase_id": purchase_id, "payment_method": "tok_success"}
    shop.expect(201, "POST", "purchase", "/payment", token=token, json=payment)
    name = {"name": f"Carrier {purchase_id}", "contact": "carrier@bookstore.example"}
    provider = shop.request("POST", "purchase", "/providers", token=admin, json=name)
    assert provider.status_code in {201, 409}, provider.text
    providers = shop.expect(200, "GET", "purchase", "/providers")
    assigned = shop.expect(
        201,
        "POST",
        "purchase",
        "/assignments",
        token=admin,
        json={"purchase_id": purchase_id, "provider_id": providers[-1]["id"]},
    )
    assignment = assigned.get("assignment_id") or assigned["id"]
    for status in ("in_transit", "delivered"):
        path = f"/assignments/{assignment}"
        shop.expect(200, "PATCH", "purchase", path, token=admin, json={"status": status})
    found = shop.expect(200, "GET", "purchase", f"/purchase/{purchase_id}", token=token)

    assert found["status"] == "Delivered"


def test_two_buyers_of_the_last_copy(shop: Shop) -> None:
    """One gets it, the other is told that there is none."""
    book_id = shop.book(shop.admin(), stock=1)
    statuses = sorted(shop.buy(shop.customer(), book_id).status_code for _ in range(2))

    assert statuses == [201, 409]


def test_a_repeated_request_is_one_purchase(shop: Shop) -> None:
    """Sent three times with one key: one purchase, one copy."""
    admin = shop.admin()
    book_id, token = shop.book(admin, stock=5), shop.customer()
    answers = {shop.buy(token, book_id, key="e2e-the-same").text for _ in range(3)}

    assert len(answers) == 1
    assert shop.stock_at_purchase(admin, book_id) == 4


def test_pages(shop: Shop) -> None:
    """The storefront shows a book that catalog has."""
    book_id = shop.book(shop.admin(), stock=2)
    page = shop.request("GET", "storefront", f"/en/books/{book_id}")

    assert (page.status_code, "End to end" in page.text) == (200, True)


INTERNAL = ("/events", "/internal/streams/books?after=0", "/internal/dead-letters", "/metrics")
TRICKS: tuple[dict[str, str], ...] = (
    {},
    {"X-Forwarded-Host": "catalog-internal.bookstore.svc.cluster.local"},
    {"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1;host=catalog-internal"},
    {"Host": "catalog-internal.bookstore.svc.cluster.local"},
    {"Host": "catalog-internal.bookstore"},
    {"Host": "catalog-internal"},
    {"K-Network-Probe": "queue"},
)


@pytest.mark.parametrize("headers", TRICKS, ids=lambda headers: "+".join(headers) or "none")
@pytest.mark.parametrize("path", INTERNAL)
def test_the_internal_api_from_outside(shop: Shop, path: str, headers: dict[str, str]) -> None:
    """It is not there, whatever host or forwarded address a client claims."""
    answers = [shop.request(method, "catalog", path, headers=headers) for method in ("GET", "POST")]

    assert [answer.status_code for answer in answers if answer.status_code < 400] == []
    assert {answer.status_code for answer in answers} <= {400, 404, 405}
