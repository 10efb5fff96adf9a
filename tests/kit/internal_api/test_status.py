"""What operators read of a service."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from piccolo.querystring import QueryString

from functions.kit.base.process import VERSION, Process
from functions.kit.data import audit_runs
from functions.kit.data.audit_runs import Breach
from functions.kit.data.database import Database
from functions.kit.events import stream_reads
from functions.kit.events.outbox import Outbox
from functions.kit.events.stream_reads import ReadResult
from tests.kit import sample
from tests.kit.sample import THINGS, push, thing_changed
from tests.support.apps import serving
from tests.support.clock import FakeClock
from tests.support.tokens import Issuer

Status = Callable[[], Awaitable[dict[str, Any]]]


@pytest.fixture
def status(client: httpx.AsyncClient, issuer: Issuer) -> Status:
    async def read() -> dict[str, Any]:
        answer = await client.get("/internal/status", headers=issuer.bearer(1, "admin"))

        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    return read


@pytest.mark.parametrize("roles", [None, ("customer",), ("staff",)])
async def test_the_status_is_for_admins(
    client: httpx.AsyncClient, issuer: Issuer, roles: tuple[str, ...] | None
) -> None:
    """Others get 401 without a token, and 403 with one."""
    headers = issuer.bearer(1, *roles) if roles else {}
    answer = await client.get("/internal/status", headers=headers)

    assert answer.status_code == (403 if roles else 401)


async def test_a_new_service_has_nothing_that_waits(status: Status) -> None:
    """All its migrations are applied, and its release and revision are named."""
    found = await status()

    assert (found["service"], found["process"]["version"]) == ("sample", VERSION)
    assert found["process"]["revision"] == ""
    assert found["schema"]["applied"] == [
        "0001_initial",
        "0002_operations",
        "0003_telemetry",
        "0004_restores",
    ]
    assert (found["schema"]["pending"], found["schema"]["newer"]) == ([], [])
    assert found["outbox"] == {"unsent": 0, "oldest_seconds": 0.0, "has_broker": False}
    assert found["dead_letters"] == {
        "quarantined": 0,
        "dead_lettered": 0,
        "oldest_received_at": None,
    }
    assert (found["audited"], found["audit"], found["backup"]) == (False, None, None)


@settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    unsent=st.integers(0, 3),
    malformed=st.integers(0, 3),
    undelivered=st.integers(0, 3),
    sequences=st.sets(st.integers(1, 6), max_size=4),
)
async def test_the_figures_are_those_of_the_tables(
    client: httpx.AsyncClient,
    database: Database,
    outbox: Outbox,
    status: Status,
    *,
    unsent: int,
    malformed: int,
    undelivered: int,
    sequences: set[int],
) -> None:
    """Whatever the tables hold: unsent events, letters by kind, the position and its gap."""
    for table in ("outbox", "dead_letters", "inbox", "stream_positions", "notes", "things"):
        await database.execute(QueryString(f"DELETE FROM {table}"))  # noqa: S608 - names above
    for number in range(unsent):
        await sample.write_note(database, f"note {number}", outbox=outbox)
    for number in range(malformed):
        await client.post("/events", content=f"nonsense {number}".encode())
    for number in range(undelivered):
        await push(client, thing_changed(100 + number), "/events/dead-letter")
    for sequence in sequences:
        await push(client, thing_changed(sequence))
    found = await status()
    (stream,) = found["consumed"]
    contiguous = next(number for number in range(8) if number + 1 not in sequences)

    assert found["outbox"]["unsent"] == unsent
    assert found["dead_letters"]["quarantined"] == malformed
    assert found["dead_letters"]["dead_lettered"] == undelivered
    assert (stream["position"], stream["seen"]) == (contiguous, max(sequences, default=0))
    assert stream["lag"] in (None, max(sequences, default=0) - contiguous)


async def test_the_oldest_unsent_event_has_an_age(
    database: Database, outbox: Outbox, status: Status, clock: FakeClock
) -> None:
    """In seconds, since its transaction."""
    await sample.write_note(database, "a note", outbox=outbox)
    clock.advance(minutes=20)

    assert (await status())["outbox"]["oldest_seconds"] == 1200.0


async def test_a_background_task_that_fails_is_named_without_its_text(
    database_url: str, clock: FakeClock, issuer: Issuer
) -> None:
    """The type of the error is there; its text may hold secrets, and is in the log only."""

    async def charge(database: Database) -> None:
        raise LookupError("the password is hunter2")

    app = sample.create_app(
        database_url, clock=clock, http=issuer.wire(), background_tasks=lambda _: [charge]
    )
    async with serving(app) as client:
        await finished(app.state.services.process, "clean")
        answer = await client.get("/internal/status", headers=issuer.bearer(1, "admin"))
    tasks = {task["name"]: task for task in answer.json()["tasks"]}

    assert (tasks["charge"]["result"], tasks["charge"]["error"]) == ("failed", "LookupError")
    assert tasks["charge"]["failures"] >= 1
    assert tasks["clean"]["result"] == "succeeded"
    assert "hunter2" not in answer.text


async def finished(process: Process, task: str) -> None:
    """Wait until a background task has run once."""
    async with asyncio.timeout(60):
        while task not in process.tasks or process.tasks[task].seconds is None:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0)


async def test_starts_of_all_processes_are_counted(
    database_url: str, clock: FakeClock, issuer: Issuer
) -> None:
    """Of both APIs and all revisions, for a day."""
    for environ in ({"EXPOSED_API": "public", "K_REVISION": "sample-00001"}, {}):
        app = sample.create_app(database_url, clock=clock, http=issuer.wire(), environ=environ)
        async with serving(app) as client:
            await finished(app.state.services.process, "record_start")
            if not environ:
                read = await client.get("/internal/status", headers=issuer.bearer(1, "admin"))
                clock.advance(hours=25)
                later = await client.get("/internal/status", headers=issuer.bearer(1, "admin"))
    starts = read.json()["starts"]

    assert starts["count"] == 2
    assert sorted((each["exposed_api"], each["revision"]) for each in starts["latest"]) == [
        ("both", ""),
        ("public", "sample-00001"),
    ]
    assert later.json()["starts"]["count"] == 0


async def test_the_last_audit_is_shown(
    database: Database, status: Status, clock: FakeClock
) -> None:
    """With what it found, and without the rows."""
    for breaches in ([], [Breach("a = b", 7)]):
        await audit_runs.record(
            database,
            started_at=clock(),
            finished_at=clock() + timedelta(seconds=2),
            checked=3,
            breaches=breaches,
        )
    audit = (await status())["audit"]

    assert (audit["outcome"], audit["checked"]) == ("breached", 3)
    assert audit["breaches"] == [{"invariant": "a = b", "count": 7}]


async def test_a_migration_of_a_newer_release_is_named(
    database: Database, status: Status, clock: FakeClock
) -> None:
    """It runs beside this one. A migration that this release lacks is pending."""
    await database.execute(
        QueryString(
            "INSERT INTO schema_version (version, name, checksum, applied_at)"
            " VALUES (9, 'newer', 'x', {})",
            clock(),
        )
    )
    await database.execute(QueryString("DELETE FROM schema_version WHERE version = 2"))
    schema = (await status())["schema"]

    assert (schema["newer"], schema["pending"]) == ([9], ["0002_operations"])


async def test_a_gap_is_counted_once_and_its_repair_too(
    database: Database, clock: FakeClock
) -> None:
    """However often its repair is tried."""
    for _ in range(2):
        await stream_reads.record_failure(database, THINGS.source, "away", 4, clock=clock)
    failed = (await stream_reads.read(database))[THINGS.source]
    clock.advance(seconds=1)
    await stream_reads.record(database, THINGS.source, ReadResult(9, 4, 5), clock=clock)
    repaired = (await stream_reads.read(database))[THINGS.source]

    assert (failed["gaps_seen"], failed["gaps_repaired"], failed["failure"]) == (1, 0, "away")
    assert (repaired["gaps_seen"], repaired["gaps_repaired"]) == (1, 1)
    assert (repaired["events_read"], repaired["head"]) == (5, 9)
    assert (repaired["failed_at"], repaired["contacted_at"]) == (None, clock())
