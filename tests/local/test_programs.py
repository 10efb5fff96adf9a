"""Each program is told what it needs, and nothing of the surroundings."""

from pathlib import Path

import pytest

from functions.auth.settings import AuthSettings
from functions.local.data_folder import DataFolder
from functions.local.ports import Ports
from functions.local.programs import FAST, Admin, Plan
from functions.purchase.settings import PurchaseSettings


def test_a_service_is_told_only_about_the_local_shop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_in_development_nobody_is_kept_from_registering(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class sits behind one address; who wants to see the limit sets it."""
    plan = Plan(DataFolder(tmp_path), Ports(), Admin("admin@bookstore.example", "secret"))
    assert plan.environment("auth")["REGISTRATIONS_PER_ADDRESS"] == "0"
    monkeypatch.setenv("REGISTRATIONS_PER_ADDRESS", "3")
    assert plan.environment("auth")["REGISTRATIONS_PER_ADDRESS"] == "3"


def test_a_fast_clock_is_told_to_the_services(tmp_path: Path) -> None:
    """In settings that they read; without it each has its own default."""
    plan = Plan(
        DataFolder(tmp_path), Ports(), Admin("a@bookstore.example", "long enough"), fast_clock=True
    )
    slow = Plan(DataFolder(tmp_path), Ports(), Admin("a@bookstore.example", "long enough"))

    assert AuthSettings.from_mapping(plan.environment("auth")).access_token_seconds == 60
    assert PurchaseSettings.from_mapping(plan.environment("purchase")).time_to_pay_seconds == 30
    assert not FAST.keys() & slow.environment("auth").keys()
