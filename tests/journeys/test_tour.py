"""`nox -s tour` against the real shop, also while its programs are killed between the steps."""

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
from functions.local.tour import find_shop, temporary_staff
from functions.local.tour_requests import TourRequests
from functions.local.tour_steps import PurchaseTour
from tests.local.runners import Runner, running

ROOT = Path(__file__).parents[2]
PROGRAMS = ("auth", "catalog", "purchase", "broker")


@pytest.fixture
async def open_shop(tmp_path: Path) -> AsyncIterator[Runner]:
    async with running(tmp_path / "data", package="functions") as runner:
        await runner.until_printed("Ctrl-C stops the shop")
        yield runner
        # pytest prints it when a test fails.
        print(runner.output)
        assert await runner.stop() == 0


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


async def test_the_tour_uses_the_running_shop(open_shop: Runner, tmp_path: Path) -> None:
    """Every step of the tour succeeds against a running shop."""
    code, output = await tour("--data", str(tmp_path / "data"))

    assert code == 0, output
    assert "The tour uses the shop that is running." in output
    for number in range(1, 24):
        assert f"\n{number:2} · " in output
    assert "Part two: a visitor buys a book in the storefront" in output
    assert "one order and one charge" in output
    assert open_shop.ports.url("storefront") in output
    assert "Every response was as described." in output
    assert open_shop.ports.url("purchase") in output


async def test_the_tour_starts_a_shop_of_its_own() -> None:
    """Without a running shop it starts one and stops it again."""
    code, output = await tour("--own")

    assert code == 0, output
    assert "The tour starts a shop of its own." in output
    assert "Every response was as described." in output


async def test_a_kill_before_every_step_does_not_break_it(
    open_shop: Runner, tmp_path: Path
) -> None:
    """Twice through, each time another process, with SIGKILL; the runner restarts it."""
    folder = DataFolder(tmp_path / "data")
    shop = await find_shop(folder)
    assert shop is not None
    killed: list[tuple[int, str]] = []  # before which step, and whom

    async def kill_one(step: int) -> None:
        program = PROGRAMS[(step + 2 * (len(killed) >= 13)) % len(PROGRAMS)]
        times = [name for _, name in killed].count(program)
        await open_shop.until_printed(f"{program} is ready again", times=times)
        os.kill(int((folder.logs / f"{program}.pid").read_text()), signal.SIGKILL)
        killed.append((step, program))
        await open_shop.until_printed(f"{program} was killed by SIGKILL", times=times + 1)

    async with Client(shop.urls) as client, temporary_staff(client, shop.admin) as staff:
        for _ in range(2):
            out = io.StringIO()
            console = Console(out)
            tour_ = PurchaseTour(console, TourRequests(console, client), staff)
            await tour_.run(before_step=kill_one)
            assert "purchase knows from the event" in out.getvalue()

    assert len(set(killed)) == 2 * 13


async def test_an_unexpected_response_ends_the_tour(tmp_path: Path) -> None:
    """The stub of auth responds to a registration without the message that the tour describes."""
    async with running(tmp_path / "data") as runner:
        await runner.until_printed("Ctrl-C stops the shop")
        code, output = await tour("--data", str(tmp_path / "data"))
        await runner.stop()

    assert code == 1
    assert "The tour failed: The response has no 'message'" in output
    assert "Traceback" not in output
