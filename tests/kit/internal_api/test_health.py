"""Probes, metrics and the root."""

from datetime import timedelta

import httpx
import pytest
from litestar import Litestar
from piccolo.querystring import QueryString
from prometheus_client.parser import text_string_to_metric_families

from functions.kit.data import audit_runs
from functions.kit.data.audit_runs import Breach
from functions.kit.data.database import Database
from functions.kit.events import stream_reads
from functions.kit.events.stream_reads import ReadResult
from tests.kit import sample
from tests.kit.sample import THINGS, push, thing_changed
from tests.support.apps import serving
from tests.support.clock import FakeClock
from tests.support.tokens import Issuer


async def test_the_root_says_what_this_is(client: httpx.AsyncClient) -> None:
    """As in the original."""
    response = await client.get("/")

    assert response.json() == {"service": "sample", "status": "running"}


async def test_a_browser_finds_the_documentation_from_the_root(client: httpx.AsyncClient) -> None:
    """In the browser's language. Other clients get JSON."""
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8", "accept-language": "en-GB"}
    page = await client.get("/", headers=browser)
    spanish = await client.get("/", headers={"accept": "text/html"})
    others = [await client.get("/", headers={"accept": each}) for each in ("*/*", "", "text/plain")]

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert 'href="/apidocs"' in page.text
    assert "The service is running." in page.text
    assert "El servicio está en marcha." in spanish.text
    assert {answer.json()["status"] for answer in others} == {"running"}
    assert {answer.headers["vary"] for answer in (page, *others)} == {"Accept, Accept-Language"}


