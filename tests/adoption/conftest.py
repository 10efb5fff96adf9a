from collections.abc import Callable

import pytest

from tests.adoption.running import SERVICES


@pytest.fixture
def urls(make_database_url: Callable[[], str]) -> dict[str, str]:
    """Three empty databases for the services."""
    return {name: make_database_url() for name in SERVICES}
