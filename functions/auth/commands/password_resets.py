"""Reset a forgotten password: request a link, create it, use it.

`request_reset` does the same for every email address, so that neither its answer nor its time
shows who has an account: it only stores the request. `announce_resets`, in the background, looks
the accounts up and publishes an event for each. The service that sends the mail then has
`create_link` make the token, so a token is never stored, logged or published. A mail that is tried
again gets another link, and all links of a request are good until one of them is used.
"""

import logging
import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from piccolo.columns.combination import Or

from functions.auth import events
from functions.auth.commands.logins import LoginKeys
from functions.auth.commands.shared import (
    TOKEN_BYTES,
    delete_resets,
    end_access,
    end_all_families,
    hash_of,
    lock_user,
)
from functions.auth.dependencies import Dependencies
from functions.auth.domain import (
    Email,
    Language,
    TryLimit,
    check_password,
    network,
    origin,
    parse_email,
)
from functions.auth.errors import (
    PasswordResetInvalid,
    PasswordResetNotFound,
    PasswordResetOff,
    ResetLinkCreated,
)
from functions.auth.passwords import common_passwords
from functions.auth.tables import PasswordResetLinkRow, PasswordResetRow, UserRow
from functions.auth.throttle import (
    count_try,
    delete_tries,
    mark_known,
    throttle_key,
    uncount_try,
)
from functions.kit.base.clock import Clock
from functions.kit.base.errors import Text
from functions.kit.data.database import Database, Row, transactional

logger = logging.getLogger(__name__)

LIFETIME = timedelta(hours=1)
"""Of a request and its link."""

MAX_LINKS = 20
"""Of a request: as often as its mail may be tried."""

BATCH = 100
"""Requests that are read at once."""


class CreatedLink(NamedTuple):
    user_id: int
    email: str
    name: str | None
    language: Language
    link: str
    expires_at: datetime


def off() -> PasswordResetOff:
    return PasswordResetOff(
        Text(
            "Esta tienda no envía enlaces: quien la administra debe definir STOREFRONT_URL.",
            "This shop sends no links: its operator has to set STOREFRONT_URL.",
        ),
        retry_after=3600,
    )


@transactional
async def request_reset(
    database: Database,
    dependencies: Dependencies,
    email_text: str,
    language: Language,
    *,
    host: str | None,
    now: datetime,
) -> None:
    """Store a request, whether the address has an account or not.

    Raises `EmailInvalid`, `TooManyTries` or `PasswordResetOff`.
    """
    settings = dependencies.settings
    if settings.link_base is None:
        raise off()
    email = parse_email(email_text, development=settings.development)
    limits: dict[str, TryLimit] = {
        throttle_key("forgot", "account", email.key): settings.resets_per_account,
        throttle_key("forgot", origin(host)): settings.resets_per_address,
    }
    if (site := network(host)) is not None:
        limits[throttle_key("forgot", site)] = settings.resets_per_network
    await count_try(database, limits, now)
    await database.execute(
        PasswordResetRow.insert(
            PasswordResetRow(email_key=email.key, language=language, expires_at=now + LIFETIME)
        )
    )


async def announce_resets(database: Database, dependencies: Dependencies, now: datetime) -> None:
    """Publish every stored request of an account, and delete the others.

    Several processes may run it at once, and a later run finishes what a killed one left.
    """
    while waiting := await _waiting(database):
        for reset_id, email_key in waiting:
            await _announce(database, dependencies, reset_id, email_key, now)


async def _waiting(database: Database) -> list[tuple[int, str]]:
    outcome = await database.execute(
        PasswordResetRow.select(PasswordResetRow.id, PasswordResetRow.email_key)
        .where(PasswordResetRow.user_id.is_null())
        .order_by(PasswordResetRow.id)
        .limit(BATCH)
    )
    return [(row["id"], row["email_key"]) for row in outcome.rows]


