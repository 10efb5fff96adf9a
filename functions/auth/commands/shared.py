"""Steps of several use cases, called inside their transaction with the user's row locked.

Every use case locks the user's row before the rows that refer to it, so none deadlock.
"""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from piccolo.querystring import QueryString

from functions.auth import events, queries
from functions.auth.dependencies import Dependencies
from functions.auth.domain import Email, Language, Role
from functions.auth.errors import EmailAlreadyRegistered
from functions.auth.signing import AccessToken
from functions.auth.tables import (
    PasswordResetLinkRow,
    PasswordResetRow,
    RefreshFamilyRow,
    RefreshTokenRow,
    UserRoleRow,
    UserRow,
)
from functions.kit.base.errors import Text
from functions.kit.data.database import Database, Row, transactional

TOKEN_BYTES = 32
"""Random bytes of a refresh token, and of the token in a link."""


class TokenPair(NamedTuple):
    access: AccessToken
    refresh_token: str


def hash_of(token: str) -> str:
    """The stored hash of a token. 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


async def lock_user(database: Database, user_id: int) -> Row | None:
    """The locked row of an account; None where it was deleted."""
    rows = await database.locked(
        UserRow.select(
            UserRow.id,
            UserRow.email_key,
            UserRow.password_hash,
            UserRow.disabled,
            UserRow.language,
        ).where(UserRow.id == user_id, UserRow.deleted_at.is_null())
    )
    return rows[0] if rows else None


@transactional
async def insert_user(
    database: Database,
    email: Email,
    password_hash: str,
    name: str | None,
    roles: Iterable[Role],
    now: datetime,
    *,
    language: Language | None = None,
) -> int:
    """Insert an account. Returns its id.

    Raises `EmailAlreadyRegistered`.
    """
    user = UserRow(
        email=email.address,
        email_key=email.key,
        name=name,
        password_hash=password_hash,
        language=language,
        created_at=now,
    )
    try:
        user_id: int = (await database.execute(UserRow.insert(user))).lastrowid
    except Exception as error:
        if database.is_duplicate(error):
            raise EmailAlreadyRegistered(
                Text("Inicie sesión o use otra dirección.", "Log in, or use another address.")
            ) from error
        raise
    await add_roles(database, user_id, roles)
    return user_id


async def add_roles(database: Database, user_id: int, roles: Iterable[Role]) -> None:
    for role in sorted(roles):
        await database.execute(UserRoleRow.insert(UserRoleRow(user_id=user_id, role=role)))


async def begin_family(
    database: Database, dependencies: Dependencies, user_id: int, now: datetime
) -> TokenPair:
    """The first tokens of a login."""
    family = RefreshFamilyRow(user_id=user_id, created_at=now, expires_at=now)
    outcome = await database.execute(RefreshFamilyRow.insert(family))
    return await issue(database, dependencies, outcome.lastrowid, user_id, now)


async def issue(
    database: Database, dependencies: Dependencies, family_id: int, user_id: int, now: datetime
) -> TokenPair:
    """The next tokens of a family."""
    roles = await queries.roles_of(database, user_id)
    access = await dependencies.signer.access_token(database, user_id, roles, now)
    refresh_token = secrets.token_urlsafe(TOKEN_BYTES)
    expires_at = now + timedelta(days=dependencies.settings.refresh_token_days)
    await database.execute(
        RefreshTokenRow.insert(
            RefreshTokenRow(
                token_hash=hash_of(refresh_token),
                family_id=family_id,
                expires_at=expires_at,
                access_token_id=access.token_id,
                access_expires_at=access.expires_at,
            )
        )
    )
    await database.execute(
        RefreshFamilyRow.update({RefreshFamilyRow.expires_at: expires_at}).where(
            RefreshFamilyRow.id == family_id
        )
    )
    return TokenPair(access, refresh_token)


async def end_family(
    database: Database, dependencies: Dependencies, family_id: int, user_id: int, now: datetime
) -> None:
    """Revoke one login: its refresh tokens, and its unexpired access tokens."""
    await database.execute(
        RefreshFamilyRow.update({RefreshFamilyRow.ended_at: now}).where(
            RefreshFamilyRow.id == family_id, RefreshFamilyRow.ended_at.is_null()
        )
    )
    unexpired = await database.execute(
        RefreshTokenRow.select(RefreshTokenRow.access_token_id, RefreshTokenRow.access_expires_at)
        .where(RefreshTokenRow.family_id == family_id, RefreshTokenRow.access_expires_at > now)
        .order_by(RefreshTokenRow.id)
    )
    for row in unexpired.rows:
        await revoke(
            database, dependencies, row["access_token_id"], user_id, row["access_expires_at"]
        )


async def revoke(
    database: Database,
    dependencies: Dependencies,
    token_id: str,
    user_id: int,
    expires_at: datetime,
) -> None:
    """Revoke an access token and publish that. Idempotent."""
    inserted = await database.execute(
        QueryString(
            "INSERT INTO revoked_tokens (token_id, user_id, expires_at) VALUES ({}, {}, {})"
            " ON CONFLICT (token_id) DO NOTHING",
            token_id,
            user_id,
            expires_at,
        )
    )
    if inserted.rowcount:
        await dependencies.outbox.add(database, events.token_revoked(token_id, user_id, expires_at))


async def end_all_families(database: Database, user_id: int, now: datetime) -> None:
    """Revoke every login of a user; `end_access` revokes the access tokens."""
    await database.execute(
        RefreshFamilyRow.update({RefreshFamilyRow.ended_at: now}).where(
            RefreshFamilyRow.user_id == user_id, RefreshFamilyRow.ended_at.is_null()
        )
    )


async def end_other_families(
    database: Database, dependencies: Dependencies, user_id: int, token_id: str, now: datetime
) -> None:
    """Revoke every login of a user except that of one access token."""
    own = RefreshTokenRow.select(RefreshTokenRow.family_id).where(
        RefreshTokenRow.access_token_id == token_id
    )
    others = await database.execute(
        RefreshFamilyRow.select(RefreshFamilyRow.id)
        .where(
            RefreshFamilyRow.user_id == user_id,
            RefreshFamilyRow.ended_at.is_null(),
            RefreshFamilyRow.id.not_in(own),
        )
        .order_by(RefreshFamilyRow.id)
    )
    for row in others.rows:
        await end_family(database, dependencies, row["id"], user_id, now)


async def delete_resets(database: Database, user_id: int) -> None:
    """Make every link to reset the password of a user void."""
    own = PasswordResetRow.select(PasswordResetRow.id).where(PasswordResetRow.user_id == user_id)
    await database.execute(
        PasswordResetLinkRow.delete().where(PasswordResetLinkRow.reset_id.is_in(own))
    )
    await database.execute(PasswordResetRow.delete().where(PasswordResetRow.user_id == user_id))


async def end_access(
    database: Database, dependencies: Dependencies, user_id: int, now: datetime
) -> None:
    """Revoke the present access tokens of a user, here at once and elsewhere by an event.

    The event has the state of the row: callers write their other changes before.
    """
    await database.execute(
        UserRow.update(
            {UserRow.access_revision: UserRow.access_revision + 1, UserRow.tokens_not_before: now}
        ).where(UserRow.id == user_id)
    )
    outcome = await database.execute(
        UserRow.select(UserRow.access_revision, UserRow.disabled, UserRow.deleted_at).where(
            UserRow.id == user_id
        )
    )
    row = outcome.rows[0]
    await dependencies.outbox.add(
        database,
        events.user_disabled(
            user_id,
            row["access_revision"],
            disabled=row["disabled"],
            closed=row["deleted_at"] is not None,
            tokens_not_before=now,
        ),
    )
