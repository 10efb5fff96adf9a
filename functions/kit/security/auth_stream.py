"""The subscription to auth's events, for all services but auth: revoked tokens, users, public keys.

The internal API stores them in the service's own database, where the public API reads them. So the
other services work while auth is down.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING

from piccolo.querystring import QueryString

from functions.kit.base.clock import Clock
from functions.kit.base.settings import ServiceSettings
from functions.kit.data.database import Database, transactional
from functions.kit.events.cloudevents import Event
from functions.kit.events.feed import digest_of
from functions.kit.events.subscriptions import Projection, Stream, Subscriptions
from functions.kit.security.remote_keys import CachedKeys, RemoteKeys, SigningKey, record_key
from functions.kit.security.revocations import (
    Revocations,
    RevokedToken,
    UserAccess,
    record_revoked_token,
    record_user_access,
)
from functions.kit.security.verifier import Verifier

if TYPE_CHECKING:
    import httpx

STREAM = Stream(source="/bookstore/auth/security", owner="auth", name="security")


def subscribe(
    subscriptions: Subscriptions,
    *,
    on_account_closed: Callable[[Database, int], Awaitable[None]] | None = None,
) -> None:
    """Register the handlers and the projection of auth's stream.

    `on_account_closed` erases what a service keeps of a user, in the event's own transaction. It
    is called again with each duplicate of the event, and with each snapshot.
    """

    async def access_changed(database: Database, event: Event, state: UserAccess) -> None:
        await record_user_access(database, event, state)
        if state.closed and on_account_closed is not None:
            await on_account_closed(database, state.user_id)

    subscriptions.on("bookstore.token.revoked.v1", RevokedToken)(record_revoked_token)
    subscriptions.on("bookstore.user.disabled.v1", UserAccess)(access_changed)
    subscriptions.on("bookstore.key.rotated.v1", SigningKey)(record_key)
    subscriptions.projections[STREAM.source] = Projection(mark_stale, delete_stale, digest)


async def mark_stale(database: Database) -> None:
    """Set the revision of every user and key to 0 (see `Projection.mark_stale`)."""
    await database.execute(QueryString("UPDATE denied_users SET revision = 0"))
    await database.execute(QueryString("UPDATE verification_keys SET revision = 0"))


async def delete_stale(database: Database) -> None:
    """Delete users and keys whose revision is still 0. Revoked tokens stay until they expire."""
    await database.execute(QueryString("DELETE FROM denied_users WHERE revision = 0"))
    await database.execute(QueryString("DELETE FROM verification_keys WHERE revision = 0"))


async def digest(database: Database, now: datetime) -> str:
    """The digest of users whose access has changed and of keys in use, as auth computes it."""
    users = await _USERS(database, now)
    keys = await database.execute(
        QueryString(
            "SELECT COUNT(*) AS n,"
            " SUM(CASE WHEN revision < 3 THEN revision ELSE -1 END) AS revisions"
            " FROM verification_keys WHERE revision > 0 AND (not_after IS NULL OR not_after > {})",
            now,
        )
    )
    row = keys.rows[0]
    return f"{users} {row['n']} {int(row['revisions'] or 0)}"


_USERS = digest_of("denied_users", "revision", "disabled")


@transactional
async def purge(database: Database, *, clock: Clock) -> None:
    """Delete revocations of tokens that have expired, and keys that no longer verify anything."""
    now = clock()
    await database.execute(QueryString("DELETE FROM denied_tokens WHERE expires_at < {}", now))
    await database.execute(QueryString("DELETE FROM verification_keys WHERE not_after < {}", now))


def verifier(
    database: Database, settings: ServiceSettings, *, clock: Clock, http: "httpx.AsyncClient"
) -> Verifier:
    """The verifier of a service that issues no tokens."""
    keys = RemoteKeys(database, settings.auth_url, clock=clock, http=http)
    return Verifier(
        CachedKeys(keys.find, clock=clock),
        Revocations(database).is_revoked,
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        clock=clock,
    )
