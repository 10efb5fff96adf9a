"""A request that is sent again is answered again, and does nothing again."""

import asyncio

import httpx
import pytest

from functions.kit.base.errors import IdempotencyKeyReused, InvalidInput, RequestInProgress
from functions.kit.data import idempotency_keys
from functions.kit.data.database import Database
from functions.kit.data.idempotency_keys import (
    Answer,
    Scope,
    claim,
    complete,
    run_once,
    stored_answer,
)
from functions.kit.events.outbox import Outbox
from functions.kit.http.idempotency import scope_of
from tests.kit import sample
from tests.support.clock import FakeClock
from tests.support.tokens import Issuer

SCOPE = Scope(7, "POST /notes", "key", "fingerprint")


async def answer(
    database: Database, outbox: Outbox, clock: FakeClock, text: str, scope: Scope | None = SCOPE
) -> Answer:
    async def command() -> str:
        await sample.write_note(database, text, outbox=outbox)
        return text

    return await run_once(database, scope, command, lambda text: (201, text.encode()), clock=clock)


async def test_the_same_key_has_the_same_answer(
    database: Database, outbox: Outbox, clock: FakeClock
) -> None:
    """Byte for byte, and the command is not run."""
    first = await answer(database, outbox, clock, "a")
    second = await answer(database, outbox, clock, "b")

    assert (first, second) == (Answer(201, b"a", False), Answer(201, b"a", True))
    assert await sample.notes(database) == ["a"]


async def test_a_failure_leaves_the_key_free(
    database: Database, outbox: Outbox, clock: FakeClock
) -> None:
    """The key's row is undone with the command, so a retry is a first try."""
    await answer(database, outbox, clock, "taken", scope=None)
    with pytest.raises(Exception, match=r"."):
        await answer(database, outbox, clock, "taken")

    assert not (await answer(database, outbox, clock, "b")).replayed


@pytest.mark.parametrize(
    "scope",
    [SCOPE._replace(user_id=8), SCOPE._replace(route="POST /other"), SCOPE._replace(key="KEY")],
)
async def test_a_key_is_of_one_user_and_one_route(
    database: Database, outbox: Outbox, clock: FakeClock, scope: Scope
) -> None:
    """Another user's answer is never returned; keys are case-sensitive."""
    await answer(database, outbox, clock, "a")

    assert not (await answer(database, outbox, clock, "b", scope)).replayed


async def test_a_key_with_another_body_is_refused(
    database: Database, outbox: Outbox, clock: FakeClock
) -> None:
    """The client has confused two requests."""
    await answer(database, outbox, clock, "a")

    with pytest.raises(IdempotencyKeyReused):
        await answer(database, outbox, clock, "b", SCOPE._replace(fingerprint="other"))


async def test_of_concurrent_requests_one_is_executed(
    database: Database, outbox: Outbox, clock: FakeClock
) -> None:
    """The others wait for it, and have its answer."""
    answers = await asyncio.gather(
        *(answer(database, outbox, clock, str(number)) for number in range(20))
    )

    assert len({each.body for each in answers}) == 1
    assert sorted(each.replayed for each in answers) == [False, *[True] * 19]
    assert len(await sample.notes(database)) == 1


async def test_keys_are_forgotten_after_a_week(
    database: Database, outbox: Outbox, clock: FakeClock
) -> None:
    """Not before."""
    await answer(database, outbox, clock, "a")
    clock.advance(days=7)
    await idempotency_keys.purge(database, clock=clock)
    kept = await stored_answer(database, SCOPE)
    clock.advance(seconds=1)
    await idempotency_keys.purge(database, clock=clock)

    assert kept is not None
    assert await stored_answer(database, SCOPE) is None


async def finish(database: Database, status: int, body: bytes) -> None:
    await complete(database, SCOPE.user_id, SCOPE.route, SCOPE.key, status, body)


