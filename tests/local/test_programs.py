"""Each program is told what it needs, and nothing of the surroundings."""

from pathlib import Path

import pytest

from functions.local.data_folder import DataFolder
from functions.local.ports import Ports
from functions.local.programs import Admin, Plan


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
