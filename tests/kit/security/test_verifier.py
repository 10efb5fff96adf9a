"""Bearer tokens and guards; `test_hostile_tokens.py` has those that must be refused."""

import inspect
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest
from piccolo.querystring import QueryString

from functions.kit.base.errors import Unavailable
from functions.kit.data.database import Database
from functions.kit.http.guards import bearer
from functions.kit.security.principal import Principal
from functions.kit.security.remote_keys import CachedKeys
from functions.kit.security.verifier import (
    PublicKey,
    TokenExpired,
    TokenInvalid,
    TokenMissing,
    TokenRevoked,
    Verifier,
)
from tests.kit import sample
from tests.support.apps import serving
from tests.support.clock import FakeClock
from tests.support.tokens import AUDIENCE, ISSUER, Issuer


class Source:
    """Keys by id, and how often they were asked for."""

    def __init__(self, *issuers: Issuer) -> None:
        self.keys = {issuer.kid: issuer.jwk for issuer in issuers}
        self.asked: list[str] = []

    async def find(self, kid: str) -> Mapping[str, Any] | None:
        self.asked.append(kid)
        return self.keys.get(kid)

    async def key(self, kid: str) -> PublicKey | None:
        jwk = await self.find(kid)
        return PublicKey(jwk) if jwk is not None else None


async def nobody(_: Principal) -> bool:
    return False


@pytest.fixture
def verifier(issuer: Issuer, clock: FakeClock) -> Verifier:
    return Verifier(Source(issuer), nobody, issuer=ISSUER, audience=AUDIENCE, clock=clock)


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (None, None),
        ("", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("abc", "abc"),
        (" abc ", "abc"),
        ("Basic abc", "Basic abc"),
    ],
)
def test_a_token_comes_with_or_without_the_word_bearer(
    header: str | None, token: str | None
) -> None:
    """As clients of the original send it."""
    assert bearer(header) == token


async def test_a_token_has_the_principals_claims(
    verifier: Verifier, issuer: Issuer, clock: FakeClock
) -> None:
    """Unknown roles are dropped."""
    principal = await verifier.authenticate(issuer.token(7, "staff", "emperor", jti="jti-1"))

    assert principal == Principal(
        7, frozenset({"staff"}), "jti-1", clock(), clock() + timedelta(minutes=15)
    )
    assert principal.is_staff


async def test_a_token_expires_by_the_clock_that_was_passed_in(
    verifier: Verifier, issuer: Issuer, clock: FakeClock
) -> None:
    """To the moment; it can still be read, to be logged out."""
    token = issuer.token()
    clock.advance(minutes=15, microseconds=-1)
    await verifier.authenticate(token)
    clock.advance(microseconds=1)

    with pytest.raises(TokenExpired):
        await verifier.authenticate(token)
    assert (await verifier.verify_signature(token)).user_id == 1


async def test_the_clocks_of_two_machines_may_differ_a_little(
    verifier: Verifier, issuer: Issuer, clock: FakeClock
) -> None:
    """Half a minute."""
    token = issuer.token(iat=clock().timestamp() + 29)

    assert (await verifier.authenticate(token)).user_id == 1


async def test_no_token_is_missing(verifier: Verifier) -> None:
    """Not invalid: the two have texts of their own."""
    with pytest.raises(TokenMissing):
        await verifier.authenticate(None)


async def test_a_denied_token_is_revoked(issuer: Issuer, clock: FakeClock) -> None:
    """Only after it was verified."""

    async def everybody(_: Principal) -> bool:
        return True

    verifier = Verifier(Source(issuer), everybody, issuer=ISSUER, audience=AUDIENCE, clock=clock)

    with pytest.raises(TokenRevoked):
        await verifier.authenticate(issuer.token())


async def test_keys_that_cannot_be_read_are_a_passing_fault(
    issuer: Issuer, clock: FakeClock
) -> None:
    """It is not the token's."""

    async def away(_: str) -> None:
        raise Unavailable("auth")

    verifier = Verifier(
        CachedKeys(away, clock=clock), nobody, issuer=ISSUER, audience=AUDIENCE, clock=clock
    )

    with pytest.raises(Unavailable):
        await verifier.authenticate(issuer.token())


