"""A move that is killed anywhere is completed by the next run, as if it had never been killed."""

import asyncio
import os
import random
import sys
from pathlib import Path

import pytest

from tests.adoption import original
from tests.adoption.running import SERVICES, adopt, opened, options_for, rows
from tests.adoption.test_moving import breaches

ROOT = Path(__file__).parents[2]
PURCHASES = 2_000

CONTENT = {
    "auth": ("SELECT id, email_key, password_hash FROM users", "SELECT user_id FROM user_roles"),
    "catalog": (
        "SELECT id, title, price_minor, initial_stock FROM books",
        "SELECT subject, revision, data FROM outbox",
    ),
    "purchase": (
        "SELECT book_id, on_hand, available, reserved, fulfilled, revision FROM inventory",
        "SELECT book_id, delta, reason FROM adjustments",
        "SELECT subject, revision FROM outbox",
        "SELECT id, user_id, status, total_minor FROM purchases",
        "SELECT purchase_id, book_id, quantity, unit_price_minor FROM purchase_items",
        "SELECT purchase_id, status FROM purchase_timeline",
        "SELECT id, purchase_id, amount_minor, method FROM payments",
        "SELECT amount_minor, COUNT(*) AS charges FROM simulated_ledger GROUP BY amount_minor",
    ),
}
"""What was moved, but for random ids and times."""


async def content(urls: dict[str, str]) -> dict[str, list[list[str]]]:
    async with opened(urls) as there:
        return {
            service: [
                sorted(map(repr, await rows(there[service], sql))) for sql in CONTENT[service]
            ]
            for service in SERVICES
        }


async def killed_after(output_lines: int, arguments: list[str]) -> bool:
    """Run a move and kill it when it has committed so many batches; False where it ended before."""
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "tests.adoption.run_and_tell", *arguments],
        cwd=ROOT,
        env=dict(os.environ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    seen = 0
    while seen < output_lines:
        line = await process.stdout.readline()
        if not line:
            await process.wait()
            return False
        seen += line.startswith(b"written")
    process.kill()
    await process.wait()
    return True


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_killed_move_is_completed(urls: dict[str, str], tmp_path: Path, seed: int) -> None:
    """Killed in one batch after another, by kill -9."""
    source = original.save(tmp_path / "dumps", original.written(original.many(PURCHASES)))
    undisturbed = {name: f"sqlite:///{tmp_path}/whole-{name}.db" for name in SERVICES}
    await adopt(tmp_path, *source, *options_for(urls))
    await adopt(tmp_path, *source, *options_for(undisturbed), "--apply")
    arguments = [
        *("--decisions", str(tmp_path / "adoption.toml"), *source),
        *(*options_for(urls), "--apply"),
    ]
    chance = random.Random(seed)
    kills = 0
    while await killed_after(chance.randint(2, 5), arguments):
        kills += 1
    last = await adopt(tmp_path, *source, *options_for(urls), "--apply")

    assert kills > 1
    assert "nothing to do" in last.output
    assert await content(urls) == await content(undisturbed)
    assert await breaches(urls) == []
