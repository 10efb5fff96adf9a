"""Paid orders in a running shop, placed by the services' own API."""

import itertools
import json
from typing import Any

import httpx

from tests.storefront.browser.running import RunningShop

PASSWORD = "a-long-enough-sentence"
_numbers = itertools.count(1)


class Orders:
    """A customer of a running shop."""

    def __init__(self, shop: RunningShop) -> None:
        self.shop = shop
        self.email = f"reader-{next(_numbers)}@example.org"
        with httpx.Client(timeout=60) as client:
            account = {"email": self.email, "password": PASSWORD}
            client.post(f"{shop.url('auth')}/register", json=account).raise_for_status()
            signed_in = client.post(f"{shop.url('auth')}/login", json=account)
        self._headers = {"authorization": f"Bearer {signed_in.json()['access_token']}"}

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        response = httpx.post(
            f"{self.shop.url('purchase')}{path}", json=body, headers=self._headers, timeout=60
        )
        assert response.is_success, response.text
        found: dict[str, Any] = json.loads(response.text)
        return found

    def buy(self, book_id: int, *, recipient: str = "Úrsula Iguarán") -> int:
        """The id of a paid order."""
        address = {
            "recipient": recipient,
            "lines": ["Carrera 7 # 32-16"],
            "city": "Bogotá",
            "region": "Bogotá",
            "country": "CO",
        }
        address_id = self._post("/addresses", address)["address_id"]
        body = {"book_id": book_id, "quantity": 1, "address_id": address_id}
        order_id: int = self._post("/purchase", body)["purchase_id"]
        self._post("/payment", {"purchase_id": order_id, "payment_method": "tok_success"})
        return order_id
