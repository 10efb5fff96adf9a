"""The storefront in the test's process, on the wire of the three services."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.journeys.shop_in_process import ShopInProcess, open_shop
from tests.storefront.visitor import Visitor, open_back_office, open_storefront
from tests.support.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[ShopInProcess]:
    async with open_shop(tmp_path) as running:
        yield running


@pytest.fixture
async def visitor(shop: ShopInProcess) -> AsyncIterator[Visitor]:
    """Somebody with a browser that has never been here."""
    async with open_storefront(shop) as new:
        yield new


@pytest.fixture
async def staff(shop: ShopInProcess) -> AsyncIterator[Visitor]:
    """A member of staff, signed in."""
    async with open_back_office(shop, "staff") as member:
        yield member


@pytest.fixture
async def seller(shop: ShopInProcess) -> AsyncIterator[Visitor]:
    """A seller with a name in the shop, who may buy too, signed in."""
    await shop.sign_up("seller", "customer", "seller")
    await shop.call("catalog", "PUT", "/sellers/me", {"name": "Librería Norte"}, user="seller")
    async with open_back_office(shop, "seller") as member:
        yield member


@pytest.fixture
async def admin(shop: ShopInProcess) -> AsyncIterator[Visitor]:
    """An administrator, signed in."""
    async with open_back_office(shop, "admin") as member:
        yield member


@pytest.fixture
async def provider(shop: ShopInProcess) -> int:
    """A company that delivers everywhere; its id."""
    body = {"name": "DHL", "contact": "dhl@example.org", "coverage": ["*"], "fee": 5}
    made = await shop.call("purchase", "POST", "/providers", body, user="staff")

    assert made.status_code == 201, made.text
    provider_id: int = made.json()["provider_id"]
    return provider_id
