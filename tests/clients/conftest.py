"""The shop in one process, as the journeys have it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.journeys.shop_in_process import ShopInProcess, open_shop


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[ShopInProcess]:
    async with open_shop(tmp_path) as shop:
        yield shop
