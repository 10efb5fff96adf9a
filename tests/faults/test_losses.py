"""A broker that loses, repeats, shuffles and poisons: the readers end where the owner is."""

import asyncio
import random
import shutil
import time
from collections.abc import Callable, Sequence

import pytest
from piccolo.querystring import QueryString

from functions.kit import cloudevents
from functions.kit.cloudevents import Event
from tests.faults import audit
from tests.faults.armed import LOSE
from tests.faults.buyers import buy, crowd
from tests.faults.conftest import Sizes
from tests.faults.harness import Shop
from tests.support.processes import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="session")

LINES = 10


async def some_books(shop: Shop) -> list[int]:
    return [await shop.book(10_000) for _ in range(LINES)]


async def sell(shop: Shop, books: Sequence[int], name: str, events: int, seed: int) -> None:
    """So many events of stock, one for each of the books with each purchase."""
    choose = random.Random(seed)
    turns = iter(range(events // len(books)))

    async def buyer() -> None:
        for turn in turns:
            await buy(shop, books, f"{name}-{books[0]}-{turn}", choose)

    await asyncio.gather(*[buyer() for _ in range(4)])


async def test_what_the_broker_loses_is_read_from_the_feed(
    shop: Shop, sizes: Sizes, tell: Callable[..., None]
) -> None:
    """Some events are confirmed and dropped; the next one shows that there is a gap."""
    seed, events = 21, sizes.of(300, 10_000)
    await shop.restart("broker", **{LOSE: f"{0.01 if sizes.full else 0.05}:{seed}"})
    await sell(shop, await some_books(shop), "lossy", events, seed)
    converged = await audit.sound(shop)
    await shop.restart("broker")
    tell(seed=seed, events=events, agreed_after_s=round(converged, 2))


async def test_a_deleted_trigger_is_repaired_by_the_next_poke(
    shop: Shop, sizes: Sizes, tell: Callable[..., None]
) -> None:
    """No event comes any more, so no gap is seen: the PingSource makes the reader look."""
    manifests = shop.folder / "eventing"
    shutil.copytree(ROOT / "eventing", manifests)
    (manifests / "triggers" / "catalog-inventory.yaml").unlink()
    broker = shop.processes["broker"]
    broker.arguments = shop.broker_arguments(manifests)
    await shop.restart("broker")
    await sell(shop, await some_books(shop), "untriggered", sizes.of(100, 2000), 22)
    converged = await audit.sound(shop)
    broker.arguments = shop.broker_arguments()
    await shop.restart("broker")
    shutil.rmtree(manifests)
    tell(agreed_after_s=round(converged, 2))


async def test_copies_in_any_order_have_one_effect(
    shop: Shop, sizes: Sizes, tell: Callable[..., None]
) -> None:
    """Each event several times, shuffled, with no feed to lean on."""
    seed, copies, count = 23, sizes.of(3, 5), sizes.of(500, 10_000)
    books = await some_books(shop)
    await audit.agrees(shop)
    async with shop.database("catalog") as database:
        outcome = await database.execute(
            QueryString(
                "SELECT contiguous FROM stream_positions WHERE source = {}",
                "/bookstore/purchase/inventory",
            )
        )
    after = outcome.rows[0]["contiguous"] if outcome.rows else 0
    before = await _counted(shop, "applied")
    await shop.processes["broker"].kill()
    shop.cables["purchase"].cut = True
    await sell(shop, books, "copies", count, seed)
    events: list[Event] = []
    while True:
        last = events[-1].sequence if events else after
        page = await shop.call(
            "purchase", "GET", f"/internal/streams/inventory?after={last}&limit=500"
        )
        if not (read := cloudevents.read_batch(page.content)):
            break
        events += read
    deliveries = events * copies
    random.Random(seed).shuffle(deliveries)
    turns = iter(deliveries)
    answers: list[int] = []
    url = f"{shop.processes['catalog'].url}/events"

    async def dispatcher() -> None:
        for event in turns:
            headers, body = cloudevents.write(event)
            answers.append((await shop.http.post(url, headers=headers, content=body)).status_code)

    start = time.monotonic()
    await asyncio.gather(*[dispatcher() for _ in range(8)])
    rate = len(deliveries) / (time.monotonic() - start)
    differs = await audit.disagreements(shop)
    applied = await _counted(shop, "applied") - before
    await shop.heal()
    await audit.sound(shop)
    tell(seed=seed, events=len(events), deliveries=len(deliveries), deliveries_per_s=round(rate))

    assert set(answers) == {202}
    assert not [each for each in differs if "catalog" in each and "stock" in each]
    assert (len(events), applied) == (count, count)


async def _counted(shop: Shop, outcome: str) -> int:
    """Events of stock with this outcome, by catalog's own count."""
    metrics = (await shop.call("catalog", "GET", "/metrics")).text
    return sum(
        int(float(line.split()[-1]))
        for line in metrics.splitlines()
        if "events_received" in line and f'"{outcome}"' in line and "purchase/inventory" in line
    )


def poison(number: int) -> tuple[dict[str, str], bytes]:
    """A request that is no event of ours, in one of the ways there are."""
    kind = number % 4
    headers = {
        "content-type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": f"poison-{number}",
        "ce-source": "/bookstore/purchase/inventory",
        "ce-type": "bookstore.inventory.changed.v1",
        "ce-subject": "book/1",
        "ce-revision": "1",
    }
    if kind == 0:
        del headers["ce-type"]
    body = {
        0: b"{}",
        1: b"{" * (number + 1),
        2: b'{"book_id": "one", "available": -1}',
        3: bytes([0xFF, 0xFE, number % 256]),
    }[kind]
    return headers, body


async def test_poison_is_put_aside_and_holds_up_nothing(
    shop: Shop, sizes: Sizes, tell: Callable[..., None]
) -> None:
    """All of it in quarantine with the reason; the events behind it arrive."""
    count = sizes.of(100, 1000)
    book_id = await shop.book(count)
    async with shop.database("catalog") as database:
        sql = QueryString("SELECT COUNT(*) AS n FROM dead_letters WHERE reason <> ''")
        before = (await database.execute(sql)).rows[0]["n"]
        url = f"{shop.processes['catalog'].url}/events"
        answers = set()
        for number in range(count):
            headers, body = poison(number + before * 10_000)
            response = await shop.http.post(url, headers=headers, content=body)
            answers.add(response.status_code)
        keys = [f"poison-{book_id}-{number}" for number in range(20)]
        statuses = await crowd(shop, book_id, keys, clients=4, seed=24)
        converged = await audit.sound(shop)
        put_aside = (await database.execute(sql)).rows[0]["n"] - before
    tell(poison=count, agreed_after_s=round(converged, 2))

    assert answers == {202}
    assert put_aside == count
    assert statuses == {201: 20}
