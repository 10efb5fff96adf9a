"""A broker that loses, repeats, shuffles and poisons: the readers end where the owner is."""

import random
import shutil
import time
from collections.abc import Callable, Sequence

import httpx
import pytest
from piccolo.querystring import QueryString

from functions.kit.events import cloudevents
from functions.kit.events.cloudevents import Event
from tests.faults import audit, watching
from tests.faults.buyers import buy, crowd, side_by_side
from tests.faults.conftest import Sizes
from tests.faults.fault_injection import LOSE, REFUSE
from tests.faults.harness import Shop
from tests.support.signing import FEED, SIGNER

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

    await side_by_side(*[buyer() for _ in range(4)])


async def test_what_the_broker_loses_is_read_from_the_feed(
    shop: Shop, sizes: Sizes, tell: Callable[..., None]
) -> None:
    """Some events are confirmed and dropped; the next one shows that there is a gap."""
    seed, events = 21, sizes.of(300, 10_000)
    await shop.restart("broker", **{LOSE: f"{0.01 if sizes.full else 0.05}:{seed}"})
    await sell(shop, await some_books(shop), "lossy", events, seed)
    converged = await audit.sound(shop)
    tell(seed=seed, events=events, agreed_after_s=round(converged, 2))


async def test_a_deleted_trigger_is_repaired_by_the_next_ping(
    shop: Shop, sizes: Sizes, tell: Callable[..., None]
) -> None:
    """No event comes any more, so no gap is seen: the PingSource makes the reader look.

    In RabbitMQ its queue is left, and gathers what nobody takes until the Trigger is there again.
    """
    manifests = shop.folder / "untriggered"
    shutil.copytree(shop.manifests, manifests)
    (manifests / "triggers" / "catalog-inventory.yaml").unlink()
    broker = shop.processes["broker"]
    broker.arguments = shop.broker_arguments(manifests)
    await shop.restart("broker")
    await sell(shop, await some_books(shop), "untriggered", sizes.of(100, 2000), 22)
    converged = await audit.sound(shop)
    await shop.heal()
    await watching.delivered(shop)
    await audit.sound(shop)
    tell(agreed_after_s=round(converged, 2))


