from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.catalog.library import Library, open_library, sqlite_url


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return sqlite_url(tmp_path)


@pytest.fixture
async def library(database_url: str) -> AsyncIterator[Library]:
    async with open_library(database_url) as running:
        yield running
