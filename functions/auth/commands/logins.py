"""Coming in, staying in, going out."""

from datetime import datetime
from typing import NamedTuple

from piccolo.columns.combination import Where

from functions.auth import queries
from functions.auth.commands.shared import (
    TokenPair,
    begin_family,
    end_family,
    hash_of,
    issue,
    lock_user,
    revoke,
)
from functions.auth.commands.successors import GRACE, seal, unseal
from functions.auth.dependencies import Dependencies
from functions.auth.domain import email_key, network, origin
from functions.auth.errors import InvalidCredentials, RefreshTokenInvalid
from functions.auth.queries import Login
from functions.auth.settings import AuthSettings
from functions.auth.tables import RefreshFamily, RefreshToken, User
from functions.auth.throttle import (
    count_try,
    forget,
    is_known,
    remember,
    take_back,
    throttle_key,
)
from functions.kit.base.clock import Clock
from functions.kit.base.errors import Text
from functions.kit.data.database import Database, transactional
from functions.kit.security.principal import Principal


class Try(NamedTuple):
    """A try of a password that was counted."""

    account_key: str
    """Of the account and the address together."""
    wide_keys: tuple[str, ...]
    """Of the address, its network and the account, which others share."""
    known_key: str
    counted_at: datetime


class Checked(NamedTuple):
    """A password that was right."""

    login: Login
    outdated: bool
    counted: Try


async def log_in(
    database: Database,
    dependencies: Dependencies,
    email: str,
    password: str,
    *,
    host: str | None,
    clock: Clock,
) -> TokenPair:
    """Raises `InvalidCredentials`, `TooManyTries`, `HashingBusy` or `SigningKeyUnreadable`."""
    checked = await check_credentials(
        database, dependencies, email, password, host=host, clock=clock
    )
    new_hash = await dependencies.passwords.hash(password) if checked.outdated else None
    return await _begin(database, dependencies, checked, new_hash, clock())


async def check_credentials(
    database: Database,
    dependencies: Dependencies,
    email: str,
    password: str,
    *,
    host: str | None,
    clock: Clock,
) -> Checked:
    """Count a try, then look at the password; as long and as silent for an unknown account.

    Raises `InvalidCredentials`, `TooManyTries` or `HashingBusy`.
    """
    key = email_key(email)
    counted = await _count(database, dependencies.settings, key, host, clock())
    login = await queries.find_login(database, key)
    verdict = await dependencies.passwords.verify(
        login.password_hash if login else None,
        password,
        rounds=await queries.slowest_legacy_hash(database),
    )
    if login is None or login.disabled or not verdict.matches:
        raise InvalidCredentials
    return Checked(login, verdict.outdated, counted)


async def _count(
    database: Database, settings: AuthSettings, key: str, host: str | None, now: datetime
) -> Try:
    """Count a try under everything that bounds it.

    The bound of the account over all addresses is not for those that it is known to log in from: a
    crowd that guesses everywhere else does not lock its owner out. Raises `TooManyTries`.
    """
    address, site = origin(host), network(host)
    account_key = throttle_key("login", key, address)
    known_key = throttle_key("known", key, address)
    wide = {throttle_key("login", address): settings.address_limit}
    if site is not None:
        wide[throttle_key("login", site)] = settings.network_limit
    if not await is_known(database, known_key, now):
        wide[throttle_key("account", key)] = settings.account_limit
    await count_try(database, {account_key: settings.login_limit, **wide}, now)
    return Try(account_key, tuple(wide), known_key, now)


async def accept(database: Database, checked: Checked) -> None:
    """Lock the account whose password was right, and uncount the try.

    Raises `InvalidCredentials` when the account has changed while the password was looked at.
    """
    user = await lock_user(database, checked.login.user_id)
    if user is None or user["disabled"] or user["password_hash"] != checked.login.password_hash:
        raise InvalidCredentials
    counted = checked.counted
    await forget(database, counted.account_key)
    for key in sorted(counted.wide_keys):
        await take_back(database, key, counted.counted_at)
    await remember(database, counted.known_key, counted.counted_at)


@transactional
async def _begin(
    database: Database,
    dependencies: Dependencies,
    checked: Checked,
    new_hash: str | None,
    now: datetime,
) -> TokenPair:
    await accept(database, checked)
    user_id = checked.login.user_id
    if new_hash is not None:
        await database.execute(
            User.update({User.password_hash: new_hash}).where(User.id == user_id)
        )
    return await begin_family(database, dependencies, user_id, now)


async def refresh(
    database: Database, dependencies: Dependencies, refresh_token: str, *, now: datetime
) -> TokenPair:
    """New tokens for a refresh token, once.

    Within `GRACE` of its use the same new tokens are given again: two tabs of one browser send it
    together, and an answer may be lost. Later it is in two hands, and nobody knows whose are the
    thief's: the whole family ends (RFC 9700, section 4.14.2). Raises `RefreshTokenInvalid`.
    """
    pair = await _refresh(database, dependencies, refresh_token, now)
    if pair is None:
        raise RefreshTokenInvalid(Text("Inicie sesión de nuevo.", "Log in again."))
    return pair


@transactional
async def _refresh(
    database: Database, dependencies: Dependencies, refresh_token: str, now: datetime
) -> TokenPair | None:
    """None is an answer, not an exception: the end of a family must be committed."""
    token_hash = hash_of(refresh_token)
    family = await _family_of(database, RefreshToken.token_hash == token_hash)
    if family is None:
        return None
    family_id, user_id = family
    user = await lock_user(database, user_id)
    families = await database.locked(
        RefreshFamily.select(RefreshFamily.ended_at).where(RefreshFamily.id == family_id)
    )
    tokens = await database.locked(
        RefreshToken.select(
            RefreshToken.id,
            RefreshToken.used_at,
            RefreshToken.expires_at,
            RefreshToken.successor,
        ).where(RefreshToken.token_hash == token_hash)
    )
    if user is None or user["disabled"] or not families or families[0]["ended_at"] or not tokens:
        return None
    token = tokens[0]
    if token["used_at"] is not None:
        if token["successor"] is not None and now - token["used_at"] <= GRACE:
            return unseal(refresh_token, token["successor"])
        await end_family(database, dependencies, family_id, user_id, now)
        return None
    if token["expires_at"] <= now:
        return None
    pair = await issue(database, dependencies, family_id, user_id, now)
    await database.execute(
        RefreshToken.update(
            {
                RefreshToken.used_at: now,
                RefreshToken.successor: seal(refresh_token, pair),
                RefreshToken.sealed_until: now + GRACE,
            }
        ).where(RefreshToken.id == token["id"])
    )
    return pair


@transactional
async def log_out(
    database: Database, dependencies: Dependencies, token: Principal, *, now: datetime
) -> None:
    """End an access token and the login that it came from; a second time changes nothing."""
    if await lock_user(database, token.user_id) is None:
        return  # deleted, and every token with it
    if token.expires_at > now:
        await revoke(database, dependencies, token.token_id, token.user_id, token.expires_at)
    family = await _family_of(database, RefreshToken.access_token_id == token.token_id)
    if family is not None:
        await end_family(database, dependencies, family[0], token.user_id, now)


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
