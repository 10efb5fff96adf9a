"""What a service that issues no tokens knows of auth: ended tokens, shut-out users, public keys.

They come as events, or by the feed, to the internal door, which writes them into the service's
own database; the public door reads them there. So a sale needs no auth that is awake. A key that
nobody has told of yet is fetched from auth, once, and kept.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta
from piccolo.querystring import QueryString

from functions.kit.base.clock import Clock
from functions.kit.base.errors import Unavailable
from functions.kit.base.fields import Id
from functions.kit.base.settings import ServiceSettings
from functions.kit.data.database import Database, transactional
from functions.kit.events.cloudevents import Event
from functions.kit.events.feed import digest_of
from functions.kit.events.subscriptions import Projection, Stream, Subscriptions
from functions.kit.security.tokens import CachedKeys, Principal, PublicKey, TokenBucket, Verifier

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)

STREAM = Stream(source="/bookstore/auth/security", owner="auth", name="security")

JWKS_TIMEOUT = 5.0
"""Seconds; longer than a cold start of auth takes."""
JWKS_PER_SECOND, JWKS_BURST = 1.0, 5
"""How often auth is asked for keys at most: each forged token could name another one."""

MAX_JWK = 2048
"""Bytes; a public Ed25519 key takes less than 200."""

Moment = Annotated[datetime, Meta(tz=True)]


class TokenRevoked(msgspec.Struct, frozen=True):
    """bookstore.token.revoked.v1, as this side reads it."""

    token_id: Annotated[str, Meta(min_length=1, max_length=64)]
    expires_at: Moment


class UserAccess(msgspec.Struct, frozen=True):
    """bookstore.user.disabled.v1, as this side reads it."""

    user_id: Id
    disabled: bool
    tokens_not_before: Moment
    """Tokens issued before this moment are refused, whatever they say."""


class SigningKey(msgspec.Struct, frozen=True):
    """bookstore.key.rotated.v1, as this side reads it."""

    kid: Annotated[str, Meta(min_length=1, max_length=64)]
    public_key: dict[str, Any]
    """A JWK."""
    not_after: Moment | None = None
    """Set once the key signs no more: when the last token that it signed expires."""

    def __post_init__(self) -> None:
        if len(msgspec.json.encode(self.public_key)) > MAX_JWK:
            raise ValueError(f"public_key is longer than {MAX_JWK} bytes")


def subscribe(subscriptions: Subscriptions) -> None:
    """Let a service's internal door take in what auth tells."""
    subscriptions.on("bookstore.token.revoked.v1", TokenRevoked)(deny_token)
    subscriptions.on("bookstore.user.disabled.v1", UserAccess)(record_user_access)
    subscriptions.on("bookstore.key.rotated.v1", SigningKey)(record_key)
    subscriptions.projections[STREAM.source] = Projection(doubt, forget, digest)


async def doubt(database: Database) -> None:
    """Whatever auth tells of users and keys is newer than what is known."""
    await database.execute(QueryString("UPDATE denied_users SET revision = 0"))
    await database.execute(QueryString("UPDATE verification_keys SET revision = 0"))


async def forget(database: Database) -> None:
    """Users and keys that auth does not know; an ended token stays ended, until it expires."""
    await database.execute(QueryString("DELETE FROM denied_users WHERE revision = 0"))
    await database.execute(QueryString("DELETE FROM verification_keys WHERE revision = 0"))


async def digest(database: Database, now: datetime) -> str:
    """Users whose access has changed and keys that verify, as auth's own digest counts them."""
    users = await _USERS(database, now)
    keys = await database.execute(
        QueryString(
            "SELECT COUNT(*) AS n, SUM(CASE WHEN revision < 3 THEN revision ELSE -1 END) AS told"
            " FROM verification_keys WHERE revision > 0 AND (not_after IS NULL OR not_after > {})",
            now,
        )
    )
    row = keys.rows[0]
    return f"{users} {row['n']} {int(row['told'] or 0)}"


_USERS = digest_of("denied_users", "revision", "disabled")


@transactional
async def deny_token(database: Database, event: Event, state: TokenRevoked) -> None:
    del event
    await database.execute(
        QueryString(
            "INSERT INTO denied_tokens (token_id, expires_at) VALUES ({}, {})"
            " ON CONFLICT (token_id) DO NOTHING",
            state.token_id,
            state.expires_at,
        )
    )


@transactional
async def record_user_access(database: Database, event: Event, state: UserAccess) -> None:
    # Two statements rather than a look before: of two first events at once the newer one stays.
    await database.execute(
        QueryString(
            "INSERT INTO denied_users (user_id, revision, disabled, tokens_not_before)"
            " VALUES ({}, {}, {}, {}) ON CONFLICT (user_id) DO NOTHING",
            state.user_id,
            _revision(event),
            state.disabled,
            state.tokens_not_before,
        )
    )
    await database.execute(
        QueryString(
            "UPDATE denied_users SET revision = {}, disabled = {}, tokens_not_before = {}"
            " WHERE user_id = {} AND revision < {}",
            _revision(event),
            state.disabled,
            state.tokens_not_before,
            state.user_id,
            _revision(event),
        )
    )


@transactional
async def record_key(database: Database, event: Event, state: SigningKey) -> None:
    await _keep_key(database, state.kid, _revision(event), state.public_key, state.not_after)


async def _keep_key(
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


class DenyList:
    """The public door's view of it."""

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

    async def denied(self, principal: Principal) -> bool:
        """Whether auth has ended this token or shut its user out."""
        outcome = await self.database.execute(
            QueryString(
                "SELECT 1 FROM denied_tokens WHERE token_id = {} UNION ALL"
                " SELECT 1 FROM denied_users WHERE user_id = {}"
                " AND (disabled = {} OR tokens_not_before > {})",
                principal.token_id,
                principal.user_id,
                True,
                principal.issued_at,
            )
        )
        return bool(outcome.rows)

    async def key(self, kid: str) -> Mapping[str, Any] | None:
        """A public key that verifies at this moment; see `known_key`."""
        found = await self.known_key(kid)
        return None if found is None or found.has_ended(self.clock()) else found.jwk

    async def known_key(self, kid: str) -> PublicKey | None:
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
        import httpx  # noqa: PLC0415 - needed when a key was never seen before; see lazy_http.py

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
                await _keep(self.database, kid, key)
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
async def _keep(database: Database, kid: str, key: PublicKey) -> None:
    await _keep_key(database, kid, 0, key.jwk, key.not_after)  # any event about it is newer


@transactional
async def purge(database: Database, *, clock: Clock) -> None:
    """Forget tokens that have expired by themselves, and keys that verify nothing any more."""
    now = clock()
    await database.execute(QueryString("DELETE FROM denied_tokens WHERE expires_at < {}", now))
    await database.execute(QueryString("DELETE FROM verification_keys WHERE not_after < {}", now))


def _revision(event: Event) -> int:
    return event.revision if event.revision is not None else 0


def verifier(
    database: Database, settings: ServiceSettings, *, clock: Clock, http: "httpx.AsyncClient"
) -> Verifier:
    """What checks access tokens in a service that issues none."""
    known = DenyList(database, settings.auth_url, clock=clock, http=http)
    return Verifier(
        CachedKeys(known.known_key, clock=clock),
        known.denied,
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        clock=clock,
    )
