"""Steps of several use cases; each is called inside their transaction, the user's row locked.

That row comes before the rows that hang on it, so no two use cases wait for each other.
"""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from piccolo.querystring import QueryString

from functions.auth import events, queries
from functions.auth.dependencies import Dependencies
from functions.auth.domain import Email, Role
from functions.auth.errors import EmailAlreadyRegistered
from functions.auth.signing import AccessToken
from functions.auth.tables import RefreshFamily, RefreshToken, User, UserRole
from functions.kit.base.errors import Text
from functions.kit.data.database import Database, Row, transactional

REFRESH_BYTES = 32


class TokenPair(NamedTuple):
    access: AccessToken
    refresh_token: str


def hash_of(refresh_token: str) -> str:
    """What is kept of a refresh token: 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(refresh_token.encode()).hexdigest()


async def lock_user(database: Database, user_id: int) -> Row | None:
    """The row of a living account."""
    rows = await database.locked(
        User.select(User.id, User.email_key, User.password_hash, User.disabled).where(
            User.id == user_id, User.deleted_at.is_null()
        )
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
) -> int:
    """A new account; answers its id.

    Raises `EmailAlreadyRegistered`.
    """
    user = User(
        email=email.address,
        email_key=email.key,
        name=name,
        password_hash=password_hash,
        created_at=now,
    )
    try:
        user_id: int = (await database.execute(User.insert(user))).lastrowid
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
        await database.execute(UserRole.insert(UserRole(user_id=user_id, role=role)))


async def begin_family(
    database: Database, dependencies: Dependencies, user_id: int, now: datetime
) -> TokenPair:
    """The first tokens of a login."""
    family = RefreshFamily(user_id=user_id, created_at=now, expires_at=now)
    outcome = await database.execute(RefreshFamily.insert(family))
    return await issue(database, dependencies, outcome.lastrowid, user_id, now)


async def issue(
    database: Database, dependencies: Dependencies, family_id: int, user_id: int, now: datetime
) -> TokenPair:
    """The next tokens of a family."""
    roles = await queries.roles_of(database, user_id)
    access = await dependencies.signer.access_token(database, user_id, roles, now)
    refresh_token = secrets.token_urlsafe(REFRESH_BYTES)
    expires_at = now + timedelta(days=dependencies.settings.refresh_token_days)
    await database.execute(
        RefreshToken.insert(
            RefreshToken(
                token_hash=hash_of(refresh_token),
                family_id=family_id,
                expires_at=expires_at,
                access_token_id=access.token_id,
                access_expires_at=access.expires_at,
            )
        )
    )
    await database.execute(
        RefreshFamily.update({RefreshFamily.expires_at: expires_at}).where(
            RefreshFamily.id == family_id
        )
    )
    return TokenPair(access, refresh_token)


async def end_family(
    database: Database, dependencies: Dependencies, family_id: int, user_id: int, now: datetime
) -> None:
    """End one login: its refresh tokens, and its access tokens that still live."""
    await database.execute(
        RefreshFamily.update({RefreshFamily.ended_at: now}).where(
            RefreshFamily.id == family_id, RefreshFamily.ended_at.is_null()
        )
    )
    living = await database.execute(
        RefreshToken.select(RefreshToken.access_token_id, RefreshToken.access_expires_at)
        .where(RefreshToken.family_id == family_id, RefreshToken.access_expires_at > now)
        .order_by(RefreshToken.id)
    )
    for row in living.rows:
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
    """End one access token, and tell the others; a second time changes nothing."""
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
    """End every login of a user; access tokens are ended by `end_access`."""
    await database.execute(
        RefreshFamily.update({RefreshFamily.ended_at: now}).where(
            RefreshFamily.user_id == user_id, RefreshFamily.ended_at.is_null()
        )
    )


async def end_other_families(
    database: Database, dependencies: Dependencies, user_id: int, token_id: str, now: datetime
) -> None:
    """End every login of a user but the one that an access token belongs to."""
    own = RefreshToken.select(RefreshToken.family_id).where(
        RefreshToken.access_token_id == token_id
    )
    others = await database.execute(
        RefreshFamily.select(RefreshFamily.id)
        .where(
            RefreshFamily.user_id == user_id,
            RefreshFamily.ended_at.is_null(),
            RefreshFamily.id.not_in(own),
        )
        .order_by(RefreshFamily.id)
    )
    for row in others.rows:
        await end_family(database, dependencies, row["id"], user_id, now)


async def end_access(
    database: Database, dependencies: Dependencies, user_id: int, now: datetime
) -> None:
    """Refuse the access tokens that a user has now, here at once, elsewhere by an event.

    The event tells the row as it is then: write what else changes before.
    """
    await database.execute(
        User.update(
            {User.access_revision: User.access_revision + 1, User.tokens_not_before: now}
        ).where(User.id == user_id)
    )
    outcome = await database.execute(
        User.select(User.access_revision, User.disabled, User.deleted_at).where(User.id == user_id)
    )
    row = outcome.rows[0]
    await dependencies.outbox.add(
        database,
        events.user_disabled(
            user_id,
            row["access_revision"],
            disabled=row["disabled"] or row["deleted_at"] is not None,
            tokens_not_before=now,
        ),
    )
