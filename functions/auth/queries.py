"""Reads: accounts, signing keys, and revocations.

The kit's verifier reads `Access` in this service; in others it reads the kit's deny-list, which is
built from this service's events.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec
from piccolo.columns.combination import WhereRaw
from piccolo.querystring import QueryString

from functions.auth import events
from functions.auth.domain import Language, Role
from functions.auth.errors import UserNotFound
from functions.auth.passwords import LEGACY, LEGACY_END, legacy_rounds
from functions.auth.tables import (
    PasswordResetRow,
    RevokedTokenRow,
    SigningKeyRow,
    UserRoleRow,
    UserRow,
)
from functions.kit.base.clock import Clock
from functions.kit.base.errors import Text
from functions.kit.data.database import Database, Row
from functions.kit.events.cloudevents import Event
from functions.kit.events.feed import id_in
from functions.kit.events.outbox import as_state
from functions.kit.http.keyset import KeysetOrder
from functions.kit.security.principal import Principal
from functions.kit.security.verifier import CLOCK_SKEW

SNAPSHOT_PAGE = 500

DEFAULT_LANGUAGE = Language.SPANISH
"""Of an account that has named none."""


class Account(NamedTuple):
    """An account that was not deleted."""

    id: int
    email: str
    name: str | None
    roles: tuple[Role, ...]
    disabled: bool
    created_at: datetime
    language: Language
    """Of mails."""


class Contact(NamedTuple):
    """What a mail to the owner of an account needs."""

    user_id: int
    email: str
    name: str | None
    language: Language


class Login(NamedTuple):
    """The columns that a login is checked against."""

    user_id: int
    password_hash: str
    disabled: bool


_ACCOUNT = (
    UserRow.id,
    UserRow.email,
    UserRow.name,
    UserRow.disabled,
    UserRow.created_at,
    UserRow.language,
)


async def find_login(database: Database, email_key: str) -> Login | None:
    outcome = await database.execute(
        UserRow.select(UserRow.id, UserRow.password_hash, UserRow.disabled).where(
            UserRow.email_key == email_key
        )
    )
    if not outcome.rows:
        return None
    row = outcome.rows[0]
    return Login(row["id"], row["password_hash"], row["disabled"])


async def slowest_legacy_hash(database: Database) -> int:
    """Iterations of the slowest legacy hash of any account; 0 where there is none.

    Reads one index entry per number of iterations, however many accounts have it.
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
        after = found.partition("$")[0] + "%"  # sorts after every hash with the same iterations


async def get_account(database: Database, user_id: int) -> Account:
    """Raises `UserNotFound`, also for a deleted account."""
    outcome = await database.execute(
        UserRow.select(*_ACCOUNT).where(UserRow.id == user_id, UserRow.deleted_at.is_null())
    )
    if not outcome.rows:
        raise UserNotFound(Text(f"No hay usuario {user_id}.", f"There is no user {user_id}."))
    return (await _with_roles(database, outcome.rows))[0]


async def get_contact(database: Database, user_id: int) -> Contact:
    """Raises `UserNotFound`, also for a deleted account."""
    outcome = await database.execute(
        UserRow.select(UserRow.id, UserRow.email, UserRow.name, UserRow.language).where(
            UserRow.id == user_id, UserRow.deleted_at.is_null()
        )
    )
    if not outcome.rows:
        raise UserNotFound(Text(f"No hay usuario {user_id}.", f"There is no user {user_id}."))
    row = outcome.rows[0]
    language = Language(row["language"] or DEFAULT_LANGUAGE)
    return Contact(row["id"], row["email"], row["name"], language)


class AccountFilter(NamedTuple):
    """What the listed accounts have in common; None: anything."""

    email_key: str | None = None
    text: str | None = None
    """A part of the address, or of the name, whatever the case."""
    role: Role | None = None
    disabled: bool | None = None


class AccountSort(StrEnum):
    """A minus means descending."""

    ID = "id"
    ID_DESCENDING = "-id"
    CREATED = "created"
    CREATED_DESCENDING = "-created"
    EMAIL = "email"
    """By the address in lower case."""
    EMAIL_DESCENDING = "-email"


_ORDERS = {"id": ("id", int), "created": ("created_at", datetime), "email": ("email_key", str)}


