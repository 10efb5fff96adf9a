"""The response cache is limited in age and number, and stores no failures."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from functions.kit.http import response_cache
from functions.kit.http.response_cache import MAX_ENTRIES, ResponseCache


class Time:
    """A monotonic clock that is set by hand."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    hand = Time()
    monkeypatch.setattr(response_cache, "time", hand)
    return hand


def counting() -> tuple[Callable[[], Awaitable[int]], list[int]]:
    """A reading that answers how often it was made."""
    made: list[int] = []

    async def read() -> int:
        made.append(len(made) + 1)
        return made[-1]

    return read, made


async def test_an_answer_is_kept_as_long_as_is_said(time: Time) -> None:
    """And not a moment longer."""
    cache: ResponseCache[int] = ResponseCache(1.0)
    read, _ = counting()
    answers = [await cache.get(b"a", read)]
    for later in (0.5, 0.5, 0.1, 0.9):
        time.now += later
        answers.append(await cache.get(b"a", read))

    assert answers == [1, 1, 1, 2, 2]


async def test_the_age_counts_from_before_the_reading(time: Time) -> None:
    """What took long to read is old already when it is there."""
    cache: ResponseCache[int] = ResponseCache(1.0)
    read, _ = counting()

    async def slow() -> int:
        time.now += 2
        return await read()

    answers = [await cache.get(b"a", slow), await cache.get(b"a", slow)]

    assert answers == [1, 2]


async def test_with_no_seconds_each_answer_is_read(time: Time) -> None:
    """So it is switched off."""
    cache: ResponseCache[int] = ResponseCache(0)
    read, _ = counting()

    assert [await cache.get(b"a", read), await cache.get(b"a", read)] == [1, 2]


async def test_concurrent_requests_share_one_read(time: Time) -> None:
    """Also if the first request is cancelled."""
    cache: ResponseCache[int] = ResponseCache(1.0)
    read, made = counting()
    go = asyncio.Event()

    async def waiting() -> int:
        await go.wait()
        return await read()

    asking = [asyncio.create_task(cache.get(b"a", waiting)) for _ in range(10)]
    await asyncio.sleep(0)
    asking[0].cancel()
    go.set()
    answers = await asyncio.gather(*asking[1:])

    assert answers == [1] * 9
    assert made == [1]


async def test_a_failure_is_not_kept(time: Time) -> None:
    """The next request reads again."""
    cache: ResponseCache[int] = ResponseCache(1.0)
    read, _ = counting()

    async def fail() -> int:
        raise OSError("away")

    with pytest.raises(OSError, match="away"):
        await cache.get(b"a", fail)
    await asyncio.sleep(0)

    assert await cache.get(b"a", read) == 1


async def test_what_is_cleared_is_read_again(time: Time) -> None:
    """After a write of this process."""
    cache: ResponseCache[int] = ResponseCache(1.0)
    read, _ = counting()
    first = await cache.get(b"a", read)
    cache.clear()

    assert (first, await cache.get(b"a", read)) == (1, 2)


async def test_the_oldest_makes_room(time: Time) -> None:
    """Arbitrary queries cannot fill the memory."""
    cache: ResponseCache[int] = ResponseCache(1.0)
    read, made = counting()
    for number in range(MAX_ENTRIES + 1):
        await cache.get(str(number).encode(), read)
    await cache.get(str(MAX_ENTRIES).encode(), read)
    await cache.get(b"0", read)

    assert len(cache._entries) == MAX_ENTRIES
    assert len(made) == MAX_ENTRIES + 2
