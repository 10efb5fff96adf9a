"""Events that were put aside are kept as they came, once, without what is secret."""

import pytest

from functions.kit.data.database import Database
from functions.kit.events import dead_letters
from functions.kit.events.dead_letters import MAX_BODY, DeadLetter, DeadLetterNotFound, Reason
from tests.support.clock import FakeClock


async def put(
    database: Database,
    clock: FakeClock,
    body: bytes = b"{}",
    kind: Reason = Reason.QUARANTINED,
    **headers: str,
) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    await dead_letters.store(database, kind, "a reason", named, body, clock=clock)


async def kept(database: Database) -> list[DeadLetter]:
    return await dead_letters.listing(database, after=0, limit=100)


async def test_a_letter_is_kept_as_it_came(database: Database, clock: FakeClock) -> None:
    """With the headers that are attributes of the event."""
    await put(database, clock, b"body", ce_id="1", content_type="text/plain")
    (letter,) = await kept(database)

    assert (letter.body, letter.reason, letter.received_at) == ("body", "a reason", clock())
    assert letter.headers == {"ce-id": "1", "content-type": "text/plain"}


async def test_no_token_is_kept(database: Database, clock: FakeClock) -> None:
    """No cookie either, because people read dead letters."""
    await put(database, clock, authorization="Bearer secret", cookie="secret", ce_id="1")
    (letter,) = await kept(database)

    assert letter.headers == {"ce-id": "1"}


async def test_the_same_request_is_kept_once(database: Database, clock: FakeClock) -> None:
    """Redeliveries add no dead letter."""
    for body in (b"a", b"a", b"b"):
        await put(database, clock, body)

    assert [letter.body for letter in await kept(database)] == ["a", "b"]


async def test_whatever_bytes_came_are_kept_as_text(database: Database, clock: FakeClock) -> None:
    """NUL and bytes that are not UTF-8 are kept in a form that the database accepts."""
    await put(database, clock, b"a\x00\xff\xed\xa0\x80")
    (letter,) = await kept(database)

    assert letter.body == r"a\x00\xff\xed\xa0\x80"


async def test_what_is_kept_is_bounded(database: Database, clock: FakeClock) -> None:
    """The beginning of a long body, and as much of the headers as the column holds."""
    headers = {f"ce-x{number}": "ñ" * 5000 for number in range(200)}
    await dead_letters.store(
        database, Reason.QUARANTINED, "r" * 5000, headers, b"x" * MAX_BODY * 2, clock=clock
    )
    (letter,) = await kept(database)
    size = sum(len(f"{name}{value}".encode()) + 6 for name, value in letter.headers.items())

    assert (len(letter.body), len(letter.reason)) == (MAX_BODY, 500)
    assert size < 2**16


async def test_letters_that_wait_are_counted(database: Database, clock: FakeClock) -> None:
    """Until they are replayed."""
    await put(database, clock, b"a")
    await put(database, clock, b"b")
    await dead_letters.mark_replayed(database, 1, "applied", user_id=1, clock=clock)

    assert await dead_letters.count_waiting(database) == 1
    assert (await dead_letters.get(database, 1)).replayed_at == clock()


@pytest.mark.parametrize("letter_id", [1, 3])
async def test_a_letter_that_is_not_there_is_not_found(
    database: Database, clock: FakeClock, letter_id: int
) -> None:
    """Also where a later one exists."""
    await put(database, clock, b"a")
    await put(database, clock, b"b")
    await database.run_ddl("DELETE FROM dead_letters WHERE id = 1")

    with pytest.raises(DeadLetterNotFound):
        await dead_letters.get(database, letter_id)