async def list_accounts(
    database: Database, sort: AccountSort, *, after: str | None, limit: int, where: AccountFilter
) -> tuple[list[Account], str | None]:
    """A page of the accounts that were not deleted, and the cursor of the next.

    Accounts are read in the order of an index until those that `where` leaves fill the page.

    Raises `InvalidInput` for a cursor of another order.
    """
    order = KeysetOrder.of(sort, _ORDERS)
    select = (
        UserRow.select(*_ACCOUNT, UserRow.email_key)
        .where(UserRow.deleted_at.is_null())
        .order_by(*order.columns, ascending=not order.descending)
        .limit(limit + 1)
    )
    if after is not None:
        beyond = order.beyond(after)
        select = select.where(WhereRaw(beyond.template, *beyond.args))
    if where.email_key is not None:
        select = select.where(UserRow.email_key == where.email_key)
    if where.disabled is not None:
        select = select.where(UserRow.disabled.eq(where.disabled))
    if where.text is not None:
        pattern = f"%{_literal(where.text.lower())}%"
        select = select.where(
            WhereRaw(
                "(email_key LIKE {} ESCAPE '!' OR LOWER(name) LIKE {} ESCAPE '!')", pattern, pattern
            )
        )
    if where.role is not None:
        select = select.where(
            WhereRaw(
                "EXISTS (SELECT 1 FROM user_roles r WHERE r.user_id = users.id AND r.role = {})",
                where.role.value,
            )
        )
    rows = (await database.execute(select)).rows
    cursor = order.cursor(rows[limit - 1]) if len(rows) > limit else None
    return await _with_roles(database, rows[:limit]), cursor


