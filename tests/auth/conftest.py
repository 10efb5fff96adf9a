from collections.abc import AsyncIterator

import pytest

from tests.auth.service import Auth, open_auth


@pytest.fixture
async def auth(database_url: str) -> AsyncIterator[Auth]:
    async with open_auth(database_url) as running:
        yield running
