"""Faults that the runner makes in its own programs, with the stub shop."""

import time
from pathlib import Path

import pytest

from functions.local import faults
from functions.local.data_folder import DataFolder
from functions.local.faults import Fault
from tests.local.runners import running


async def test_a_program_that_is_gone_comes_back_by_itself(tmp_path: Path) -> None:
    """When the time is over, although nobody ends the fault; the other programs run on."""
    folder = DataFolder(tmp_path / "data")
    async with running(folder.path) as runner:
        await runner.until_printed("Ctrl-C stops the shop")
        faults.begin(folder, Fault("gone", "catalog", time.time() + 2))
        await runner.until_printed("A fault begins: catalog is gone")
        others = await runner.get("auth", "/readyz")
        await runner.until_printed("The fault is over: catalog runs again.")
        await runner.until_printed("catalog is ready again")
        back = await runner.get("catalog", "/readyz")
        code = await runner.stop()

    assert (others.status_code, back.status_code, code) == (200, 200, 0)
    assert faults.requested(folder) is None


async def test_a_program_is_killed_until_the_fault_is_ended(tmp_path: Path) -> None:
    """The runner starts it again each time. A shop that is stopped meanwhile ends in order."""
    folder = DataFolder(tmp_path / "data")
    async with running(folder.path) as runner:
        await runner.until_printed("Ctrl-C stops the shop")
        faults.begin(folder, Fault("kill", "auth", time.time() + 500))
        await runner.until_printed("auth was killed by SIGKILL")
        await runner.until_printed("auth is ready again")
        faults.end(folder)
        await runner.until_printed("The fault is over: auth runs again.")
        faults.begin(folder, Fault("gone", "auth", time.time() + 500))
        await runner.until_printed("A fault begins: auth is gone")
        code = await runner.stop()

    assert code == 0


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"kind": "gone", "program": "sshd", "until": 2e9},
        {"kind": "burn", "program": "auth", "until": 2e9},
        {"kind": "gone", "program": "auth", "until": "soon"},
        {"kind": "gone", "program": "auth", "until": time.time() + 86_400},
        {"kind": "gone", "program": "auth", "until": time.time() - 1},
    ],
    ids=["nothing", "another program", "another kind", "no time", "too long", "over"],
)
def test_what_is_no_fault_of_the_shop_is_ignored(
    tmp_path: Path, content: dict[str, object]
) -> None:
    """A file may have any content; a fault lasts ten minutes at most."""
    folder = DataFolder(tmp_path)
    folder.write(faults.FILE, content)

    assert faults.requested(folder) is None