def _literal(text: str) -> str:
    """The text as a part of a LIKE pattern in which `!` escapes."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


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
            Language(row["language"] or DEFAULT_LANGUAGE),
        )
        for row in rows
    ]


async def _roles(database: Database, user_ids: Sequence[int]) -> Mapping[int, tuple[Role, ...]]:
    found: dict[int, tuple[Role, ...]] = dict.fromkeys(user_ids, ())
    if user_ids:
        outcome = await database.execute(
            UserRoleRow.select(UserRoleRow.user_id, UserRoleRow.role)
            .where(UserRoleRow.user_id.is_in(list(user_ids)))
            .order_by(UserRoleRow.user_id, UserRoleRow.role)
        )
        for row in outcome.rows:
            found[row["user_id"]] += (Role(row["role"]),)
    return found


class SigningKeyFacts(NamedTuple):
    """A signing key without its private part."""

    kid: str
    created_at: datetime
    retired_at: datetime | None
    not_after: datetime | None


async def list_keys(database: Database, *, limit: int) -> list[SigningKeyFacts]:
    """The newest signing keys, the active one first."""
    outcome = await database.execute(
        SigningKeyRow.select(
            SigningKeyRow.kid,
            SigningKeyRow.created_at,
            SigningKeyRow.retired_at,
            SigningKeyRow.not_after,
        )
        .order_by(SigningKeyRow.created_at, ascending=False)
        .order_by(SigningKeyRow.kid)
        .limit(limit)
    )
    keys = [SigningKeyFacts(**row) for row in outcome.rows]
    return sorted(keys, key=lambda key: key.retired_at is not None)


async def public_keys(database: Database, now: datetime) -> list[dict[str, Any]]:
    """JWKs of all keys whose tokens may be unexpired, oldest first.

    A retired key has `exp`, the time in seconds since 1970 after which it verifies nothing (as in
    OpenID Federation 1.0, section 8.7). Some verifiers learn it only from here.
    """
    outcome = await database.execute(
        SigningKeyRow.select(SigningKeyRow.public_jwk, SigningKeyRow.not_after)
        .where((SigningKeyRow.not_after.is_null()) | (SigningKeyRow.not_after > now))
        .order_by(SigningKeyRow.created_at, SigningKeyRow.kid)
    )
    return [
        {
            **msgspec.json.decode(row["public_jwk"]),
            **({"exp": int(row["not_after"].timestamp())} if row["not_after"] is not None else {}),
        }
        for row in outcome.rows
    ]


class Access:
    """Valid keys and revocations, read from auth's own tables, so without delay."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock

    async def find(self, kid: str) -> Mapping[str, Any] | None:
        outcome = await self.database.execute(
            SigningKeyRow.select(SigningKeyRow.public_jwk, SigningKeyRow.not_after).where(
                SigningKeyRow.kid == kid
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
        """Whether the token was revoked, or its user is disabled, deleted or unknown.

        A token that is older than its user is refused too: a restored database may assign the id of
        a lost user again, unless `kit/data/after_restore.py` was run.
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


async def security_snapshot(
    database: Database, clock: Clock, subject: str | None
) -> AsyncGenerator[Event]:
    """The state of all keys, of users whose access ever changed, and of revoked tokens.

    A subject of one kind is after all of the kinds before it.
    """
    now = clock()
    kind, _, last = (subject or "").partition("/")
    if kind not in {"user", "token"}:
        async for event in _key_states(database, now, last if kind == "key" else ""):
            yield event
    if kind != "token":
        async for row in _users_with_changed_access(database, id_in(subject, "user")):
            yield as_state(
                events.user_disabled(
                    row["id"],
                    row["access_revision"],
                    disabled=row["disabled"],
                    closed=row["deleted_at"] is not None,
                    tokens_not_before=row["tokens_not_before"],
                )
            )
    async for row in _revoked_tokens(database, now, last if kind == "token" else ""):
        yield as_state(events.token_revoked(row["token_id"], row["user_id"], row["expires_at"]))


async def _key_states(database: Database, now: datetime, last: str) -> AsyncGenerator[Event]:
    keys = await database.execute(
        SigningKeyRow.select(SigningKeyRow.kid, SigningKeyRow.public_jwk, SigningKeyRow.not_after)
        .where(
            (SigningKeyRow.not_after.is_null()) | (SigningKeyRow.not_after > now),
            SigningKeyRow.kid > last,
        )
        .order_by(SigningKeyRow.kid)
    )
    for row in keys.rows:
        jwk = msgspec.json.decode(row["public_jwk"])
        yield as_state(events.key_rotated(row["kid"], jwk, row["not_after"]))


async def accounts_snapshot(
    database: Database, clock: Clock, subject: str | None
) -> AsyncGenerator[Event]:
    """The requests to reset a password whose link was not created yet; a device is no state."""
    last, now = id_in(subject, "password-reset"), clock()
    while True:
        outcome = await database.execute(
            PasswordResetRow.select(
                PasswordResetRow.id,
                PasswordResetRow.user_id,
                PasswordResetRow.language,
                PasswordResetRow.expires_at,
            )
            .where(
                PasswordResetRow.id > last,
                PasswordResetRow.user_id.is_not_null(),
                PasswordResetRow.token_hash.is_null(),
                PasswordResetRow.expires_at > now,
            )
            .order_by(PasswordResetRow.id)
            .limit(SNAPSHOT_PAGE)
        )
        for row in outcome.rows:
            yield as_state(
                events.password_reset_requested(
                    row["id"], row["user_id"], row["language"], row["expires_at"]
                )
            )
        if len(outcome.rows) < SNAPSHOT_PAGE:
            return
        last = outcome.rows[-1]["id"]


async def security_digest(database: Database, now: datetime) -> str:
    """The digest of users and keys that `kit/security/auth_stream.py` computes of its copy."""
    users = await database.execute(
        QueryString(
            "SELECT COUNT(*) AS n, SUM(access_revision) AS revisions,"
            " SUM(CASE WHEN disabled = {} OR deleted_at IS NOT NULL THEN 1 ELSE 0 END) AS disabled"
            " FROM users WHERE access_revision > 0",
            True,
        )
    )
    keys = await database.execute(
        QueryString(
            "SELECT COUNT(*) AS n, SUM(CASE WHEN not_after IS NULL THEN 1 ELSE 2 END) AS revisions"
            " FROM signing_keys WHERE not_after IS NULL OR not_after > {}",
            now,
        )
    )
    user, key = users.rows[0], keys.rows[0]
    counted = (user["n"], user["revisions"], user["disabled"], key["n"], key["revisions"])
    return " ".join(str(int(number or 0)) for number in counted)


async def _users_with_changed_access(database: Database, last: int) -> AsyncIterator[Row]:
    while True:
        outcome = await database.execute(
            UserRow.select(
                UserRow.id,
                UserRow.disabled,
                UserRow.access_revision,
                UserRow.tokens_not_before,
                UserRow.deleted_at,
            )
            .where(UserRow.access_revision > 0, UserRow.id > last)
            .order_by(UserRow.id)
            .limit(SNAPSHOT_PAGE)
        )
        for row in outcome.rows:
            yield row
        if len(outcome.rows) < SNAPSHOT_PAGE:
            return
        last = outcome.rows[-1]["id"]


async def _revoked_tokens(database: Database, now: datetime, last: str) -> AsyncIterator[Row]:
    while True:
        outcome = await database.execute(
            RevokedTokenRow.select(
                RevokedTokenRow.token_id, RevokedTokenRow.user_id, RevokedTokenRow.expires_at
            )
            .where(RevokedTokenRow.token_id > last, RevokedTokenRow.expires_at > now)
            .order_by(RevokedTokenRow.token_id)
            .limit(SNAPSHOT_PAGE)
        )
        for row in outcome.rows:
            yield row
        if len(outcome.rows) < SNAPSHOT_PAGE:
            return
        last = outcome.rows[-1]["token_id"]
