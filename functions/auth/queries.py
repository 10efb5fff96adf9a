"""Reads: accounts, keys, and whether a token was ended.

`Access` is what the kit's verifier asks; elsewhere the kit's deny-list answers the same question
from what this service told.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from piccolo.querystring import QueryString

from functions.auth import events
from functions.auth.domain import Role
from functions.auth.errors import UserNotFound
from functions.auth.passwords import LEGACY, LEGACY_END, legacy_rounds
from functions.auth.tables import RevokedToken, SigningKey, User, UserRole
from functions.kit.base.clock import Clock
from functions.kit.base.errors import Text
from functions.kit.data.database import Database, Row
from functions.kit.events.cloudevents import Event
from functions.kit.events.outbox import as_state
from functions.kit.security.principal import Principal
from functions.kit.security.verifier import CLOCK_SKEW

SNAPSHOT_PAGE = 500


class Account(NamedTuple):
    """A living account."""

    id: int
    email: str
    name: str | None
    roles: tuple[Role, ...]
    disabled: bool
    created_at: datetime


class Login(NamedTuple):
    """What a login is checked against."""

    user_id: int
    password_hash: str
    disabled: bool


_ACCOUNT = (User.id, User.email, User.name, User.disabled, User.created_at)


async def find_login(database: Database, email_key: str) -> Login | None:
    outcome = await database.execute(
        User.select(User.id, User.password_hash, User.disabled).where(User.email_key == email_key)
    )
    if not outcome.rows:
        return None
    row = outcome.rows[0]
    return Login(row["id"], row["password_hash"], row["disabled"])


async def slowest_legacy_hash(database: Database) -> int:
    """Iterations of the slowest hash that the original made and that is still here, or 0.

    Each kind is found by the index, however many accounts have it.
    """
    most, after = 0, LEGACY
    while True:
        outcome = await database.execute(
            QueryString(
                "SELECT MIN(password_hash) AS found FROM users"
                " WHERE password_hash > {} AND password_hash < {}",
                after,
                LEGACY_END,
            )
        )
        found: str | None = outcome.rows[0]["found"]
        if found is None:
            return most
        most = max(most, legacy_rounds(found))
        after = found.partition("$")[0] + "%"  # the next character: beyond all of its kind


async def get_account(database: Database, user_id: int) -> Account:
    """Raises `UserNotFound`, also for a deleted one."""
    outcome = await database.execute(
        User.select(*_ACCOUNT).where(User.id == user_id, User.deleted_at.is_null())
    )
    if not outcome.rows:
        raise UserNotFound(Text(f"No hay usuario {user_id}.", f"There is no user {user_id}."))
    return (await _with_roles(database, outcome.rows))[0]


async def list_accounts(
    database: Database, *, after: int, limit: int, email_key: str | None = None
) -> list[Account]:
    """Living accounts by id, beginning after one."""
    select = (
        User.select(*_ACCOUNT)
        .where(User.id > after, User.deleted_at.is_null())
        .order_by(User.id)
        .limit(limit)
    )
    if email_key is not None:
        select = select.where(User.email_key == email_key)
    return await _with_roles(database, (await database.execute(select)).rows)


async def roles_of(database: Database, user_id: int) -> tuple[Role, ...]:
    return (await _roles(database, [user_id]))[user_id]


async def _with_roles(database: Database, rows: Sequence[Row]) -> list[Account]:
    roles = await _roles(database, [row["id"] for row in rows])
    return [
        Account(
            row["id"],
            row["email"],
            row["name"],
            roles[row["id"]],
            row["disabled"],
            row["created_at"],
        )
        for row in rows
    ]


async def _roles(database: Database, user_ids: Sequence[int]) -> Mapping[int, tuple[Role, ...]]:
    found: dict[int, tuple[Role, ...]] = dict.fromkeys(user_ids, ())
    if user_ids:
        outcome = await database.execute(
            UserRole.select(UserRole.user_id, UserRole.role)
            .where(UserRole.user_id.is_in(list(user_ids)))
            .order_by(UserRole.user_id, UserRole.role)
        )
        for row in outcome.rows:
            found[row["user_id"]] += (Role(row["role"]),)
    return found


async def public_keys(database: Database, now: datetime) -> list[dict[str, Any]]:
    """JWKs of all keys whose tokens may still be alive, oldest first.

    One that signs no more has `exp`, when it verifies no more, in seconds since 1970 (as in OpenID
    Federation 1.0, section 8.7): a verifier may see it here and nowhere else.
    """
    outcome = await database.execute(
        SigningKey.select(SigningKey.public_jwk, SigningKey.not_after)
        .where((SigningKey.not_after.is_null()) | (SigningKey.not_after > now))
        .order_by(SigningKey.created_at, SigningKey.kid)
    )
    return [
        {
            **msgspec.json.decode(row["public_jwk"]),
            **({"exp": int(row["not_after"].timestamp())} if row["not_after"] is not None else {}),
        }
        for row in outcome.rows
    ]


class Access:
    """Which keys count and which tokens were ended, read from auth's own tables: at once."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock

    async def find(self, kid: str) -> Mapping[str, Any] | None:
        outcome = await self.database.execute(
            SigningKey.select(SigningKey.public_jwk, SigningKey.not_after).where(
                SigningKey.kid == kid
            )
        )
        if not outcome.rows:
            return None
        row = outcome.rows[0]
        if row["not_after"] is not None and row["not_after"] <= self.clock():
            return None
        jwk: Mapping[str, Any] = msgspec.json.decode(row["public_jwk"])
        return jwk

    async def is_revoked(self, principal: Principal) -> bool:
        """Whether the token was ended, or its user is shut out, deleted, or was never here.

        Nor is it good for a user who came after it: a restored database may give a lost user's id
        again (`kit/after_restore.py` keeps it from that).
        """
        outcome = await self.database.execute(
            QueryString(
                "SELECT 1 FROM users WHERE id = {} AND disabled = {} AND deleted_at IS NULL"
                " AND (tokens_not_before IS NULL OR tokens_not_before <= {})"
                " AND created_at <= {}"
                " AND NOT EXISTS (SELECT 1 FROM revoked_tokens WHERE token_id = {})",
                principal.user_id,
                False,
                principal.issued_at,
                principal.issued_at + CLOCK_SKEW,
                principal.token_id,
            )
        )
        return not outcome.rows


