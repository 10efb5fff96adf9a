from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.auth.service import Auth, open_auth, sqlite_url


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return sqlite_url(tmp_path)


@pytest.fixture
async def auth(database_url: str) -> AsyncIterator[Auth]:
    async with open_auth(database_url) as running:
        yield running