@transactional
async def _announce(
    database: Database,
    dependencies: Dependencies,
    reset_id: int,
    email_key: str,
    now: datetime,
) -> None:
    """Publish one request, which makes the earlier ones of its account void."""
    user = await _lock_owner(database, email_key)
    rows = await database.locked(
        PasswordResetRow.select(PasswordResetRow.language, PasswordResetRow.expires_at).where(
            PasswordResetRow.id == reset_id, PasswordResetRow.user_id.is_null()
        )
    )
    if not rows:
        return  # another process has announced it
    row = rows[0]
    if (
        user is None
        or user["disabled"]
        or row["expires_at"] <= now
        or await _has_newer(database, user["id"], reset_id)
    ):
        await database.execute(PasswordResetRow.delete().where(PasswordResetRow.id == reset_id))
        return
    await delete_resets(database, user["id"])
    await database.execute(
        PasswordResetRow.update(
            {PasswordResetRow.user_id: user["id"], PasswordResetRow.email_key: None}
        ).where(PasswordResetRow.id == reset_id)
    )
    await dependencies.outbox.add(
        database,
        events.password_reset_requested(reset_id, user["id"], row["language"], row["expires_at"]),
    )


async def _lock_owner(database: Database, email_key: str) -> Row | None:
    """The locked row of the account with an address."""
    outcome = await database.execute(
        UserRow.select(UserRow.id).where(UserRow.email_key == email_key)
    )
    user = await lock_user(database, outcome.rows[0]["id"]) if outcome.rows else None
    # The address may have changed before the lock.
    return user if user is not None and user["email_key"] == email_key else None


async def _has_newer(database: Database, user_id: int, reset_id: int) -> bool:
    """Whether another process has announced a later request of the account already."""
    outcome = await database.execute(
        PasswordResetRow.select(PasswordResetRow.id)
        .where(PasswordResetRow.user_id == user_id, PasswordResetRow.id > reset_id)
        .limit(1)
    )
    return bool(outcome.rows)


@transactional
async def create_link(
    database: Database, dependencies: Dependencies, reset_id: int, *, now: datetime
) -> CreatedLink:
    """Create a link of a request. Each call makes another one; the first that is used voids all.

    The former links stay good, because a mail may have left although its sender does not know it.
    Raises `PasswordResetNotFound`, `ResetLinkCreated` or `PasswordResetOff`.
    """
    base = dependencies.settings.link_base
    if base is None:
        raise off()
    outcome = await database.execute(
        PasswordResetRow.select(PasswordResetRow.user_id).where(
            PasswordResetRow.id == reset_id, PasswordResetRow.user_id.is_not_null()
        )
    )
    user_id = outcome.rows[0]["user_id"] if outcome.rows else None
    user = await lock_user(database, user_id) if user_id is not None else None
    rows = await database.locked(
        PasswordResetRow.select(
            PasswordResetRow.language, PasswordResetRow.expires_at, PasswordResetRow.token_hash
        ).where(PasswordResetRow.id == reset_id)
    )
    if user is None or user["disabled"] or not rows or rows[0]["expires_at"] <= now:
        raise PasswordResetNotFound(
            Text(
                f"No hay una solicitud abierta {reset_id}: venció, se usó o la reemplazó otra.",
                f"There is no open request {reset_id}: it has expired, was used or replaced.",
            )
        )
    row = rows[0]
    token = secrets.token_urlsafe(TOKEN_BYTES)
    if row["token_hash"] is None:
        # The first one where the previous release looks for it too.
        await database.execute(
            PasswordResetRow.update({PasswordResetRow.token_hash: hash_of(token)}).where(
                PasswordResetRow.id == reset_id
            )
        )
    else:
        await _add_link(database, reset_id, token, row["expires_at"])
    people = await database.execute(
        UserRow.select(UserRow.email, UserRow.name).where(UserRow.id == user["id"])
    )
    person = people.rows[0]
    return CreatedLink(
        user["id"],
        person["email"],
        person["name"],
        Language(row["language"]),
        f"{base}/{row['language']}/reset-password?token={token}",
        row["expires_at"],
    )


