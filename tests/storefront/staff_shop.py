"""Orders for tests of staff's pages: placed and paid by a customer, by the services' own API."""

from typing import Any

from tests.journeys.shop_in_process import ShopInProcess

ADDRESS = {
    "recipient": "Úrsula Iguarán",
    "lines": ["Carrera 7 # 32-16"],
    "city": "Bogotá",
    "region": "Bogotá",
    "country": "CO",
}


async def add_provider(
    shop: ShopInProcess, name: str = "DHL", coverage: tuple[str, ...] = ("*",)
) -> int:
    body = {"name": name, "contact": "x@example.org", "coverage": list(coverage), "fee": 5}
    made = await shop.call("purchase", "POST", "/providers", body, user="staff")
    provider_id: int = made.json()["provider_id"]
    return provider_id


async def add_order(
    shop: ShopInProcess, *, paid: bool = True, recipient: str = "Úrsula Iguarán", copies: int = 1
) -> int:
    """The id of ana's new order of book 1."""
    if "ana" not in shop.tokens:
        await shop.sign_up("ana")
    body: dict[str, Any] = {**ADDRESS, "recipient": recipient}
    made = await shop.call("purchase", "POST", "/addresses", body, user="ana")
    body = {"book_id": 1, "quantity": copies, "address_id": made.json()["address_id"]}
    placed = await shop.call("purchase", "POST", "/purchase", body, user="ana")
    assert placed.status_code == 201, placed.text
    order_id: int = placed.json()["purchase_id"]
    if paid:
        body = {"purchase_id": order_id, "payment_method": "tok_success"}
        answer = await shop.call("purchase", "POST", "/payment", body, user="ana")
        assert answer.status_code == 201, answer.text
    return order_id


async def order(shop: ShopInProcess, order_id: int) -> dict[str, Any]:
    """As purchase has it."""
    answer = await shop.call("purchase", "GET", f"/purchase/{order_id}", user="staff")
    found: dict[str, Any] = answer.json()
    return found


async def put_aside(shop: ShopInProcess, service: str, body: str) -> None:
    """A malformed event, which the service quarantines."""
    answer = await shop.clients[service].post("/events", content=body.encode())

    assert answer.status_code == 202
