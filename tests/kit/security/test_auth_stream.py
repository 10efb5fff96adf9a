"""Revocations and keys from a service's own database, and the rare requests to auth."""

import asyncio
import itertools
from collections.abc import Callable
from datetime import timedelta, timezone
from typing import Any

import httpx
import msgspec
import pytest

from functions.kit.base.errors import Unavailable
from functions.kit.data.database import Database
from functions.kit.events.cloudevents import Event
from functions.kit.events.subscriptions import EventOutcome, Subscriptions
from functions.kit.security import auth_stream
from functions.kit.security.auth_stream import STREAM
from functions.kit.security.principal import Principal
from functions.kit.security.rate_limit import TokenBucket
from functions.kit.security.remote_keys import CachedKeys, RemoteKeys
from functions.kit.security.revocations import Revocations
from functions.kit.security.verifier import PublicKey
from tests.support.clock import FakeClock
from tests.support.tokens import Issuer

AUTH = "http://auth.test"


class Auth:
    """Auth's public API, which counts the requests for its keys."""

    def __init__(self, issuer: Issuer) -> None:
        self.keys = [issuer.jwk]
        self.asked = 0
        self.reached = asyncio.Event()
        self.answer: Callable[[], httpx.Response] = lambda: httpx.Response(
            200, json={"keys": self.keys}
        )

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        self.reached.set()
        await asyncio.sleep(0)
        return self.answer()


@pytest.fixture
def auth(issuer: Issuer) -> Auth:
    return Auth(issuer)


class Known:
    """What a service knows of auth, as its verifier reads it; no key is cached."""

    def __init__(self, database: Database, clock: FakeClock, auth: Auth) -> None:
        http = httpx.AsyncClient(transport=httpx.MockTransport(auth))
        self.keys = RemoteKeys(database, AUTH, clock=clock, http=http)
        self.keys._rate = TokenBucket(per_second=0, burst=5)
        self.is_revoked = Revocations(database).is_revoked
        self.key = CachedKeys(self.keys.find, clock=clock, ttl=0).find


@pytest.fixture
def known(database: Database, clock: FakeClock, auth: Auth) -> Known:
    return Known(database, clock, auth)


@pytest.fixture
def tell(database: Database, clock: FakeClock) -> Callable[..., Any]:
    """Consume an event of auth."""
    subscriptions = Subscriptions(STREAM)
    auth_stream.subscribe(subscriptions)
    numbers = itertools.count(1)

    async def tell(kind: str, data: dict[str, Any], *, revision: int = 1) -> EventOutcome:
        event = Event(
            id=f"{kind}-{revision}-{data}"[:255],
            source=STREAM.source,
            type=f"bookstore.{kind}.v1",
            subject="subject",
            sequence=next(numbers),
            revision=revision,
            data=msgspec.json.encode(data),
        )
        return (await subscriptions.consume(database, event, clock=clock)).outcome

    return tell


def principal(
    clock: FakeClock,
    user_id: int = 7,
    token_id: str = "jti-1",  # noqa: S107 - an id
) -> Principal:
    return Principal(
        user_id, frozenset({"customer"}), token_id, clock(), clock() + timedelta(minutes=15)
    )


async def test_a_revoked_token_is_denied(
    known: Known, tell: Callable[..., Any], clock: FakeClock
) -> None:
    """That one, and no other of its user."""
    await tell("token.revoked", {"token_id": "jti-1", "expires_at": clock() + timedelta(hours=1)})

    assert await known.is_revoked(principal(clock))
    assert not await known.is_revoked(principal(clock, token_id="jti-2"))


async def test_a_disabled_user_is_denied_until_enabled_again(
    known: Known, tell: Callable[..., Any], clock: FakeClock
) -> None:
    """By the newest state, in whatever order they arrive."""
    state = {"user_id": 7, "disabled": True, "tokens_not_before": clock()}
    await tell("user.disabled", state)
    disabled = await known.is_revoked(principal(clock))
    await tell("user.disabled", {**state, "disabled": False}, revision=3)
    await tell("user.disabled", state, revision=2)

    assert disabled
    assert not await known.is_revoked(principal(clock))
    assert not await known.is_revoked(principal(clock, user_id=8))


async def test_tokens_of_before_a_moment_are_denied(
    known: Known, tell: Callable[..., Any], clock: FakeClock
) -> None:
    """A changed password ends those that were there, wherever the moment's zone is."""
    old = principal(clock)
    clock.advance(seconds=1)
    moment = clock().astimezone(timezone(timedelta(hours=-5)))
    await tell("user.disabled", {"user_id": 7, "disabled": False, "tokens_not_before": moment})
    new = principal(clock)

    assert [await known.is_revoked(each) for each in (old, new)] == [True, False]


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("token.revoked", {"token_id": "a" * 65, "expires_at": "2026-03-14T00:00:00Z"}),
        ("token.revoked", {"token_id": "a", "expires_at": "2026-03-14T00:00:00"}),
        (
            "user.disabled",
            {"user_id": 2**63, "disabled": True, "tokens_not_before": "2026-03-14T00:00:00Z"},
        ),
        ("key.rotated", {"kid": "k" * 65, "public_key": {}, "not_after": None}),
    ],
)
async def test_what_the_tables_cannot_hold_is_put_aside(
    tell: Callable[..., Any], kind: str, data: dict[str, Any]
) -> None:
    """It would otherwise fail, and come again, for ever."""
    assert await tell(kind, data) is EventOutcome.QUARANTINED