async def _add_link(database: Database, reset_id: int, token: str, expires_at: datetime) -> None:
    """Raises `ResetLinkCreated` where the request has `MAX_LINKS` links already."""
    outcome = await database.execute(
        PasswordResetLinkRow.count().where(PasswordResetLinkRow.reset_id == reset_id)
    )
    if outcome.rows[0]["count"] >= MAX_LINKS - 1:
        raise ResetLinkCreated(
            Text(
                f"Esta solicitud ya tiene {MAX_LINKS} enlaces; hay que hacer otra.",
                f"This request has {MAX_LINKS} links already; another one has to be made.",
            )
        )
    await database.execute(
        PasswordResetLinkRow.insert(
            PasswordResetLinkRow(
                reset_id=reset_id, token_hash=hash_of(token), expires_at=expires_at
            )
        )
    )


async def reset_password(
    database: Database,
    dependencies: Dependencies,
    token: str,
    password: str,
    *,
    host: str | None,
    clock: Clock,
) -> None:
    """Set a new password by a link's token, and revoke every login of the account.

    A refused password leaves the link as it is. Raises `PasswordResetInvalid`, `PasswordRefused`,
    `TooManyTries` or `HashingBusy`.
    """
    settings, counted_at = dependencies.settings, clock()
    limits = {throttle_key("reset", origin(host)): settings.address_limit}
    if (site := network(host)) is not None:
        limits[throttle_key("reset", site)] = settings.network_limit
    await count_try(database, limits, counted_at)
    email = await _owner_of(database, token, counted_at)
    check_password(password, email, common_passwords())
    hashed = await dependencies.passwords.hash(password)
    await _reset_password(database, dependencies, token, hashed, host=host, now=clock())
    for key in sorted(limits):
        await uncount_try(database, key, counted_at)


async def _owner_of(database: Database, token: str, now: datetime) -> Email:
    """The address of the account that a token opens. Raises `PasswordResetInvalid`."""
    reset = await _find(database, token, now)
    outcome = await database.execute(
        UserRow.select(UserRow.email, UserRow.email_key).where(
            UserRow.id == reset["user_id"], UserRow.deleted_at.is_null()
        )
    )
    if not outcome.rows:
        raise _invalid()
    return Email(outcome.rows[0]["email"], outcome.rows[0]["email_key"])


async def _find(database: Database, token: str, now: datetime) -> Row:
    """Raises `PasswordResetInvalid`."""
    outcome = await database.execute(
        PasswordResetRow.select(PasswordResetRow.id, PasswordResetRow.user_id).where(
            _opened_by(token), PasswordResetRow.expires_at > now
        )
    )
    if not outcome.rows:
        raise _invalid()
    row: Row = outcome.rows[0]
    return row


def _opened_by(token: str) -> Or:
    """The request that a token belongs to, as its first link or a further one."""
    token_hash = hash_of(token)
    further = PasswordResetLinkRow.select(PasswordResetLinkRow.reset_id).where(
        PasswordResetLinkRow.token_hash == token_hash
    )
    return Or(PasswordResetRow.token_hash == token_hash, PasswordResetRow.id.is_in(further))


def _invalid() -> PasswordResetInvalid:
    return PasswordResetInvalid(
        Text(
            "El enlace venció, ya se usó o hay uno más nuevo. Pida otro.",
            "The link has expired, was used before, or there is a newer one. Ask for another one.",
        )
    )


@transactional
async def _reset_password(
    database: Database,
    dependencies: Dependencies,
    token: str,
    hashed: str,
    *,
    host: str | None,
    now: datetime,
) -> None:
    reset = await _find(database, token, now)
    user = await lock_user(database, reset["user_id"])
    still_there = await database.locked(
        PasswordResetRow.select(PasswordResetRow.id).where(
            PasswordResetRow.id == reset["id"], _opened_by(token)
        )
    )
    if user is None or user["disabled"] or not still_there:
        raise _invalid()
    user_id = user["id"]
    await delete_resets(database, user_id)
    await database.execute(
        UserRow.update({UserRow.password_hash: hashed}).where(UserRow.id == user_id)
    )
    await end_all_families(database, user_id, now)
    await end_access(database, dependencies, user_id, now)
    # As after a login: earlier wrong tries must not keep the owner out at this address.
    keys = LoginKeys.of(user["email_key"], host)
    await delete_tries(database, keys.tries)
    await mark_known(database, keys.known, now)
    logger.info("user %d has reset a forgotten password", user_id)
