"""MySQL commits each schema change by itself: what a kill leaves, the next run finishes."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from functions.kit.data import migrations
from functions.kit.data.engines import connect
from functions.kit.data.migrations import load, pending
from tests.kit import migrations as sample_migrations
from tests.servers.mysql import Server
from tests.servers.programs import free_port

ROOT = Path(__file__).parents[3]

STATEMENTS = 1 + sum(len(migration.statements("mysql")) for migration in load(sample_migrations))
"""All that one run prints: the table of versions, and the sample's schema."""

KILLED_AT = """
import asyncio, os, sys
from functions.kit.data import migrations
from functions.kit.data.engines import connect
from tests.kit import migrations as sample_migrations

database = connect(sys.argv[1])
after, left = sys.argv[2] == "after", int(sys.argv[3])
run_ddl = type(database).run_ddl

async def killed(self, ddl, in_pool=True):
    global left
    left -= 1
    if left == 0 and not after:
        os.kill(os.getpid(), 9)
    result = await run_ddl(self, ddl, in_pool)
    if left == 0:
        os.kill(os.getpid(), 9)
    return result

type(database).run_ddl = killed
asyncio.run(migrations.migrate(database, migrations.load(sample_migrations)))
"""


@pytest.fixture
def make_url(mysql_server: Server) -> Callable[[str], str]:
    return mysql_server.create_database


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_at_any_statement_is_followed_by_a_run_that_finishes(
    make_url: Callable[[str], str], when: str
) -> None:
    """Killed just before and just after each one; what was done is found, and not done again."""
    for number in range(1, STATEMENTS + 1):
        url = make_url("bookstore_killed")
        command = [sys.executable, "-c", KILLED_AT, url, when, str(number)]
        killed = subprocess.run(command, cwd=ROOT, check=False)  # noqa: S603

        assert killed.returncode == -9, number
        assert migrations.main("sample", sample_migrations, partial(str, url)) == 0, number
        assert asyncio.run(left_to_do(url)) == [], number


async def left_to_do(url: str) -> list[migrations.Migration]:
    database = connect(url)
    try:
        return await pending(database, load(sample_migrations))
    finally:
        await database.close()


def test_the_exit_code_says_whether_a_later_run_may_succeed(
    make_url: Callable[[str], str],
) -> None:
    """A Job tries again after 2, and stops at 1."""
    url = make_url("bookstore_exit")
    away = re.sub(r":\d+/", f":{free_port()}/", url)
    stranger = re.sub(r"//[^@]+@", "//stranger:secret@", url)
    nowhere = url.replace("bookstore_exit", "bookstore_nowhere")

    def code_of(url: str) -> int:
        return migrations.main("sample", sample_migrations, lambda: url)

    assert [code_of(each) for each in (away, stranger, nowhere, url)] == [2, 1, 1, 0]


async def test_a_run_that_waits_for_another_in_vain_may_be_tried_again(
    make_url: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another connection holds the migration lock, a run ends with 2 after `LOCK_TIMEOUT`."""
    url = make_url("bookstore_busy")
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT", 0.1)
    database = connect(url)
    try:
        async with database.advisory_lock(migrations.LOCK_NAME, 10):
            code = await asyncio.to_thread(
                migrations.main, "sample", sample_migrations, lambda: url
            )
    finally:
        await database.close()

    assert code == 2
