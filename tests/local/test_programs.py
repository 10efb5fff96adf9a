"""Each program is configured for the local shop, whatever the user's environment says."""

from pathlib import Path

import pytest

from functions.auth.settings import AuthSettings
from functions.local.data_folder import DataFolder
from functions.local.ports import Ports
from functions.local.programs import FAST_CLOCK_SETTINGS, Admin, Plan
from functions.purchase.settings import PurchaseSettings


def test_a_service_gets_the_addresses_of_the_local_shop_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DATABASE_URL and K_SINK of the shell are replaced; auth, not catalog, gets the password."""
    monkeypatch.setenv("DATABASE_URL", "mysql://production")
    monkeypatch.setenv("K_SINK", "http://production")
    plan = Plan(DataFolder(tmp_path), Ports(), Admin("admin@bookstore.example", "secret"))

    environment = plan.environment("catalog")

    assert environment["DATABASE_URL"] == f"sqlite:///{tmp_path}/catalog.db"
    assert environment["K_SINK"] == "http://127.0.0.1:5009"
    assert environment["PURCHASE_INTERNAL_URL"] == "http://127.0.0.1:5002"
    assert "FIRST_ADMIN_PASSWORD" not in environment
    assert plan.environment("auth")["FIRST_ADMIN_PASSWORD"] == "secret"
    assert "production" not in str(plan.broker().environment.get("DATABASE_URL", ""))


def test_registrations_are_unlimited_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class may share one address. REGISTRATIONS_PER_ADDRESS sets a limit."""
    plan = Plan(DataFolder(tmp_path), Ports(), Admin("admin@bookstore.example", "secret"))
    assert plan.environment("auth")["REGISTRATIONS_PER_ADDRESS"] == "0"
    monkeypatch.setenv("REGISTRATIONS_PER_ADDRESS", "3")
    assert plan.environment("auth")["REGISTRATIONS_PER_ADDRESS"] == "3"


def test_the_fast_clock_sets_the_services_expiry(tmp_path: Path) -> None:
    """In settings that they read; otherwise their own defaults apply."""
    plan = Plan(
        DataFolder(tmp_path), Ports(), Admin("a@bookstore.example", "long enough"), fast_clock=True
    )
    slow = Plan(DataFolder(tmp_path), Ports(), Admin("a@bookstore.example", "long enough"))

    assert AuthSettings.from_mapping(plan.environment("auth")).access_token_seconds == 60
    assert PurchaseSettings.from_mapping(plan.environment("purchase")).time_to_pay_seconds == 30
    assert not FAST_CLOCK_SETTINGS.keys() & slow.environment("auth").keys()
