"""Purchase's environment, and what it says at its start."""

from pathlib import Path
from typing import Any

import pytest

from functions.kit.base.settings import BadSettings
from functions.purchase.app import SIMULATED_WARNING
from functions.purchase.settings import PurchaseSettings
from tests.purchase.shop import open_shop

PRODUCTION = {"ENVIRONMENT": "production", "DATABASE_URL": "mysql://purchase:secret@db/purchase"}
MEANT = {"ALLOW_SIMULATED_PAYMENTS": "true"}


def test_nothing_set_is_enough_to_try_it_out() -> None:
    """Development takes no money, and has a limit for what one customer holds."""
    settings = PurchaseSettings.from_mapping({})

    assert settings.simulates_payments
    assert settings.holding_limits == (20, 100)
    assert settings.payment_timeout.total_seconds() == 10


@pytest.mark.parametrize("allowed", [None, "", "false"])
def test_production_refuses_the_simulated_provider(allowed: str | None) -> None:
    """The simulated provider is refused, by name and by default."""
    said = {} if allowed is None else {"ALLOW_SIMULATED_PAYMENTS": allowed}
    for named in ({}, {"PAYMENT_PROVIDER": "simulated"}):
        with pytest.raises(BadSettings, match="ALLOW_SIMULATED_PAYMENTS=true"):
            PurchaseSettings.from_mapping({**PRODUCTION, **named, **said})


def test_production_may_allow_the_simulated_provider() -> None:
    """`ALLOW_SIMULATED_PAYMENTS` permits it."""
    assert PurchaseSettings.from_mapping({**PRODUCTION, **MEANT}).production


@pytest.mark.parametrize(
    ("changes", "variable"),
    [
        ({"PAYMENT_PROVIDER": "nobody"}, "PAYMENT_PROVIDER"),
        ({"PAYMENT_PROVIDER": "Simulated"}, "PAYMENT_PROVIDER"),
        ({"ALLOW_SIMULATED_PAYMENTS": "perhaps"}, "ALLOW_SIMULATED_PAYMENTS"),
        ({"PAYMENT_WEBHOOK_SECRET": "s" * 31}, "PAYMENT_WEBHOOK_SECRET"),
        ({"PAYMENT_TIMEOUT_SECONDS": "0"}, "PAYMENT_TIMEOUT_SECONDS"),
        ({"PAYMENT_TIMEOUT_SECONDS": "61"}, "PAYMENT_TIMEOUT_SECONDS"),
        ({"PAYMENT_TIMEOUT_SECONDS": "nan"}, "PAYMENT_TIMEOUT_SECONDS"),
        ({"MAX_UNPAID_PURCHASES": "-1"}, "MAX_UNPAID_PURCHASES"),
        ({"MAX_UNPAID_COPIES": "1.5"}, "MAX_UNPAID_COPIES"),
    ],
)
def test_an_invalid_setting_is_named(changes: dict[str, str], variable: str) -> None:
    """The error names the variable and does not repeat a secret."""
    with pytest.raises(BadSettings, match=variable) as refused:
        PurchaseSettings.from_mapping({**PRODUCTION, **MEANT, **changes})

    assert "s" * 31 not in str(refused.value)


async def test_simulated_production_warns_at_every_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It logs a warning; development does not."""
    url = f"sqlite:///{tmp_path}/purchase.db"
    environments: list[dict[str, Any]] = [{}, {"ENVIRONMENT": "production", **MEANT}]
    said = []
    for environment in environments * 2:
        async with open_shop(url, books=0, **environment):
            logged = capsys.readouterr().out.splitlines()
            said.append([line.split()[1] for line in logged if line.endswith(SIMULATED_WARNING)])

    assert said == [[], ["WARNING"], [], ["WARNING"]]