async def security_snapshot(database: Database, clock: Clock) -> AsyncIterator[Event]:
    """The present state of all keys, of all users whose access ever changed, of ended tokens."""
    now = clock()
    keys = await database.execute(
        SigningKey.select(SigningKey.kid, SigningKey.public_jwk, SigningKey.not_after)
        .where((SigningKey.not_after.is_null()) | (SigningKey.not_after > now))
        .order_by(SigningKey.created_at, SigningKey.kid)
    )
    for row in keys.rows:
        jwk = msgspec.json.decode(row["public_jwk"])
        yield as_state(events.key_rotated(row["kid"], jwk, row["not_after"]))
    async for row in _users_with_changed_access(database):
        message = events.user_disabled(
            row["id"],
            row["access_revision"],
            disabled=row["disabled"] or row["deleted_at"] is not None,
            tokens_not_before=row["tokens_not_before"],
        )
        yield as_state(message)
    async for row in _revoked_tokens(database, now):
        yield as_state(events.token_revoked(row["token_id"], row["user_id"], row["expires_at"]))


async def security_digest(database: Database, now: datetime) -> str:
    """As `kit/security/auth_stream.py` counts what it keeps of users and keys."""
    users = await database.execute(
        QueryString(
            "SELECT COUNT(*) AS n, SUM(access_revision) AS told,"
            " SUM(CASE WHEN disabled = {} OR deleted_at IS NOT NULL THEN 1 ELSE 0 END) AS shut_out"
            " FROM users WHERE access_revision > 0",
            True,
        )
    )
    keys = await database.execute(
        QueryString(
            "SELECT COUNT(*) AS n, SUM(CASE WHEN not_after IS NULL THEN 1 ELSE 2 END) AS told"
            " FROM signing_keys WHERE not_after IS NULL OR not_after > {}",
            now,
        )
    )
    user, key = users.rows[0], keys.rows[0]
    counted = (user["n"], user["told"], user["shut_out"], key["n"], key["told"])
    return " ".join(str(int(number or 0)) for number in counted)


async def _users_with_changed_access(database: Database) -> AsyncIterator[Row]:
    last = 0
    while True:
        outcome = await database.execute(
            User.select(
                User.id,
                User.disabled,
                User.access_revision,
                User.tokens_not_before,
                User.deleted_at,
            )
            .where(User.access_revision > 0, User.id > last)
            .order_by(User.id)
            .limit(SNAPSHOT_PAGE)
        )
        for row in outcome.rows:
            yield row
        if len(outcome.rows) < SNAPSHOT_PAGE:
            return
        last = outcome.rows[-1]["id"]


async def _revoked_tokens(database: Database, now: datetime) -> AsyncIterator[Row]:
    last = ""
    while True:
        outcome = await database.execute(
            RevokedToken.select(
                RevokedToken.token_id, RevokedToken.user_id, RevokedToken.expires_at
            )
            .where(RevokedToken.token_id > last, RevokedToken.expires_at > now)
            .order_by(RevokedToken.token_id)
            .limit(SNAPSHOT_PAGE)
        )
        for row in outcome.rows:
            yield row
        if len(outcome.rows) < SNAPSHOT_PAGE:
            return
        last = outcome.rows[-1]["token_id"]