async def test_what_a_reader_refuses_is_read_from_the_feed(
    shop: Shop, sizes: Sizes, tell: Callable[..., None]
) -> None:
    """The broker takes most 4xx for success: the event is gone, and no dead letter tells of it."""
    events = sizes.of(100, 2000)
    books = await some_books(shop)
    await audit.agrees(shop)
    before = await watching.delivered(shop)
    await shop.restart("catalog", **{REFUSE: "400,401,403,422:1:25"})
    await sell(shop, books, "refused", events, 25)
    converged = await audit.sound(shop)
    after = await watching.delivered(shop)
    tell(events=events, agreed_after_s=round(converged, 2))

    assert after["delivered"] - before["delivered"] >= events
    assert after["dead_lettered"] == before["dead_lettered"]
    assert watching.said(shop, " ANSWERED 4") >= events


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
    before = await watching.applied(shop)
    await shop.processes["broker"].kill()
    shop.proxies["purchase"].cut = True
    await sell(shop, books, "copies", count, seed)
    events: list[Event] = []
    while True:
        last = events[-1].sequence if events else after
        page = await shop.call(
            "purchase", "GET", f"/internal/streams/inventory?after={last}&limit=500", headers=FEED
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
        async with httpx.AsyncClient(timeout=60) as http:  # keeps its connection, as they do
            for event in turns:
                headers, body = cloudevents.write(SIGNER.sign(event))
                answers.append((await http.post(url, headers=headers, content=body)).status_code)

    start = time.monotonic()
    await side_by_side(*[dispatcher() for _ in range(8)])
    rate = len(deliveries) / (time.monotonic() - start)
    differs = await audit.disagreements(shop)
    applied = await watching.applied(shop) - before
    await shop.heal()
    await audit.sound(shop)
    tell(seed=seed, events=len(events), deliveries=len(deliveries), deliveries_per_s=round(rate))

    assert set(answers) == {202}
    assert not [each for each in differs if "catalog" in each and "stock" in each]
    assert (len(events), applied) == (count, count)


POISON: tuple[tuple[dict[str, str], bytes], ...] = (
    ({}, b"{" * 100),
    ({}, b"[" * 100_000),
    ({}, b'{"book_id": "one", "available": -1}'),
    ({}, bytes([0xFF, 0xFE, 0x00])),
    ({}, b'{"book_id": 1%s, "available": 1, "as_of": "2026-01-01T00:00:00Z"}' % (b"0" * 30)),
    ({}, b'{"book_id": 1, "available": 1, "as_of": "9999-12-31T23:59:59Z"}'),
    ({"ce-subject": "book/" + "1" * 300}, b"{}"),
    ({"ce-revision": "1" * 30}, b"{}"),
    ({"ce-revision": "soon"}, b"{}"),
    ({"ce-sequence": "-1"}, b"{}"),
    ({"ce-type": ""}, b"{}"),
)
"""What is no event of ours, in some of the ways there are: headers of its own, and the body."""


def poison(number: int) -> tuple[dict[str, str], bytes]:
    """A request that a reader must not choke on."""
    more, body = POISON[number % len(POISON)]
    headers = {
        "content-type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": f"poison-{number}",
        "ce-source": "/bookstore/purchase/inventory",
        "ce-type": "bookstore.inventory.changed.v1",
        "ce-subject": "book/1",
        "ce-revision": "1",
    }
    return {name: text for name, text in {**headers, **more}.items() if text}, body


async def test_poison_is_put_aside_and_holds_up_nothing(
    shop: Shop, sizes: Sizes, tell: Callable[..., None]
) -> None:
    """All of it in quarantine with the reason, at once; so nothing is retried, behind which the
    good events would have to wait. It is more than RabbitMQ lets wait for retries in one queue."""
    count = sizes.of(150, 1000)
    book_id = await shop.book(count)
    await audit.agrees(shop)
    start = await watching.delivered(shop)
    catalog, broker = shop.processes["catalog"], shop.processes["broker"]
    async with shop.database("catalog") as database:
        sql = QueryString("SELECT COUNT(*) AS n FROM dead_letters WHERE reason <> ''")
        before = (await database.execute(sql)).rows[0]["n"]
        await catalog.kill()
        sent = [poison(number + before * 10_000) for number in range(count)]
        by_broker = [each for each in sent if "ce-type" in each[0]]
        answers = await _post(shop, broker.url, by_broker)
        keys = [f"poison-{book_id}-{number}" for number in range(20)]
        statuses = await crowd(shop, book_id, keys, clients=4, seed=24)
        await catalog.start()
        # An ingress takes nothing without a type; a reader may be sent it all the same.
        rest = [each for each in sent if "ce-type" not in each[0]]
        answers |= await _post(shop, f"{catalog.url}/events", rest)
        converged = await audit.sound(shop)
        end = await watching.delivered(shop)
        store = (await database.execute(sql)).rows[0]["n"] - before
    tell(poison=count, agreed_after_s=round(converged, 2))

    assert answers == {202}
    assert store == count
    assert statuses == {201: 20}
    assert end["delivered"] - start["delivered"] >= len(by_broker) + 20
    assert end["dead_lettered"] == start["dead_lettered"]


async def _post(shop: Shop, url: str, requests: Sequence[tuple[dict[str, str], bytes]]) -> set[int]:
    """Some at a time; the answers."""
    waiting = iter(requests)
    answers = set()

    async def sender() -> None:
        for headers, body in waiting:
            answers.add((await shop.http.post(url, headers=headers, content=body)).status_code)

    await side_by_side(*[sender() for _ in range(8)])
    return answers