async def test_a_claimed_key_is_in_progress_until_it_is_completed(
    database: Database, clock: FakeClock
) -> None:
    """Meanwhile it has no answer, and cannot be claimed again."""
    claimed = [await claim(database, SCOPE, clock=clock) for _ in range(2)]
    meanwhile = await stored_answer(database, SCOPE)
    await finish(database, 402, b'{"code": "payment-declined"}')

    assert (claimed, meanwhile) == ([True, False], None)
    assert await stored_answer(database, SCOPE) == Answer(
        402, b'{"code": "payment-declined"}', True
    )
    assert not await claim(database, SCOPE, clock=clock)


async def test_of_many_claims_at_once_one_is_new(database: Database, clock: FakeClock) -> None:
    """Each from a transaction of its own."""
    claims = await asyncio.gather(*[claim(database, SCOPE, clock=clock) for _ in range(10)])

    assert sorted(claims) == [*[False] * 9, True]


async def test_a_claimed_key_is_bound_to_its_body(database: Database, clock: FakeClock) -> None:
    """At any moment, also before there is an answer."""
    await claim(database, SCOPE, clock=clock)
    other = SCOPE._replace(fingerprint="other")
    with pytest.raises(IdempotencyKeyReused):
        await claim(database, other, clock=clock)
    with pytest.raises(IdempotencyKeyReused):
        await stored_answer(database, other)

    assert await claim(database, SCOPE._replace(user_id=8), clock=clock)


async def test_an_answer_is_completed_once(database: Database, clock: FakeClock) -> None:
    """A second completion changes nothing, nor does that of an unclaimed key."""
    await finish(database, 201, b"nobody")
    await claim(database, SCOPE, clock=clock)
    for body in (b"first", b"second"):
        await finish(database, 201, body)

    assert await stored_answer(database, SCOPE) == Answer(201, b"first", True)


async def test_a_claim_that_is_undone_leaves_the_key_free(
    database: Database, clock: FakeClock
) -> None:
    """As part of the transaction that was to do the request's work."""

    async def refused() -> None:
        async with database.transaction():
            await claim(database, SCOPE, clock=clock)
            raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        await refused()

    assert await claim(database, SCOPE, clock=clock)


async def test_a_key_in_progress_is_not_forgotten(database: Database, clock: FakeClock) -> None:
    """Its request may still be charged; a retry gets `RequestInProgress`."""
    await claim(database, SCOPE, clock=clock)
    clock.advance(days=30)
    await idempotency_keys.purge(database, clock=clock)
    with pytest.raises(RequestInProgress):
        await run_once(database, SCOPE, never, lambda _: (201, b""), clock=clock)

    assert not await claim(database, SCOPE, clock=clock)


async def never() -> None:
    raise AssertionError("the command was run")


@pytest.mark.parametrize("key", ["", "a b", "a" * 201, "clé", "a\n", "\x00"])
def test_a_malformed_key_is_refused(key: str) -> None:
    """1 to 200 visible ASCII characters."""
    with pytest.raises(InvalidInput, match="Idempotency-Key"):
        scope_of({"idempotency-key": key}, user_id=1, route="r", body=b"")


def test_a_key_may_be_required() -> None:
    """Where it is not, a request without one is done as often as it is sent."""
    assert scope_of({}, user_id=1, route="r", body=b"") is None
    with pytest.raises(InvalidInput) as refused:
        scope_of({}, user_id=1, route="r", body=b"", required=True)

    assert [error.field for error in refused.value.errors] == ["Idempotency-Key"]


async def test_over_http_a_retry_is_answered_byte_for_byte(
    client: httpx.AsyncClient, issuer: Issuer
) -> None:
    """A header tells that it is a replay; another body under the key is a 422."""
    headers = issuer.bearer() | {"idempotency-key": "0198-a"}
    first, second = [
        await client.post("/notes", content=b'{"text": "a"}', headers=headers) for _ in range(2)
    ]
    third = await client.post("/notes", content=b'{"text": "b"}', headers=headers)

    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert [each.headers.get("idempotency-replayed") for each in (first, second)] == [None, "true"]
    assert (third.status_code, third.json()["code"]) == (422, "idempotency-key-reused")
