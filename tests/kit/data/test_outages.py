"""While the database is away the log has one line, not a traceback for each task and try."""

import logging
from pathlib import Path

import pytest

from functions.kit.data.database import Database
from functions.kit.data.engines import connect
from functions.kit.data.outages import Outages


@pytest.fixture
def away(tmp_path: Path) -> Database:
    (tmp_path / "file").write_text("not a folder")
    return connect(f"sqlite:///{tmp_path}/file/away.db")


async def failure(database: Database) -> Exception:
    with pytest.raises(Exception, match="unable to open") as caught:
        await database.ping()
    return caught.value


async def test_an_unreachable_database_is_logged_once(
    away: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """Whichever tasks find it, however often; and once more when it is back."""
    caplog.set_level(logging.INFO)
    outages = Outages(away)
    error = await failure(away)
    for _ in range(5):
        for task in ("sending events", "catching up", "background task 1"):
            outages.report(task, error)
    lines = [(record.levelname, record.exc_info) for record in caplog.records]

    assert lines == [("WARNING", None)]
    for task in ("catching up", "sending events", "background task 1", "sending events"):
        outages.recovered(task)
    assert [record.getMessage() for record in caplog.records[1:]] == [
        "the database can be used again"
    ]


def test_a_bug_has_its_traceback_once(away: Database, caplog: pytest.LogCaptureFixture) -> None:
    """Another cause, or the same after a success, is logged again."""
    outages = Outages(away)
    for error in (KeyError("a"), KeyError("a"), KeyError("b"), KeyError("b")):
        outages.report("catching up", error)
    outages.recovered("catching up")
    outages.report("catching up", KeyError("b"))

    assert [bool(record.exc_info) for record in caplog.records] == [True] * 3
