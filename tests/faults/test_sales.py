"""Many buyers, several processes of purchase, kills: nothing oversold, nothing bought twice."""

import random
import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.faults import audit
from tests.faults.buyers import buy, crowd, side_by_side, while_killing
from tests.faults.conftest import Sizes
from tests.faults.harness import Shop

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_no_copy_is_sold_twice(
    shop: Shop, sizes: Sizes, tell: Callable[..., None], seed: int
) -> None:
    """Ten tries for each copy, with kills: all copies are sold, and not one more."""
    copies, tries = sizes.of(50, 1000), sizes.of(500, 10_000)
    book_id = await shop.book(copies)
    keys = [f"oversell-{book_id}-{number}" for number in range(tries)]
    start = time.monotonic()
    statuses = await while_killing(
        crowd(shop, book_id, keys, clients=sizes.of(50, 500), seed=seed),
        shop.sellers,
        seed=seed,
        kills=sizes.of(2, 10),
    )
    seconds = time.monotonic() - start
    converged = await audit.sound(shop)
    stock = await shop.stock(book_id)
    tell(seed=seed, tries_per_second=round(tries / seconds), agreed_after_s=round(converged, 2))

    assert statuses == {201: copies, 409: tries - copies}
    assert stock is not None
    assert (stock["on_hand"], stock["reserved"], stock["available"]) == (copies, copies, 0)


async def test_a_key_buys_once(shop: Shop, sizes: Sizes, tell: Callable[..., None]) -> None:
    """However often it is sent, and whichever process dies, all its answers are the same bytes."""
    seed, keys, copies = 7, sizes.of(20, 200), sizes.of(20, 100)
    book_id = await shop.book(keys * 2)
    choose = random.Random(seed)
    sent = [f"key-{book_id}-{number}" for number in range(keys) for _ in range(copies)]
    choose.shuffle(sent)
    answers: dict[str, set[bytes]] = {}

    async def send_all() -> Counter[int]:
        waiting = iter(sent)
        statuses: Counter[int] = Counter()

        async def sender() -> None:
            for key in waiting:
                response = await buy(shop, book_id, key, choose)
                statuses[response.status_code] += 1
                answers.setdefault(key, set()).add(response.content)

        await side_by_side(*[sender() for _ in range(copies * 2)])
        return statuses

    statuses = await while_killing(send_all(), shop.sellers, seed=seed, kills=sizes.of(2, 10))
    await audit.sound(shop)
    stock = await shop.stock(book_id)
    tell(seed=seed, keys=keys, sends=len(sent))

    assert statuses == {201: len(sent)}
    assert [len(bodies) for bodies in answers.values()] == [1] * keys
    assert stock is not None
    assert stock["reserved"] == keys
