"""Public keys that verify access tokens, in a service that issues none.

They come as events of auth, which the internal API writes into the service's own database. A key
that no event has announced yet is fetched from auth once and stored.
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
"""Seconds; longer than a cold start of auth takes."""
JWKS_PER_SECOND, JWKS_BURST = 1.0, 5
"""How often auth is asked for keys at most: each forged token could name another one."""

MAX_JWK = 2048
"""Bytes; a public Ed25519 key takes less than 200."""


class SigningKey(msgspec.Struct, frozen=True):
    """bookstore.key.rotated.v1, as this side reads it."""

    kid: Annotated[str, Meta(min_length=1, max_length=64)]
    public_key: dict[str, Any]
    """A JWK."""
    not_after: Annotated[datetime, Meta(tz=True)] | None = None
    """Set once the key signs no more: when the last token that it signed expires."""

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
    """Keys of another source, kept for a while, so that few requests look them up.

    A key's end counts also while it is kept here. That a key has one at all is known `keep` seconds
    after the source knows, which is sooner than any key ends: auth gives it at least the life of
    an access token, which is a minute or more, and a minute beyond.

    What nobody knows is not kept: forged key ids would fill the memory. The source bounds how
    often it asks further away (`RemoteKeys`).
    """

    def __init__(
        self,
        source: Callable[[str], Awaitable[PublicKey | None]],
        *,
        clock: Clock,
        keep: float = 30.0,
    ) -> None:
        self.source = source
        self.clock = clock
        self.keep = keep
        self._known: dict[str, tuple[float, PublicKey]] = {}
        self._asking: dict[str, asyncio.Task[PublicKey | None]] = {}

    async def find(self, kid: str) -> Mapping[str, Any] | None:
        until, key = self._known.get(kid, (0.0, None))
        if key is None or until <= time.monotonic():
            # All who ask for a key at once wait for one answer: a cold start meets many of them.
            asking = self._asking.get(kid)
            if asking is None:
                asking = self._asking[kid] = asyncio.create_task(self._ask(kid))
                asking.add_done_callback(lambda _: self._asking.pop(kid, None))
            key = await asyncio.shield(asking)
        return None if key is None or key.has_ended(self.clock()) else key.jwk

    async def _ask(self, kid: str) -> PublicKey | None:
        key = await self.source(kid)
        if key is None:
            self._known.pop(kid, None)
        else:
            self._known[kid] = (time.monotonic() + self.keep, key)
        return key


class RemoteKeys:
    """Keys of the own database, else of auth's `/.well-known/jwks.json`."""

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
        """A public key: from the own database, else from auth, which then need not be asked again.

        Raises `Unavailable` when only auth could know and it cannot be reached.
        """
        outcome = await self.database.execute(
            QueryString("SELECT jwk, not_after FROM verification_keys WHERE kid = {}", kid)
        )
        if outcome.rows:
            row = outcome.rows[0]
            return PublicKey(msgspec.json.decode(row["jwk"]), row["not_after"])
        return await self._ask_auth(kid)

    async def _ask_auth(self, kid: str) -> PublicKey | None:
        """One request to auth serves all who wait, and forged key ids cause few."""
        if self._fetching is None and self._rate.take():
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
        """All of auth's keys by id, kept from now on; None where it cannot be read."""
        import httpx  # noqa: PLC0415 - needed when a key was never seen before; see http/client.py

        try:
            response = await self.http.get(
                f"{self.auth_url}/.well-known/jwks.json", timeout=JWKS_TIMEOUT
            )
            response.raise_for_status()
            shown = msgspec.json.decode(response.content, type=_KeySet).keys
        except (httpx.HTTPError, ValueError, RecursionError) as error:
            logger.warning("auth's keys cannot be read: %s", type(error).__name__)
            return None
        keys = {}
        for jwk in shown:
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
    """When a key that auth shows verifies no more; None while it signs."""
    if type(seconds) is not int or not 0 <= seconds < _LATEST:
        return None
    return datetime.fromtimestamp(seconds, UTC)


_LATEST = 2**37
"""Seconds since 1970: well within what datetime and a MySQL DATETIME hold."""


@transactional
async def _store(database: Database, kid: str, key: PublicKey) -> None:
    await store_key(database, kid, 0, key.jwk, key.not_after)  # any event about it is newer
