from collections.abc import AsyncIterator

import pytest

from tests.catalog.library import Library, open_library


@pytest.fixture
async def library(database_url: str) -> AsyncIterator[Library]:
    async with open_library(database_url) as running:
        yield running
