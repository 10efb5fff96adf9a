"""What `routes.py` says of an app; the matrix stands on it."""

from pathlib import Path

import pytest

from functions.kit.security.principal import ADMIN, CUSTOMER
from functions.purchase.app import create_app
from functions.purchase.settings import PurchaseSettings
from tests.architecture.routes import GuardedRoute, routes


@pytest.fixture
def listed(tmp_path: Path) -> list[GuardedRoute]:
    settings = PurchaseSettings.from_mapping({"DATABASE_URL": f"sqlite:///{tmp_path}/a.db"})
    return routes(create_app(settings))


def test_a_route_says_who_may_come_in(listed: list[GuardedRoute]) -> None:
    """Anybody, any signed-in user, or users with one of the roles."""
    roles = {(route.method, route.path): route.roles for route in listed}

    assert roles["GET", "/providers"] is None
    assert roles["POST", "/purchase"] == frozenset()
    assert roles["GET", "/internal/dead-letters"] == frozenset({ADMIN})
    assert CUSTOMER not in (roles["POST", "/providers"] or {CUSTOMER})


def test_each_route_is_listed_once(listed: list[GuardedRoute]) -> None:
    """With its paths as the OpenAPI document has them."""
    named = [(route.path, route.method) for route in listed]

    assert named == sorted(set(named))
    assert ("/purchase/{purchase_id}", "GET") in named
