"""Coming in, staying in, going out."""

from datetime import datetime
from typing import NamedTuple

from piccolo.columns.combination import Where

from functions.auth import queries
from functions.auth.commands.steps import (
    TokenPair,
    begin_family,
    end_family,
    hash_of,
    issue,
    lock_user,
    revoke,
)
from functions.auth.domain import email_key, origin
from functions.auth.errors import InvalidCredentials, RefreshTokenInvalid
from functions.auth.queries import Login
from functions.auth.tables import RefreshFamily, RefreshToken, User
from functions.auth.throttle import count_try, forget, take_back, throttle_key
from functions.auth.tools import Tools
from functions.kit.clock import Clock
from functions.kit.database import Database, transactional
from functions.kit.errors import Text
from functions.kit.tokens import Principal


class Try(NamedTuple):
    """A try of a password that was counted."""

    account_key: str
    address_key: str
    counted_at: datetime


class Checked(NamedTuple):
    """A password that was right."""

    login: Login
    outdated: bool
    counted: Try


async def log_in(
    database: Database, tools: Tools, email: str, password: str, *, host: str | None, clock: Clock
) -> TokenPair:
    """Raises `InvalidCredentials`, `TooManyTries`, `HashingBusy` or `SigningKeyUnreadable`."""
    checked = await check_credentials(database, tools, email, password, host=host, clock=clock)
    new_hash = await tools.passwords.hash(password) if checked.outdated else None
    return await _begin(database, tools, checked, new_hash, clock())


async def check_credentials(
    database: Database, tools: Tools, email: str, password: str, *, host: str | None, clock: Clock
) -> Checked:
    """Count a try, then look at the password; as long and as silent for an unknown account.

    Raises `InvalidCredentials`, `TooManyTries` or `HashingBusy`.
    """
    now = clock()
    key, address = email_key(email), origin(host)
    counted = Try(throttle_key("login", key, address), throttle_key("login", address), now)
    limits = {
        counted.account_key: tools.settings.login_limit,
        counted.address_key: tools.settings.address_limit,
    }
    await count_try(database, limits, now)
    login = await queries.find_login(database, key)
    verdict = await tools.passwords.verify(login.password_hash if login else None, password)
    if login is None or login.disabled or not verdict.matches:
        raise InvalidCredentials
    return Checked(login, verdict.outdated, counted)


async def accept(database: Database, checked: Checked) -> None:
    """Lock the account whose password was right, and uncount the try.

    Raises `InvalidCredentials` when the account has changed while the password was looked at.
    """
    user = await lock_user(database, checked.login.user_id)
    if user is None or user["disabled"] or user["password_hash"] != checked.login.password_hash:
        raise InvalidCredentials
    await forget(database, checked.counted.account_key)
    await take_back(database, checked.counted.address_key, checked.counted.counted_at)


@transactional
async def _begin(
    database: Database, tools: Tools, checked: Checked, new_hash: str | None, now: datetime
) -> TokenPair:
    await accept(database, checked)
    user_id = checked.login.user_id
    if new_hash is not None:
        await database.execute(
            User.update({User.password_hash: new_hash}).where(User.id == user_id)
        )
    return await begin_family(database, tools, user_id, now)


async def refresh(
    database: Database, tools: Tools, refresh_token: str, *, now: datetime
) -> TokenPair:
    """New tokens for a refresh token, once.

    One that was used before is in two hands, and nobody knows whose are the thief's: the whole
    family ends (RFC 9700, section 4.14.2). Raises `RefreshTokenInvalid`.
    """
    pair = await _refresh(database, tools, hash_of(refresh_token), now)
    if pair is None:
        raise RefreshTokenInvalid(Text("Inicie sesión de nuevo.", "Log in again."))
    return pair


@transactional
async def _refresh(
    database: Database, tools: Tools, token_hash: str, now: datetime
) -> TokenPair | None:
    """None is an answer, not an exception: the end of a family must be committed."""
    family = await _family_of(database, RefreshToken.token_hash == token_hash)
    if family is None:
        return None
    family_id, user_id = family
    user = await lock_user(database, user_id)
    families = await database.locked(
        RefreshFamily.select(RefreshFamily.ended_at).where(RefreshFamily.id == family_id)
    )
    tokens = await database.locked(
        RefreshToken.select(RefreshToken.id, RefreshToken.used_at, RefreshToken.expires_at).where(
            RefreshToken.token_hash == token_hash
        )
    )
    if user is None or user["disabled"] or not families or families[0]["ended_at"] or not tokens:
        return None
    token = tokens[0]
    if token["used_at"] is not None:
        await end_family(database, tools, family_id, user_id, now)
        return None
    if token["expires_at"] <= now:
        return None
    await database.execute(
        RefreshToken.update({RefreshToken.used_at: now}).where(RefreshToken.id == token["id"])
    )
    return await issue(database, tools, family_id, user_id, now)


@transactional
async def log_out(database: Database, tools: Tools, token: Principal, *, now: datetime) -> None:
    """End an access token and the login that it came from; a second time changes nothing."""
    if await lock_user(database, token.user_id) is None:
        return  # deleted, and every token with it
    if token.expires_at > now:
        await revoke(database, tools, token.token_id, token.user_id, token.expires_at)
    family = await _family_of(database, RefreshToken.access_token_id == token.token_id)
    if family is not None:
        await end_family(database, tools, family[0], token.user_id, now)


async def _family_of(database: Database, which: Where) -> tuple[int, int] | None:
    """The family of a token, and its user."""
    outcome = await database.execute(
        RefreshFamily.select(RefreshFamily.id, RefreshFamily.user_id).where(
            RefreshFamily.id.is_in(RefreshToken.select(RefreshToken.family_id).where(which))
        )
    )
    if not outcome.rows:
        return None
    row = outcome.rows[0]
    return row["id"], row["user_id"]
