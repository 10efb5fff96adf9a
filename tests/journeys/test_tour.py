"""`nox -s tour` against the real shop: every step as told, whoever dies between two of them."""

import asyncio
import io
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from functions.local.client import Client
from functions.local.console import Console
from functions.local.data_folder import DataFolder
from functions.local.tour import find_shop, staff_for_a_while
from functions.local.tour_guide import Guide
from functions.local.tour_story import Story
from tests.local.runners import Runner, running

ROOT = Path(__file__).parents[2]
PROGRAMS = ("auth", "catalog", "purchase", "broker")


@pytest.fixture
async def open_shop(tmp_path: Path) -> AsyncIterator[Runner]:
    async with running(tmp_path / "data", package="functions") as runner:
        await runner.until_says("Ctrl-C ends it all.")
        yield runner
        # Shown by pytest when a test failed: what the shop said meanwhile.
        print(runner.output)
        assert await runner.end() == 0


async def tour(*options: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "functions.local.tour", *options),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_the_tour_runs_in_an_open_shop(open_shop: Runner, tmp_path: Path) -> None:
    """Every step of the tour succeeds against a running shop."""
    code, output = await tour("--data", str(tmp_path / "data"))

    assert code == 0, output
    assert "The shop is open; we go in." in output
    for number in range(1, 14):
        assert f"\n{number:2} · " in output
    assert "Everything was as told." in output
    assert open_shop.ports.url("purchase") in output


async def test_the_tour_starts_its_own_shop() -> None:
    """Without a running shop it starts one and stops it again."""
    code, output = await tour("--own")

    assert code == 0, output
    assert "This tour opens a shop for itself." in output
    assert "Everything was as told." in output


async def test_a_kill_before_every_step_does_not_break_it(
    open_shop: Runner, tmp_path: Path
) -> None:
    """Each process is killed with SIGKILL twice; the runner restarts it."""
    folder = DataFolder(tmp_path / "data")
    shop = await find_shop(folder)
    assert shop is not None
    killed: list[tuple[int, str]] = []  # before which step, and whom

    async def kill_one(step: int) -> None:
        program = PROGRAMS[(step + 2 * (len(killed) >= 13)) % len(PROGRAMS)]
        times = [name for _, name in killed].count(program)
        await open_shop.until_says(f"{program} is back", times=times)
        os.kill(int((folder.logs / f"{program}.pid").read_text()), signal.SIGKILL)
        killed.append((step, program))
        await open_shop.until_says(f"{program} was ended by SIGKILL", times=times + 1)

    async with Client(shop.urls) as client, staff_for_a_while(client, shop.admin) as staff:
        for _ in range(2):
            out = io.StringIO()
            console = Console(out)
            await Story(console, Guide(console, client), staff).tell(between=kill_one)
            assert "purchase knows it from the event" in out.getvalue()

    assert len(set(killed)) == 2 * 13


async def test_an_unexpected_answer_ends_the_tour(tmp_path: Path) -> None:
    """A stub of auth answers `/register` without the expected message."""
    async with running(tmp_path / "data") as runner:
        await runner.until_says("Ctrl-C ends it all.")
        code, output = await tour("--data", str(tmp_path / "data"))
        await runner.end()

    assert code == 1
    assert "The tour ends here: The answer has no 'message'" in output
    assert "Traceback" not in output
