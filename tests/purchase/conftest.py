from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.purchase.shop import Shop, open_shop, sqlite_url


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return sqlite_url(tmp_path)


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    async with open_shop(database_url) as running:
        yield running
