"""The shop in one process, as the journeys have it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.journeys.town import Town, open_town


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with open_town(tmp_path) as town:
        yield town