async def test_a_key_is_asked_for_once_in_a_while(issuer: Issuer, clock: FakeClock) -> None:
    """And again when it was kept for long enough."""
    source = Source(issuer)
    keys = CachedKeys(source.key, clock=clock)
    forgetful = CachedKeys(source.key, clock=clock, ttl=0)
    for cache in (keys, keys, forgetful, forgetful):
        assert await cache.find(issuer.kid) == issuer.jwk

    assert len(source.asked) == 3


async def test_an_unknown_key_is_not_cached(issuer: Issuer, clock: FakeClock) -> None:
    """Forged ids would fill the memory; a key that is gone is forgotten."""
    source = Source(issuer)
    keys = CachedKeys(source.key, clock=clock, ttl=0)
    await keys.find(issuer.kid)
    source.keys.clear()
    for number in range(100):
        await keys.find(f"forged-{number}")
    await keys.find(issuer.kid)

    assert keys._cached == {}


@pytest.mark.parametrize(
    ("roles", "status"),
    [((), 401), (("customer",), 403), (("staff",), 200), (("admin",), 200), (("emperor",), 403)],
)
async def test_a_guard_asks_for_a_role(
    client: httpx.AsyncClient, issuer: Issuer, roles: tuple[str, ...], status: int
) -> None:
    """No token is a 401 that names the scheme; a wrong role is a 403."""
    headers = issuer.bearer(1, *roles) if roles else {}
    response = await client.get("/notes/1", headers=headers)

    assert response.status_code == status
    assert response.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)


async def test_a_revoked_token_is_refused_by_a_guard(
    client: httpx.AsyncClient, issuer: Issuer, database: Database, clock: FakeClock
) -> None:
    """As soon as the event was consumed."""
    headers = issuer.bearer(1, "staff", jti="jti-1")
    before = await client.get("/notes/1", headers=headers)
    await database.execute(
        QueryString(
            "INSERT INTO denied_tokens (token_id, expires_at) VALUES ('jti-1', {})", clock()
        )
    )
    after = await client.get("/notes/1", headers=headers)

    assert (before.status_code, after.status_code) == (200, 401)
    assert after.json()["error"] == "Token invalidado"


async def test_an_unreachable_auth_is_a_503_of_a_guard(
    database_url: str, clock: FakeClock, issuer: Issuer
) -> None:
    """With the time after which to try again; the token may well be valid."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no")

    wire = httpx.AsyncClient(transport=httpx.MockTransport(refuse))
    async with serving(sample.create_app(database_url, clock=clock, http=wire)) as client:
        response = await client.get("/notes/1", headers=issuer.bearer(1, "staff"))

    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert response.headers["retry-after"] == "2"


async def test_a_key_that_is_kept_ends_when_it_ends(issuer: Issuer, clock: FakeClock) -> None:
    """Also in a process that has looked it up before, and whatever tokens it has signed."""
    source = Source(issuer)
    ends = clock() + timedelta(minutes=2)

    async def find(kid: str) -> PublicKey:
        source.asked.append(kid)
        return PublicKey(issuer.jwk, ends)

    keys = CachedKeys(find, clock=clock, ttl=3600)
    verifier = Verifier(keys, nobody, issuer=ISSUER, audience=AUDIENCE, clock=clock)
    token = issuer.token(lifetime=timedelta(hours=1))
    clock.advance(minutes=1, seconds=59)
    before = await verifier.authenticate(token)
    clock.advance(seconds=1)

    assert before.user_id == 1
    assert len(source.asked) == 1
    with pytest.raises(TokenInvalid):
        await verifier.authenticate(token)


def test_a_retired_key_is_known_to_end_before_it_ends() -> None:
    """The cache's TTL is less than the shortest lifetime of a token plus a minute."""
    ttl = inspect.signature(CachedKeys).parameters["ttl"].default

    assert ttl < 60
