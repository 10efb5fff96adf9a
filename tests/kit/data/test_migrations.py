"""Numbered schema changes: under a lock, once each, and never edited afterwards."""

import asyncio
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from piccolo.querystring import QueryString

from functions.kit.data import migrations
from functions.kit.data.database import Database
from functions.kit.data.engines import connect
from functions.kit.data.migrations import Migration, MigrationError, load, migrate, pending
from functions.kit.data.schema import (
    AUTO_ID,
    BIGINT,
    AddColumn,
    AddIndex,
    Backend,
    Column,
    CreateTable,
    Execute,
    Index,
)
from tests.kit import migrations as sample_migrations
from tests.servers.mysql import Server

ROOT = Path(__file__).parents[3]

FIRST = Migration(
    1, "initial", [CreateTable("books", [Column("id", AUTO_ID), Column("pages", BIGINT)])]
)
SECOND = Migration(
    2,
    "authors",
    [
        CreateTable("authors", [Column("id", AUTO_ID)]),
        AddColumn("books", Column("author_id", BIGINT, null=True)),
        AddIndex("books", Index("ix_books_author", ("author_id",))),
    ],
)

RUN = """
import sys
from functions.kit.data.migrations import main
from tests.kit import migrations as sample_migrations
raise SystemExit(main("sample", sample_migrations, lambda: sys.argv[1]))
"""

KILLED_BEFORE_THE_END = """
import asyncio, os, sys
from functions.kit.data import migrations
from functions.kit.data.engines import connect
from tests.kit import migrations as sample_migrations

class Kill:
    def statements(self, backend):
        return ["SELECT 1"]
    async def probe(self, database):
        return False

class Database(type(connect(sys.argv[1]))):
    async def run_ddl(self, ddl, in_pool=False):
        if ddl == "SELECT 1":
            os.kill(os.getpid(), 9)
        return await super().run_ddl(ddl, in_pool)

loaded = migrations.load(sample_migrations)
loaded[0] = loaded[0]._replace(operations=[*loaded[0].operations, Kill()])
asyncio.run(migrations.migrate(Database.from_url(sys.argv[1]), loaded))
"""


async def applied(database: Database) -> list[tuple[int, str]]:
    outcome = await database.execute(
        QueryString("SELECT version, name FROM schema_version ORDER BY version")
    )
    return [(row["version"], row["name"]) for row in outcome.rows]


async def test_each_migration_is_run_once(empty_database: Database) -> None:
    """What was run is answered, so a second time that is nothing."""
    first = await migrate(empty_database, [FIRST])
    second = await migrate(empty_database, [FIRST, SECOND])
    third = await migrate(empty_database, [FIRST, SECOND])

    assert [first, second, third] == [[FIRST], [SECOND], []]
    assert await applied(empty_database) == [(1, "initial"), (2, "authors")]


async def test_pending_migrations_are_listed_without_running_them(empty_database: Database) -> None:
    """Also of a database that has nothing yet."""
    before = await pending(empty_database, [FIRST, SECOND])
    await migrate(empty_database, [FIRST])

    assert (before, await pending(empty_database, [FIRST, SECOND])) == ([FIRST, SECOND], [SECOND])


async def test_an_edited_migration_is_refused(empty_database: Database) -> None:
    """By its checksum, before anything is run."""
    await migrate(empty_database, [FIRST])
    edited = FIRST._replace(operations=[CreateTable("books", [Column("id", AUTO_ID)])])

    with pytest.raises(MigrationError, match="0001 initial was edited after it was applied"):
        await migrate(empty_database, [edited, SECOND])

    assert await applied(empty_database) == [(1, "initial")]


async def test_a_database_that_is_ahead_is_left_alone(empty_database: Database) -> None:
    """The revision before the newest goes on running on it."""
    await migrate(empty_database, [FIRST, SECOND])

    assert await migrate(empty_database, [FIRST]) == []
    assert len(await applied(empty_database)) == 2


