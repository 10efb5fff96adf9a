"""The limit of concurrent requests, and the queue."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from litestar import Litestar

from functions.kit.http import admission
from functions.kit.http.admission import Admission
from tests.support.apps import serving


class Gate:
    """Replaces the routes: records the admitted requests, and holds them until it is opened."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.inside: list[str] = []
        self.most = 0
        self.came = asyncio.Semaphore(0)
        self.open = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        if scope["type"] != "http" or path in admission.PROBES:
            await self.app(scope, receive, send)
            return
        self.inside.append(path)
        self.most = max(self.most, len(self.inside))
        self.came.release()
        try:
            if scope["method"] == "POST":
                await receive()
            await self.open.wait()
            await self.app(scope, receive, send)
        finally:
            self.inside.remove(path)


def admission_of(app: Litestar) -> Admission:
    """The queue of an app, inside of its other layers."""
    layer: Any = app.asgi_handler
    while not isinstance(layer, Admission):
        layer = layer.app
    return layer


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "MAX_CONCURRENT", 2)
    monkeypatch.setattr(admission, "MAX_QUEUED", 3)


@pytest.fixture
def gate(app: Litestar, limits: None) -> Gate:
    """Inside of the app's own admission."""
    queue = admission_of(app)
    gate = Gate(queue.app)
    queue.app = gate
    return gate


@pytest.fixture
async def client(app: Litestar, gate: Gate) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(app) as client:
        yield client
        queue = admission_of(app)
        assert queue.running == 0


async def ask(client: httpx.AsyncClient, count: int) -> list[asyncio.Task[httpx.Response]]:
    """Requests for /0, /1 ... that have gone as far as they can."""
    tasks = [asyncio.create_task(client.get(f"/{number}")) for number in range(count)]
    for _ in range(100):
        await asyncio.sleep(0)
    return tasks


async def test_requests_beyond_the_limit_wait_in_order(
    client: httpx.AsyncClient, gate: Gate
) -> None:
    """Of five requests at a limit of two, the first two run at once; all five are answered."""
    tasks = await ask(client, 5)
    at_first = list(gate.inside)
    gate.open.set()
    answers = [await task for task in tasks]

    assert at_first == ["/0", "/1"]
    assert gate.most == 2
    assert {answer.status_code for answer in answers} == {404}


async def test_a_request_that_finds_the_queue_full_is_refused(
    client: httpx.AsyncClient, gate: Gate
) -> None:
    """503, with all that every answer of the shop carries."""
    tasks = await ask(client, 6)
    refused = await tasks[5]
    gate.open.set()
    await asyncio.gather(*tasks)

    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "2"
    assert refused.headers["x-content-type-options"] == "nosniff"
    assert refused.json()["code"] == "overloaded"
    assert refused.json()["trace_id"] == refused.headers["traceparent"][3:35]


async def test_probes_do_not_wait(client: httpx.AsyncClient, gate: Gate) -> None:
    """/livez and /readyz answer 200 while two requests run and three wait, which are the limits."""
    tasks = await ask(client, 5)
    probes = [await client.get(path) for path in ("/livez", "/readyz")]
    gate.open.set()
    await asyncio.gather(*tasks)

    assert [probe.status_code for probe in probes] == [200, 200]


async def test_a_request_that_has_waited_too_long_is_refused(
    client: httpx.AsyncClient, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the others keep their order."""
    monkeypatch.setattr(admission, "QUEUE_TIMEOUT", 0.01)
    tasks = await ask(client, 4)
    refused = [await task for task in tasks[2:]]
    gate.open.set()
    served = [await task for task in tasks[:2]]

    assert [answer.status_code for answer in refused] == [503, 503]
    assert [answer.status_code for answer in served] == [404, 404]


async def test_a_cancelled_request_frees_its_slot(client: httpx.AsyncClient, gate: Gate) -> None:
    """Cancelled in the queue, or in the moment of being admitted."""
    tasks = await ask(client, 5)
    tasks[2].cancel()
    tasks[0].cancel()
    tasks[3].cancel()
    gate.open.set()
    done = await asyncio.gather(*tasks, return_exceptions=True)

    assert [isinstance(each, asyncio.CancelledError) for each in done] == [
        *(True, False, True, True, False)
    ]
    assert (await client.get("/again")).status_code == 404


async def test_a_request_that_waits_for_its_client_releases_its_slot(
    client: httpx.AsyncClient, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two bodies that do not come: requests behind them are served all the same."""
    monkeypatch.setattr(admission, "CLIENT_GRACE", 0.01)
    rest = asyncio.Event()

    # httpx reads a body before it hands the request on, so the app is called by itself here.
    started: list[int] = []
    queue: Any = admission_of(client._transport.app)  # type: ignore[attr-defined]

    async def receive() -> Any:
        started.append(1)
        await rest.wait()
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    whole, queue.app = queue.app, inner
    slow = [
        asyncio.create_task(queue({"type": "http", "path": "/slow"}, receive, None))
        for _ in range(2)
    ]
    while len(started) < 2 or queue.running:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    queue.app = whole
    gate.open.set()
    answer = await client.get("/0")
    rest.set()
    await asyncio.gather(*slow)

    assert answer.status_code == 404


async def test_reading_an_available_body_keeps_the_slot(
    client: httpx.AsyncClient, gate: Gate
) -> None:
    """Reading it takes no time, so no place becomes free."""
    tasks = [asyncio.create_task(client.post(f"/{number}", json={})) for number in range(5)]
    for _ in range(200):
        await asyncio.sleep(0)
    inside = list(gate.inside)
    gate.open.set()
    await asyncio.gather(*tasks)

    assert (len(inside), gate.most) == (2, 2)
