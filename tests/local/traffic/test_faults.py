"""Faults that the traffic does not know."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from functions.local.traffic import __main__ as traffic


@pytest.mark.parametrize("name", ["slow", "kill=shop", "kill="])
def test_an_unknown_fault_is_refused_before_a_shop_is_started(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the faults that there are."""
    begun: list[object] = []

    @asynccontextmanager
    async def shop(*_: object) -> AsyncIterator[None]:
        begun.append(name)
        yield

    monkeypatch.setattr(traffic, "_shop", shop)

    assert traffic.main(["--fault", name]) == 1
    assert begun == []
    assert f"There is no fault {name}. There are: slow-provider" in "".join(capsys.readouterr())