async def test_on_sqlite_a_migration_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Neither its own changes nor those of the run before it."""
    database = connect(f"sqlite:///{tmp_path}/failed.db")
    broken = SECOND._replace(operations=[*SECOND.operations, SECOND.operations[0]])

    with pytest.raises(Exception, match="authors"):
        await migrate(database, [FIRST, broken])
    left = await pending(database, [FIRST, SECOND])
    await database.close()

    assert left == [FIRST, SECOND]


async def test_a_module_that_sqlite_lacks_is_named(tmp_path: Path) -> None:
    """The error says what to do with such a build of Python."""
    database = connect(f"sqlite:///{tmp_path}/lacking.db")
    lacking = Execute("", sqlite=["CREATE VIRTUAL TABLE a USING fts99(b)"])

    with pytest.raises(MigrationError, match="SQLite was built without fts99"):
        await migrate(database, [FIRST._replace(operations=[lacking])])
    await database.close()


class Overtaken:
    """An operation whose statement another runner has already started on the server."""

    def __init__(self, *, done: bool) -> None:
        self.answers = [False, done]

    def statements(self, backend: Backend) -> list[str]:
        del backend
        return ["CREATE TABLE schema_version (a INTEGER)"]

    async def probe(self, database: Database) -> bool:
        del database
        return self.answers.pop(0)


@pytest.mark.parametrize("done", [True, False])
async def test_an_operation_that_a_killed_runner_has_applied_is_not_an_error(
    mysql_server: Server, done: bool
) -> None:
    """The statement waits for the other's, and fails because that is done."""
    database = connect(mysql_server.create_database("bookstore_overtaken"))
    overtaken = FIRST._replace(operations=[Overtaken(done=done)])

    if done:
        assert await migrate(database, [overtaken]) == [overtaken]
    else:
        with pytest.raises(Exception, match="1050"):
            await migrate(database, [overtaken])
    await database.close()


def test_a_checksum_is_of_what_is_printed_for_both_databases() -> None:
    """So the name may be corrected, and the code moved about."""
    assert FIRST.checksum() == FIRST._replace(name="renamed").checksum()
    assert FIRST.checksum() != SECOND.checksum()


def test_migrations_are_numbered_without_a_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two branches that took the same number are found at start, not in production."""
    package = tmp_path / "gapped"
    package.mkdir()
    for name in ("__init__", "0001_initial", "0003_later"):
        (package / f"{name}.py").write_text("operations = []\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = ModuleType("gapped")
    module.__path__ = [str(package)]

    with pytest.raises(MigrationError, match=r"\[1, 3\]"):
        load(module)


async def test_six_processes_at_once_migrate_once(database_url: str) -> None:
    """One does it, five find it done, and none fails."""
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", RUN, database_url, cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        for _ in range(6)
    ]
    said = [(await process.communicate())[0].decode().strip() for process in processes]

    assert [process.returncode for process in processes] == [0] * 6
    done = f"sample: {len(load(sample_migrations))} migrations were run"
    assert sorted(said) == [done, *["sample: up to date"] * 5]


def test_on_sqlite_a_kill_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    """All of it is one transaction, so the next run does it from the beginning."""
    url = f"sqlite:///{tmp_path}/killed.db"
    command = [sys.executable, "-c", KILLED_BEFORE_THE_END, url]
    killed = subprocess.run(command, cwd=ROOT, check=False)  # noqa: S603

    assert killed.returncode == -9
    assert migrations.main("sample", sample_migrations, lambda: url) == 0


def test_an_unusable_database_is_reported_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not traced; the exit code tells the Job that it failed."""
    (tmp_path / "file").write_text("not a folder")
    code = migrations.main("sample", sample_migrations, lambda: f"sqlite:///{tmp_path}/file/a.db")
    lines = capsys.readouterr().err.splitlines()

    assert (code, len(lines)) == (1, 1)
    assert lines[0].startswith("sample: The database cannot be used")