@pytest.mark.parametrize(("path", "status"), [("/livez", "alive"), ("/readyz", "ready")])
async def test_a_probe_needs_no_database(
    app: Litestar,
    client: httpx.AsyncClient,
    path: str,
    status: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a database each request that needs it gets 503; the pod keeps its traffic."""
    monkeypatch.setattr(type(app.state.services.database), "execute", None)
    response = await client.get(path)

    assert (response.status_code, response.json()["status"]) == (200, status)


async def test_a_service_that_stops_is_not_ready(app: Litestar, client: httpx.AsyncClient) -> None:
    """It is alive until it has ended."""
    app.state.services.stopping = True
    answers = [await client.get(path) for path in ("/readyz", "/livez")]

    assert [answer.status_code for answer in answers] == [503, 200]
    assert answers[0].headers["retry-after"]


async def test_metrics_tell_what_waits(client: httpx.AsyncClient) -> None:
    """Events that wait for the broker, and dead letters that wait for an admin."""
    await client.post("/events", content=b"nonsense")
    response = await client.get("/metrics")

    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "dead_letters 1.0" in response.text
    assert "outbox_unsent_events 0.0" in response.text


def samples(text: str) -> dict[tuple[str, str], float]:
    """Values by name and by the one label that a sample has, or an empty text."""
    return {
        (sample.name, "".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_metrics_tell_how_far_a_stream_was_read(
    client: httpx.AsyncClient, database: Database, clock: FakeClock
) -> None:
    """Events behind the head, and the time since the last read; without a read there is neither."""
    unread = samples((await client.get("/metrics")).text)
    await push(client, thing_changed(1))
    await push(client, thing_changed(4))
    result = ReadResult(9, None, 0)
    await stream_reads.record(database, THINGS.source, result, clock=clock)
    clock.advance(minutes=3)
    found = samples((await client.get("/metrics")).text)

    assert ("stream_behind_seconds", THINGS.source) not in unread
    assert found["stream_position_lag", THINGS.source] == 8
    assert found["stream_behind_seconds", THINGS.source] == 180


async def test_metrics_tell_of_events_that_were_put_aside(client: httpx.AsyncClient) -> None:
    """Malformed and invalid ones alike."""
    await client.post("/events", content=b"nonsense")
    await push(client, thing_changed(1, data=b'{"thing_id": "x"}'))
    await push(client, thing_changed(2))

    assert samples((await client.get("/metrics")).text)["events_quarantined_total", ""] == 2


async def test_metrics_tell_of_the_last_audit(
    database_url: str, database: Database, clock: FakeClock, issuer: Issuer
) -> None:
    """Each violated invariant, until an audit that was run to its end does not find it."""

    async def audit(*breaches: Breach, failed: bool = False) -> dict[tuple[str, str], float]:
        now = clock()
        await audit_runs.record(
            database, started_at=now, finished_at=now, checked=3, breaches=breaches, failed=failed
        )
        clock.advance(minutes=10)
        return samples((await client.get("/metrics")).text)

    app = sample.create_app(database_url, clock=clock, http=issuer.wire(), audited=True)
    async with serving(app) as client:
        before = samples((await client.get("/metrics")).text)
        breached = await audit(Breach("copies", 2), Breach("money", 1))
        failed = await audit(failed=True)
        clean = await audit()

    assert [name for name, _ in before if name.startswith("audit")] == []
    for found, age in ((breached, 600), (failed, 1200)):
        assert (found["audit_violations", "copies"], found["audit_violations", "money"]) == (2, 1)
        assert found["audit_age_seconds", ""] == age
    assert {key: value for key, value in clean.items() if key[0] == "audit_violations"} == {
        ("audit_violations", ""): 0
    }
    assert clean["audit_age_seconds", ""] == 600


async def test_metrics_tell_the_age_of_the_last_backup(
    client: httpx.AsyncClient, database: Database, clock: FakeClock
) -> None:
    """None where no backup is known."""
    unknown = samples((await client.get("/metrics")).text)
    for hours in (30, 6):
        await database.execute(
            QueryString(
                "INSERT INTO backups (file, bytes, finished_at) VALUES ('dump', 9, {})",
                clock() - timedelta(hours=hours),
            )
        )
    found = samples((await client.get("/metrics")).text)

    assert ("backup_age_seconds", "") not in unknown
    assert found["backup_age_seconds", ""] == 6 * 3600


async def test_metrics_are_there_while_the_database_is_not(
    client: httpx.AsyncClient, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """That is when they are looked at. What could not be read is absent, and not as it last was;
    one line of the log tells why."""
    await client.get("/notes")
    before = samples((await client.get("/metrics")).text)
    await database.run_ddl("ALTER TABLE outbox RENAME TO outbox_away")
    await client.get("/metrics")
    response = await client.get("/metrics")
    away = samples(response.text)
    await database.run_ddl("ALTER TABLE outbox_away RENAME TO outbox")
    back = samples((await client.get("/metrics")).text)
    requests = {name for name, _ in away if name.startswith("http_server_request_duration")}

    assert response.status_code == 200
    assert requests != set()
    assert [("outbox_unsent_events", "") in each for each in (before, away, back)] == [
        True,
        False,
        True,
    ]
    assert ("dead_letters", "") not in away
    said = [record for record in caplog.records if record.levelname == "WARNING"]
    assert ["left out until it can be read" in each.getMessage() for each in said] == [True]


async def test_metrics_tell_of_the_pool(client: httpx.AsyncClient, database: Database) -> None:
    """Its connections, and how long each was waited for; SQLite has no pool."""
    await client.get("/notes")
    found = samples((await client.get("/metrics")).text)
    if database.backend == "sqlite":
        assert ("db_client_connection_max", "") not in found
        assert ("db_client_connection_wait_time_seconds_count", "") not in found
        return

    assert found["db_client_connection_max", ""] >= 1
    assert found["db_client_connection_count", "idle"] >= 1
    assert found["db_client_connection_count", "used"] >= 0
    assert found["db_client_connection_pending_requests", ""] == 0
    assert found["db_client_connection_wait_time_seconds_count", ""] >= 1
    assert found["db_client_connection_timeouts_total", ""] == 0
