"""Prepare the first key and admin; purge expired rows."""

from datetime import datetime

from piccolo.querystring import QueryString

from functions.auth import throttle
from functions.auth.commands.administration import ensure_first_admin
from functions.auth.commands.devices import purge_devices
from functions.auth.dependencies import Dependencies
from functions.kit.data.database import Database, transactional


async def prepare(database: Database, dependencies: Dependencies, now: datetime) -> None:
    """Ensure a readable signing key and the first admin. Concurrent processes may run it.

    Raises `SigningKeyUnreadable`.
    """
    await dependencies.signer.ensure_key(database, now)
    await ensure_first_admin(database, dependencies, now)
    await dependencies.signer.check_key(database)


@transactional
async def purge(database: Database, now: datetime) -> None:
    """Delete expired tokens, requests to reset a password, keys, tries and devices."""
    for table, column in (
        ("refresh_tokens", "expires_at"),
        ("password_reset_links", "expires_at"),
        ("password_resets", "expires_at"),
        ("revoked_tokens", "expires_at"),
        ("signing_keys", "not_after"),
    ):
        await database.execute(
            QueryString(f"DELETE FROM {table} WHERE {column} < {{}}", now)  # noqa: S608
        )
    await database.execute(
        QueryString(
            "DELETE FROM refresh_families WHERE expires_at < {} AND NOT EXISTS"
            " (SELECT 1 FROM refresh_tokens WHERE refresh_tokens.family_id = refresh_families.id)",
            now,
        )
    )
    await database.execute(
        QueryString(
            "UPDATE refresh_tokens SET successor = NULL, sealed_until = NULL"
            " WHERE sealed_until < {}",
            now,
        )
    )
    await throttle.purge(database, now)
    await purge_devices(database, now)
