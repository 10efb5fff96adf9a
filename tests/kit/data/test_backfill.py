"""A column that is written anew by code: all rows, in batches, and again after a kill."""

from typing import Any

import pytest
from piccolo.querystring import QueryString

from functions.kit.data import backfill
from functions.kit.data.backfill import Backfill
from functions.kit.data.database import Database, Row
from functions.kit.data.migrations import Migration, migrate
from functions.kit.data.schema import AUTO_ID, BIGINT, Column, CreateTable, varchar

TABLE = CreateTable(
    "lines",
    [Column("id", AUTO_ID), Column("text", varchar(200)), Column("size", BIGINT, default="0")],
)
FIRST = Migration(1, "lines", [TABLE])


def size(row: Row) -> int:
    return len(row["text"])


SECOND = Migration(2, "sizes", [Backfill("lines", "size", reads=("text",), value=size)])
TEXTS = ["", "it's", '"%{}', "é", "x" * 30]


@pytest.fixture
async def lines(empty_database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Five lines, of which batches take two; the second has its size already."""
    monkeypatch.setattr(backfill, "BATCH", 2)
    await migrate(empty_database, [FIRST])
    for text in TEXTS:
        await empty_database.execute(QueryString("INSERT INTO lines (text) VALUES ({})", text))
    await empty_database.execute(QueryString("UPDATE lines SET size = 4 WHERE id = 2"))
    return empty_database


async def sizes(database: Database) -> list[int]:
    outcome = await database.execute(QueryString("SELECT size FROM lines ORDER BY id"))
    return [row["size"] for row in outcome.rows]


async def test_every_row_is_written(lines: Database) -> None:
    """Once: a second run has nothing to do."""
    assert await migrate(lines, [FIRST, SECOND]) == [SECOND]
    assert await sizes(lines) == list(map(len, TEXTS))
    assert await migrate(lines, [FIRST, SECOND]) == []


@pytest.mark.parametrize("rows", [0, 2, 4])
async def test_a_whole_number_of_batches_comes_to_an_end(lines: Database, rows: int) -> None:
    """0, 2 or 4 rows in batches of 2 are all written, without a smaller batch to mark the end."""
    await lines.execute(QueryString("DELETE FROM lines WHERE id > {}", rows))
    await migrate(lines, [FIRST, SECOND])

    assert await sizes(lines) == list(map(len, TEXTS[:rows]))


async def test_what_an_interrupted_run_left_is_finished(
    lines: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batch by batch on MySQL; on SQLite it leaves nothing."""

    def stumble(row: Row) -> Any:
        return size(row) if row["text"] != "é" else 1 / 0

    stumbling = Migration(2, "sizes", [Backfill("lines", "size", reads=("text",), value=stumble)])
    with pytest.raises(ZeroDivisionError):
        await migrate(lines, [FIRST, stumbling])
    assert await sizes(lines) == [0, 4, 0, 0, 0]

    await migrate(lines, [FIRST, SECOND])
    assert await sizes(lines) == list(map(len, TEXTS))


def test_nothing_is_printed() -> None:
    """So its code may be moved about."""
    assert (SECOND.statements("sqlite"), SECOND.statements("mysql")) == ([], [])
