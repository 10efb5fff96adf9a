from collections.abc import AsyncIterator

import pytest

from tests.notifications.post_office import MailServer, Office, open_office


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    server = MailServer()
    async with server.listening():
        yield server


@pytest.fixture
async def office(database_url: str, server: MailServer) -> AsyncIterator[Office]:
    async with open_office(database_url, server.url) as running:
        yield running
