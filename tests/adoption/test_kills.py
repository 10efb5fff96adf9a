"""A move that is killed anywhere is completed by the next run, as if it had never been killed."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, event, example, given, settings
from hypothesis import strategies as st

from tests.adoption import original
from tests.adoption.running import SERVICES, adopt, checksum, opened, options_for, rows
from tests.adoption.test_moving import breaches
from tests.servers.mysql import Server, private_server

ROOT = Path(__file__).parents[2]
PURCHASES = 1_200

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
        "SELECT id, name, retired FROM providers",
        "SELECT purchase_id, provider_id, status FROM assignments",
        "SELECT status, COUNT(*) AS entries FROM assignment_timeline GROUP BY status",
        "SELECT source, head, floor FROM outbox_streams",
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


async def start(arguments: list[str], at: int, when: str) -> asyncio.subprocess.Process:
    """Start a move that is killed, or waits, at a statement (`killed.py`)."""
    return await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "tests.adoption.killed", *arguments],
        cwd=ROOT,
        env={**os.environ, "BOOKSTORE_KILL_AT": str(at), "BOOKSTORE_KILL_WHEN": when},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def run_and_kill(arguments: list[str], at: int, *, sent: bool) -> str | None:
    """Run a move that is killed at a statement; its output, or None where it was killed."""
    process = await start(arguments, at, "sent" if sent else "ready")
    output, _ = await process.communicate()
    if process.returncode == -signal.SIGKILL:
        return None

    assert process.returncode == 0
    return output.decode()


@dataclass
class Undisturbed:
    """A move that was not killed."""

    source: list[str]
    decisions: list[str]
    content: dict[str, list[list[str]]]
    statements: int
    """For the databases, of SQLite or of MySQL, from the first look at them."""


@pytest.fixture
async def undisturbed(make_database_url: Callable[[], str], tmp_path: Path) -> Undisturbed:
    source = original.save(tmp_path / "dumps", original.written(original.many(PURCHASES)))
    urls = {name: make_database_url() for name in SERVICES}
    await adopt(tmp_path, *source, *options_for(urls))
    decisions = ["--decisions", str(tmp_path / "adoption.toml")]
    output = await run_and_kill([*decisions, *source, *options_for(urls), "--apply"], 0, sent=False)

    assert output is not None
    statements = int(output.rpartition("statements: ")[2])
    return Undisturbed(source, decisions, await content(urls), statements)


KILLS = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.booleans()), min_size=1, max_size=3
)
"""For each run that is killed: how far it comes, as a part of all statements of an undisturbed
move, and whether the statement is sent."""


@settings(
    deadline=None,
    max_examples=6,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a smaller case takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(kills=KILLS)
@example(kills=[(0.0, True), (0.5, True), (0.999, False)])
async def test_a_move_that_is_killed_anywhere_is_completed(
    make_database_url: Callable[[], str],
    tmp_path: Path,
    undisturbed: Undisturbed,
    kills: list[tuple[float, bool]],
) -> None:
    """By kill -9 in its migrations, between and in its batches, one time after another."""
    urls = {name: make_database_url() for name in SERVICES}
    where = options_for(urls)
    arguments = [*undisturbed.decisions, *undisturbed.source, *where, "--apply"]
    for part, sent in kills:
        at = 1 + int(part * undisturbed.statements)
        event(f"killed in the {('first', 'second', 'third', 'last')[int(part * 4)]} quarter")
        if await run_and_kill(arguments, at, sent=sent) is not None:
            break  # it had less to do than that
    await adopt(tmp_path, *undisturbed.source, *where, "--apply")
    moved = await checksum(urls)
    again = await adopt(tmp_path, *undisturbed.source, *where, "--apply")

    assert await content(urls) == undisturbed.content
    assert await breaches(urls) == []
    assert "nothing to do" in again.output
    assert await checksum(urls) == moved


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A MariaDB that a test may kill."""
    with private_server(must_be_private=True) as server:
        yield server


async def test_a_move_whose_server_dies_is_refused_and_completed(
    own_server: Server, tmp_path: Path
) -> None:
    """At several of its statements, in one move: each run says so, and none is lost."""
    source = original.save(tmp_path / "dumps", original.written(original.many(PURCHASES)))
    undisturbed = {name: f"sqlite:///{tmp_path}/whole-{name}.db" for name in SERVICES}
    urls = {name: own_server.create_database(f"dies_{name}") for name in SERVICES}
    await adopt(tmp_path, *source, *options_for(urls))
    await adopt(tmp_path, *source, *options_for(undisturbed), "--apply")
    decisions = ["--decisions", str(tmp_path / "adoption.toml"), "--language", "en"]
    arguments = [*decisions, *source, *options_for(urls), "--apply"]
    refusals = []
    for at in (40, 200, 60, 40):
        process = await start(arguments, at, "never")
        assert process.stdout is not None
        while (line := await process.stdout.readline()) not in (b"waiting\n", b""):
            pass
        if line:
            own_server.kill()
        _, errors = await process.communicate(b"\n")
        if line:
            refusals.append((process.returncode, errors.decode().splitlines()[-1]))
            own_server.start()
    done = await adopt(tmp_path, *source, *options_for(urls), "--apply")
    again = await adopt(tmp_path, *source, *options_for(urls), "--apply")

    assert len(refusals) > 1
    assert [each for each in refusals if each[0] != 2 or "cannot be used" not in each[1]] == []
    assert "moved" in done.output
    assert "nothing to do" in again.output
    assert await content(urls) == await content(undisturbed)
    assert await breaches(urls) == []