async def test_a_key_that_was_told_needs_no_request(
    known: Known, tell: Callable[..., Any], issuer: Issuer, auth: Auth
) -> None:
    """So a sale needs no auth that is awake."""
    await tell("key.rotated", {"kid": "k2", "public_key": issuer.jwk, "not_after": None})

    assert await known.key("k2") == issuer.jwk
    assert auth.asked == 0


async def test_a_key_that_was_not_told_is_fetched_once(
    known: Known, issuer: Issuer, auth: Auth
) -> None:
    """And kept in the database, for every process and the next start."""
    found = [await known.key(issuer.kid) for _ in range(3)]

    assert found == [issuer.jwk] * 3
    assert auth.asked == 1


async def test_one_request_serves_all_who_wait(known: Known, issuer: Issuer, auth: Auth) -> None:
    """The first requests after a rotation come at the same time."""
    found = await asyncio.gather(*(known.keys._find_at_auth(issuer.kid) for _ in range(20)))

    assert found == [PublicKey(issuer.jwk)] * 20
    assert auth.asked == 1


async def test_a_key_verifies_nothing_after_its_last_token_expired(
    known: Known, tell: Callable[..., Any], issuer: Issuer, auth: Auth, clock: FakeClock
) -> None:
    """Also where auth still shows it."""
    state = {"kid": issuer.kid, "public_key": issuer.jwk, "not_after": clock()}
    await tell("key.rotated", state, revision=2)

    assert await known.key(issuer.kid) is None
    assert auth.asked == 0


async def test_what_auth_tells_is_newer_than_what_was_fetched(
    known: Known, tell: Callable[..., Any], issuer: Issuer, clock: FakeClock
) -> None:
    """But an older event does not undo a newer one."""
    await known.key(issuer.kid)
    state = {"kid": issuer.kid, "public_key": issuer.jwk}
    await tell("key.rotated", {**state, "not_after": clock()}, revision=2)
    await tell("key.rotated", {**state, "not_after": None}, revision=1)

    assert await known.key(issuer.kid) is None


async def test_a_flood_of_forged_key_ids_asks_seldom(known: Known, auth: Auth) -> None:
    """Each may name another unknown key."""
    found = [await known.key(f"forged-{number}") for number in range(200)]

    assert found == [None] * 200
    assert auth.asked == 5


async def test_a_flood_shuts_out_no_key_that_is_known(
    known: Known, tell: Callable[..., Any], issuer: Issuer
) -> None:
    """A valid token stays valid during a flood of forged ones."""
    await tell("key.rotated", {"kid": "k2", "public_key": issuer.jwk, "not_after": None})
    for number in range(200):
        await known.key(f"forged-{number}")

    assert await known.key("k2") == issuer.jwk


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(503),
        httpx.Response(302, headers={"location": "http://elsewhere.test"}),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, content=b"\xff"),
        httpx.Response(200, json={"keys": "none"}),
    ],
)
async def test_an_auth_that_cannot_be_read_is_a_passing_fault(
    known: Known, auth: Auth, answer: httpx.Response
) -> None:
    """A token whose key only auth could know is not called invalid; nor is it in a flood."""
    auth.answer = lambda: answer
    for _ in range(10):
        with pytest.raises(Unavailable):
            await known.key("unknown")

    assert auth.asked == 5


async def test_a_cancellation_does_not_end_the_shared_request(
    known: Known, issuer: Issuer, auth: Auth
) -> None:
    """It is shared, so one caller's cancelling must not reach it."""
    first, second = (asyncio.create_task(known.keys.find(issuer.kid)) for _ in range(2))
    await auth.reached.wait()
    first.cancel()

    assert await second == PublicKey(issuer.jwk)
    assert auth.asked == 1


async def test_expired_revocations_and_keys_are_purged(
    database: Database, known: Known, tell: Callable[..., Any], clock: FakeClock
) -> None:
    """A token that has expired by itself."""
    await tell("token.revoked", {"token_id": "jti-1", "expires_at": clock()})
    clock.advance(seconds=1)
    await auth_stream.purge(database, clock=clock)

    assert not await known.is_revoked(principal(clock))


async def test_a_bucket_gives_its_burst_and_no_more() -> None:
    """With no rate at all."""
    bucket = TokenBucket(per_second=0, burst=3)

    assert [bucket.try_acquire() for _ in range(5)] == [True, True, True, False, False]


async def test_a_retired_key_that_is_fetched_has_its_end(
    known: Known, auth: Auth, issuer: Issuer, clock: FakeClock
) -> None:
    """The event that tells of it may be lost; auth shows the end with the key."""
    auth.keys = [{**issuer.jwk, "exp": int(clock().timestamp()) + 60}]
    before = await known.key(issuer.kid)
    clock.advance(seconds=60)

    assert before == issuer.jwk
    assert await known.key(issuer.kid) is None
    assert auth.asked == 1


@pytest.mark.parametrize("exp", ["soon", -1, 1e300, 2**70, None, True])
async def test_an_end_that_is_none_is_passed_over(
    known: Known, auth: Auth, issuer: Issuer, exp: object
) -> None:
    """The key is as good as without it."""
    auth.keys = [{**issuer.jwk, "exp": exp}]

    assert await known.key(issuer.kid) == issuer.jwk
