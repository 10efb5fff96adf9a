"""More clients than a process can hold, with the server's real limits: who is served, who waits.

Thousands of connections; next file: functions/kit/http/connections.py.
"""

import asyncio
import resource
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.security.cramped import FILES, SETTLED
from tests.security.served import Answer, Served, Wire, serving_process

IDLE = 2000
BUSY = 2000
WAITING = 100
"""Fewer than the connections that every system keeps for a process that accepts none."""


@pytest.fixture(autouse=True)
def enough_files() -> Iterator[None]:
    """This process has the client's end of each connection."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = IDLE + BUSY + 500
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"{hard} files may be open here, and this needs {wanted}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def get(path: str, *, close: bool = False) -> bytes:
    end = "Connection: close\r\n" if close else ""
    return f"GET {path} HTTP/1.1\r\nHost: shop.test\r\nAccept-Language: en\r\n{end}\r\n".encode()


async def crowd(served: Served, size: int) -> list[Wire]:
    """Connections that say nothing."""
    wires: list[Wire] = []
    while len(wires) < size:
        wires += await asyncio.gather(*[served.connect() for _ in range(50)])
    return wires


async def ask(served: Served, path: str) -> Answer:
    """On a connection of its own, which is then left open."""
    wire = await served.connect()
    await wire.send(get(path))
    answer = await wire.answer()
    wire.writer.close()
    return answer


async def probed(served: Served, until: asyncio.Event) -> Counter[int]:
    """The answers to both probes, asked one after the other for as long as this lasts."""
    answers: Counter[int] = Counter()
    while not until.is_set():
        for path in ("/livez", "/readyz"):
            answers[(await ask(served, path)).status] += 1
    return answers


async def under_load(served: Served, path: str, count: int) -> tuple[list[Answer], Counter[int]]:
    """The answers to requests that are sent at once, and to the probes meanwhile."""
    over = asyncio.Event()
    probes = asyncio.create_task(probed(served, over))
    try:
        answers = await asyncio.gather(*[ask(served, path) for _ in range(count)])
    finally:
        over.set()
    return list(answers), await probes


async def test_two_thousand_idle_and_two_thousand_busy_clients_are_all_served(
    tmp_path: Path,
) -> None:
    """So are the probes, and a client that was connected before."""
    async with serving_process("catalog", tmp_path) as served:
        first = await served.connect()
        await first.send(get("/books"))
        begun = await first.answer()
        await crowd(served, IDLE)
        answers, probes = await under_load(served, "/books", BUSY)
        await first.send(get("/books"))
        again = await first.answer()

    assert Counter(answer.status for answer in answers) == {200: BUSY}
    assert probes.keys() == {200}
    assert (begun.status, again.status) == (200, 200)


async def test_beyond_the_queue_a_refusal_has_a_time_to_retry(tmp_path: Path) -> None:
    """A full queue is answered 503 with a problem document in the caller's language."""
    async with serving_process("catalog", tmp_path, module="tests.security.narrow") as served:
        with served.frozen():  # so that all are there at once, however slow this process is
            wires = await crowd(served, WAITING)
            for wire in wires:
                await wire.send(get("/books"))
        over = asyncio.Event()
        probing = asyncio.create_task(probed(served, over))
        answers = await asyncio.gather(*[wire.answer() for wire in wires])
        over.set()
        probes = await probing
    refused = [answer for answer in answers if answer.status != 200]

    assert len(refused) < WAITING
    assert {answer.status for answer in refused} == {503}
    for answer in refused:
        assert answer.headers["retry-after"] == "2"
        assert answer.problem()["code"] == "overloaded"
        assert answer.problem()["error"] == "Service overloaded"
        assert answer.problem()["trace_id"] == answer.headers["traceparent"][3:35]
    assert probes.keys() == {200}


async def test_where_few_files_may_be_open_idle_clients_make_room(tmp_path: Path) -> None:
    """The oldest idle connections are closed; every request is answered."""
    async with serving_process("catalog", tmp_path, module="tests.security.cramped") as served:
        idle = await crowd(served, IDLE)
        over = asyncio.Event()
        probes = asyncio.create_task(probed(served, over))
        answers = []
        for _ in range(10):
            answers += await asyncio.gather(*[ask(served, "/books") for _ in range(50)])
        over.set()
        asked = await probes
        closed = [wire.reader.at_eof() for wire in idle]

    assert Counter(answer.status for answer in answers) == {200: 500}
    assert asked.keys() == {200}
    assert closed == sorted(closed, reverse=True)
    assert IDLE - FILES < sum(closed) < IDLE


async def test_where_few_files_may_be_open_a_burst_is_answered(tmp_path: Path) -> None:
    """Each of two thousand requests gets a page, or a 503 with a time to retry."""
    # The client's end of all of them is this one process, which may be slow to send its requests.
    cramped = serving_process(
        "catalog", tmp_path, module="tests.security.cramped", **{SETTLED: "60"}
    )
    async with cramped as served:
        answers, probes = await under_load(served, "/books", BUSY)

    assert {answer.status for answer in answers} <= {200, 503}
    assert all("retry-after" in answer.headers for answer in answers if answer.status == 503)
    assert all(answer.problem() for answer in answers if answer.status == 503)
    assert probes.keys() == {200}
