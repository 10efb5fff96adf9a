"""After a restore no id is given again: the counter of every table is raised."""

import asyncio
from pathlib import Path

import pytest
from piccolo.querystring import QueryString

from functions.kit.base.money import MAX_ID
from functions.kit.base.urls import parse_sqlite
from functions.kit.data.after_restore import STEP, Raised, Refused, main, raise_counters
from functions.kit.data.database import Database
from functions.kit.data.engines import connect
from functions.kit.data.migrations import load, migrate
from functions.kit.events.feed import Feed, OwnedStream
from functions.kit.events.outbox import Outbox
from tests.kit import migrations, sample

COUNTED = [
    *("audit_runs", "backups", "dead_letter_actions", "dead_letters", "notes", "outbox"),
    "process_starts",
]


async def write(database: Database, text: str) -> int:
    """A note, through the database's own counter; answers its id."""
    insert = QueryString("INSERT INTO notes (text, revision) VALUES ({}, 1)", text)
    note_id: int = (await database.execute(insert)).lastrowid
    return note_id


async def test_every_counter_is_raised(database: Database) -> None:
    """Also of a table that was empty at the time of the backup: it has given ids since."""
    before = [await write(database, text) for text in "abc"]
    raised = await raise_counters(database)
    after = [await write(database, text) for text in "de"]

    assert raised == [
        Raised(table, 4 if table == "notes" else 1, (4 if table == "notes" else 1) + STEP)
        for table in COUNTED
    ]
    assert before + after == [1, 2, 3, 4 + STEP, 5 + STEP]


async def test_the_counter_counts_and_not_the_rows(database: Database) -> None:
    """Ids were given to rows that are deleted, too."""
    for text in "abc":
        await write(database, text)
    await database.execute(QueryString("DELETE FROM notes WHERE id > 1"))
    await raise_counters(database, by=10)

    assert await write(database, "d") == 14


async def test_each_run_raises_once_more(database: Database) -> None:
    """Two runs by 10 raise each counter from 1 to 11, and from 11 to 21."""
    first = await raise_counters(database, by=10)
    second = await raise_counters(database, by=10)

    assert [(each.before, each.after) for each in first + second] == (
        [(1, 11)] * len(COUNTED) + [(11, 21)] * len(COUNTED)
    )


async def test_rows_and_events_are_left_as_they_are(database: Database, outbox: Outbox) -> None:
    """And those that come later are numbered in the stream without a gap."""
    await sample.write_note(database, "a", outbox=outbox)
    await raise_counters(database)
    note = await sample.write_note(database, "b", outbox=outbox)
    rows = (await database.execute(QueryString("SELECT id, text FROM notes ORDER BY id"))).rows
    feed = Feed({"notes": OwnedStream("notes", sample.NOTES, sample.note_states)})
    page = await feed.page(database, "notes", after=0, limit=10)

    assert note == 2 + STEP
    assert rows == [{"id": 1, "text": "a"}, {"id": 2 + STEP, "text": "b"}]
    assert (page.head, page.last) == (2, 2)


async def test_ids_that_no_column_holds_are_refused(database: Database) -> None:
    """None of the counters is raised, whichever of them it is."""
    await database.execute(
        QueryString("INSERT INTO notes (id, text, revision) VALUES ({}, 'a', 1)", MAX_ID - 10)
    )
    with pytest.raises(Refused, match="the next id of notes is"):
        await raise_counters(database, by=10)
    raised = await raise_counters(database, by=9)

    assert raised == [
        Raised("notes", MAX_ID - 9, MAX_ID) if table == "notes" else Raised(table, 1, 10)
        for table in COUNTED
    ]


async def test_a_small_column_is_refused_before_it_is_full(empty_database: Database) -> None:
    """MySQL would take the counter, and then no row."""
    if empty_database.backend != "mysql":
        pytest.skip("SQLite's counters all have 64 bits")
    await empty_database.run_ddl("CREATE TABLE small (id INT AUTO_INCREMENT PRIMARY KEY)")

    with pytest.raises(Refused, match="the next id of small is 1"):
        await raise_counters(empty_database, by=2**31 - 1)
    assert await raise_counters(empty_database, by=2**31 - 2) == [Raised("small", 1, 2**31 - 1)]


def migrated(url: str) -> str:
    async def run() -> None:
        database = connect(url)
        await migrate(database, load(migrations))
        await database.close()

    asyncio.run(run())
    return url


def test_the_command_prints_each_counter(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line a table, from the id that was next to the one that is."""
    url = migrated(database_url)
    codes = [main("sample", migrations, lambda: url, given) for given in ([], ["--by", "5"])]

    assert codes == [0, 0]
    assert capsys.readouterr().out.splitlines() == [
        f"sample: {table}: {before} -> {after}"
        for before, after in ((1, 1_000_001), (1_000_001, 1_000_006))
        for table in COUNTED
    ]


def test_a_database_without_its_schema_is_refused(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what to run before, and exits with 1."""
    if database_url.startswith("sqlite"):
        Path(parse_sqlite(database_url).path).touch()
    code = main("sample", migrations, lambda: database_url, [])
    said = capsys.readouterr()

    assert (code, said.out) == (1, "")
    assert (
        f"{len(load(migrations))} migrations are missing. Run python -m functions.sample.migrate"
        in said.err
    )


def test_too_far_is_refused(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With 1, and nothing is raised."""
    url = migrated(database_url)
    refused = main("sample", migrations, lambda: url, ["--by", str(MAX_ID)])
    main("sample", migrations, lambda: url, ["--by", "1"])
    said = capsys.readouterr()

    assert refused == 1
    assert "no counter was raised: the next id of audit_runs is 1" in said.err
    assert "sample: notes: 1 -> 2" in said.out


@pytest.mark.parametrize("url", ["mysql://nobody@127.0.0.1:9/shop", "sqlite:////proc/none/a.db"])
def test_an_unreachable_database_is_reported(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With 2, and without a traceback."""
    code = main("sample", migrations, lambda: url, [])
    said = capsys.readouterr().err

    assert code == 2
    assert said.startswith("sample: the database cannot be used: ")
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("by", ["0", "-1", "many", str(MAX_ID + 1)])
def test_an_invalid_step_is_refused(by: str) -> None:
    """As argparse does it: with 2."""
    with pytest.raises(SystemExit) as refused:
        main("sample", migrations, lambda: "sqlite:////proc/none/a.db", ["--by", by])

    assert refused.value.code == 2
