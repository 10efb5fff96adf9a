"""Public keys that verify access tokens, for all services but auth.

They arrive as auth's events and are stored in the service's own database. A key whose event has not
arrived yet is fetched from auth once, and stored.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta
from piccolo.querystring import QueryString

from functions.kit.base.clock import Clock
from functions.kit.base.errors import Unavailable
from functions.kit.data.database import Database, transactional
from functions.kit.events.cloudevents import Event
from functions.kit.security.rate_limit import TokenBucket
from functions.kit.security.verifier import PublicKey

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)

JWKS_TIMEOUT = 5.0
"""Seconds; longer than a cold start of auth."""
JWKS_PER_SECOND, JWKS_BURST = 1.0, 5
"""Rate limit of requests to auth: each forged token may name another unknown key."""

MAX_JWK = 2048
"""Bytes; a public Ed25519 key has less than 200."""


class SigningKey(msgspec.Struct, frozen=True):
    """The state of a `bookstore.key.rotated.v1` event, as consumed here."""

    kid: Annotated[str, Meta(min_length=1, max_length=64)]
    public_key: dict[str, Any]
    """A JWK."""
    not_after: Annotated[datetime, Meta(tz=True)] | None = None
    """For a key that signs no new tokens: when the last token that it signed expires."""

    def __post_init__(self) -> None:
        if len(msgspec.json.encode(self.public_key)) > MAX_JWK:
            raise ValueError(f"public_key is longer than {MAX_JWK} bytes")


@transactional
async def record_key(database: Database, event: Event, state: SigningKey) -> None:
    await store_key(database, state.kid, event.revision or 0, state.public_key, state.not_after)


async def store_key(
    database: Database,
    kid: str,
    revision: int,
    jwk: Mapping[str, Any],
    not_after: datetime | None,
) -> None:
    text = msgspec.json.encode(jwk).decode()
    await database.execute(
        QueryString(
            "INSERT INTO verification_keys (kid, revision, jwk, not_after) VALUES ({}, {}, {}, {})"
            " ON CONFLICT (kid) DO NOTHING",
            kid,
            revision,
            text,
            not_after,
        )
    )
    await database.execute(
        QueryString(
            "UPDATE verification_keys SET revision = {}, jwk = {}, not_after = {}"
            " WHERE kid = {} AND revision < {}",
            revision,
            text,
            not_after,
            kid,
            revision,
        )
    )


class CachedKeys:
    """Caches the keys of another source, each for `ttl` seconds.

    `PublicKey.not_after` is also checked for a cached key. A new `not_after` is seen at most `ttl`
    seconds late. That is early enough: auth sets it at least the lifetime of an access token (a
    minute or more) plus a minute into the future.

    Unknown key ids are not cached, because forged ones would fill the memory. `RemoteKeys` limits
    the rate of requests for them.
    """

    def __init__(
        self,
        source: Callable[[str], Awaitable[PublicKey | None]],
        *,
        clock: Clock,
        ttl: float = 30.0,
    ) -> None:
        self.source = source
        self.clock = clock
        self.ttl = ttl
        self._cached: dict[str, tuple[float, PublicKey]] = {}
        self._loading: dict[str, asyncio.Task[PublicKey | None]] = {}

    async def find(self, kid: str) -> Mapping[str, Any] | None:
        until, key = self._cached.get(kid, (0.0, None))
        if key is None or until <= time.monotonic():
            # Concurrent requests for a key share one lookup: there are many after a cold start.
            loading = self._loading.get(kid)
            if loading is None:
                loading = self._loading[kid] = asyncio.create_task(self._load(kid))
                loading.add_done_callback(lambda _: self._loading.pop(kid, None))
            key = await asyncio.shield(loading)
        return None if key is None or key.has_ended(self.clock()) else key.jwk

    async def _load(self, kid: str) -> PublicKey | None:
        key = await self.source(kid)
        if key is None:
            self._cached.pop(kid, None)
        else:
            self._cached[kid] = (time.monotonic() + self.ttl, key)
        return key


class RemoteKeys:
    """Keys from the service's own database, or else from auth's `/.well-known/jwks.json`."""

    def __init__(
        self, database: Database, auth_url: str, *, clock: Clock, http: "httpx.AsyncClient"
    ) -> None:
        self.database = database
        self.auth_url = auth_url
        self.clock = clock
        self.http = http
        self._rate = TokenBucket(per_second=JWKS_PER_SECOND, burst=JWKS_BURST)
        self._fetching: asyncio.Task[dict[str, PublicKey] | None] | None = None
        self._reachable = True

    async def find(self, kid: str) -> PublicKey | None:
        """A public key from the database, or else from auth; None if neither has it.

        Raises `Unavailable` if the database does not have it and auth cannot be reached.
        """
        outcome = await self.database.execute(
            QueryString("SELECT jwk, not_after FROM verification_keys WHERE kid = {}", kid)
        )
        if outcome.rows:
            row = outcome.rows[0]
            return PublicKey(msgspec.json.decode(row["jwk"]), row["not_after"])
        return await self._find_at_auth(kid)

    async def _find_at_auth(self, kid: str) -> PublicKey | None:
        """Concurrent calls share one request, whose rate is limited."""
        if self._fetching is None and self._rate.try_acquire():
            self._fetching = asyncio.create_task(self._fetch())
            self._fetching.add_done_callback(self._fetched)
        if self._fetching is not None:
            keys = await asyncio.shield(self._fetching)
        else:
            keys = {} if self._reachable else None
        if keys is None:
            raise Unavailable("auth's keys cannot be read. Try again.", retry_after=2)
        return keys.get(kid)

    async def _fetch(self) -> dict[str, PublicKey] | None:
        """All of auth's keys by id, after storing them; None if auth cannot be read."""
        import httpx  # noqa: PLC0415 - imported when it is used, see http/client.py

        try:
            response = await self.http.get(
                f"{self.auth_url}/.well-known/jwks.json", timeout=JWKS_TIMEOUT
            )
            response.raise_for_status()
            jwks = msgspec.json.decode(response.content, type=_KeySet).keys
        except (httpx.HTTPError, ValueError, RecursionError) as error:
            logger.warning("auth's keys cannot be read: %s", type(error).__name__)
            return None
        keys = {}
        for jwk in jwks:
            kid, end = jwk.get("kid"), jwk.pop("exp", None)
            if isinstance(kid, str) and len(kid) <= 64:
                key = keys[kid] = PublicKey(jwk, _end(end))
                await _store(self.database, kid, key)
        return keys

    def _fetched(self, task: asyncio.Task[dict[str, PublicKey] | None]) -> None:
        self._fetching = None
        failed = task.cancelled() or task.exception() is not None
        self._reachable = not failed and task.result() is not None


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


def _end(seconds: object) -> datetime | None:
    """A key's `exp` as a time; None if it has no valid one."""
    if type(seconds) is not int or not 0 <= seconds < _LATEST:
        return None
    return datetime.fromtimestamp(seconds, UTC)


_LATEST = 2**37
"""Seconds since 1970, within the range of `datetime` and of a MySQL DATETIME."""


@transactional
async def _store(database: Database, kid: str, key: PublicKey) -> None:
    # Revision 0: every event about the key is newer.
    await store_key(database, kid, 0, key.jwk, key.not_after)
