"""An event is a row in the transaction of its change."""

import pytest
from piccolo.querystring import QueryString

from functions.kit.base.telemetry import current_traceparent
from functions.kit.data.database import Database, transactional
from functions.kit.events import outbox as module
from functions.kit.events.outbox import Outbox
from tests.kit import sample
from tests.support.clock import FakeClock


async def rows(database: Database) -> list[dict[str, object]]:
    outcome = await database.execute(QueryString("SELECT * FROM outbox ORDER BY id"))
    found: list[dict[str, object]] = outcome.rows
    return found


async def test_a_change_and_its_event_are_there_together(
    database: Database, outbox: Outbox, clock: FakeClock
) -> None:
    """The row has the whole event except its sequence, which is assigned after the commit."""
    token = current_traceparent.set("00-trace-span-01")
    note_id = await sample.write_note(database, "a", outbox=outbox)
    current_traceparent.reset(token)
    (row,) = await rows(database)
    event = module.to_event(row)

    assert (event.source, event.type, event.subject) == (
        sample.NOTES,
        sample.NOTE_WRITTEN,
        f"note/{note_id}",
    )
    assert (event.time, event.revision, event.sequence) == (clock(), 1, None)
    assert event.data == b'{"note_id":1,"text":"a"}'
    assert event.traceparent == "00-trace-span-01"
    assert event.dataschema == f"urn:bookstore:contract:{sample.NOTE_WRITTEN}"


async def test_a_change_that_fails_has_no_event(database: Database, outbox: Outbox) -> None:
    """Its event is rolled back with it, and the relay is not woken."""
    woken: list[str] = []
    outbox.wake = lambda: woken.append("woken")

    @transactional
    async def fail(database: Database) -> None:
        await sample.write_note(database, "a", outbox=outbox)
        raise LookupError

    with pytest.raises(LookupError):
        await fail(database)

    assert (await rows(database), woken) == ([], [])


async def test_the_relay_is_woken_once_after_the_commit(database: Database, outbox: Outbox) -> None:
    """For any number of events."""
    woken: list[bool] = []
    outbox.wake = lambda: woken.append(database.transaction_exists())

    @transactional
    async def two(database: Database) -> None:
        await sample.write_note(database, "a", outbox=outbox)
        await sample.write_note(database, "b", outbox=outbox)

    await two(database)

    assert woken == [False]


async def test_an_event_outside_a_transaction_is_refused(
    database: Database, outbox: Outbox
) -> None:
    """It would be sent even if its change failed."""
    with pytest.raises(ValueError, match="transaction"):
        await outbox.add(database, sample.note_written(1, "a"))


async def test_events_are_written_in_order_with_ids_that_sort(
    database: Database, outbox: Outbox
) -> None:
    """UUIDv7: unique, and in the order of creation."""

    @transactional
    async def many(database: Database) -> None:
        await outbox.add(database, *(sample.note_written(number, "a") for number in range(20)))

    await many(database)
    written = await rows(database)
    ids = [str(row["event_id"]) for row in written]

    assert [row["subject"] for row in written] == [f"note/{number}" for number in range(20)]
    assert ids == sorted(set(ids))
