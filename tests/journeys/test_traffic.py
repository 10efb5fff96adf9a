"""`nox -s traffic` against the real shop, while it is broken in each way that the traffic knows."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from functions.local.data_folder import DataFolder
from tests.local.runners import Runner, running

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def open_shop(data: Path) -> AsyncIterator[Runner]:
    async with running(data, package="functions") as runner:
        await runner.until_printed("Ctrl-C stops the shop")
        yield runner
        # pytest prints it when a test fails.
        print(runner.output)
        assert await runner.stop() == 0


async def run(module: str, *options: str, **environment: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *options),
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_the_shop_holds_under_traffic_and_every_fault(tmp_path: Path) -> None:
    """One after the other; afterwards the audit of the tables and of the ledger finds nothing."""
    folder = DataFolder(tmp_path / "data")
    options = ("--data", str(folder.path), "--rate", "4", "--minutes", "0.2")
    async with open_shop(folder.path) as runner:
        for fault, sign in (
            ("slow-provider", None),
            ("broker-gone", "A fault begins: broker is gone"),
            ("kill=purchase", "purchase was killed by SIGKILL"),
        ):
            code, output = await run("functions.local.traffic", *options, "--fault", fault)

            assert code == 0, output
            assert "The traffic uses the shop that is running." in output
            assert "Everything that was bought is in the shop" in output
            assert " placed, " in output
            if sign is not None:
                await runner.until_printed(sign)
                await runner.until_printed("The fault is over")
        code, findings = await run(
            "functions.purchase.audit", DATABASE_URL=f"sqlite:///{folder.database('purchase')}"
        )

    assert code == 0, findings


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--auth-url", "http://127.0.0.1:1"), "Give the addresses of all"),
        (
            [
                option
                for name in ("auth", "catalog", "purchase", "storefront")
                for option in (f"--{name}-url", "https://shop.example")
            ],
            "auth is at https://shop.example, which is not this machine",
        ),
        (
            [
                *("--fault", "broker-gone"),
                *[
                    option
                    for name in ("auth", "catalog", "purchase", "storefront")
                    for option in (f"--{name}-url", "http://127.0.0.1:1")
                ],
            ],
            "--fault broker-gone stops programs",
        ),
        (("--rate", "1000"), "--rate"),
    ],
    ids=["one address", "another host", "a fault of a shop without runner", "too many visits"],
)
async def test_what_the_traffic_refuses(options: list[str], message: str) -> None:
    """Before it sends a request; the message says what to do."""
    code, output = await run(
        "functions.local.traffic",
        *options,
        FIRST_ADMIN_EMAIL="admin@shop.example",
        FIRST_ADMIN_PASSWORD="x" * 20,
    )

    assert code != 0
    assert message in output
    assert "Traceback" not in output
