"""Probes, metrics and the root."""

import httpx
import pytest
from litestar import Litestar


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
