"""Log in, refresh tokens, log out."""

from datetime import datetime
from typing import Any, NamedTuple

from piccolo.columns.combination import Where

from functions.auth import queries
from functions.auth.commands.devices import record_device
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
from functions.auth.domain import Device, Language, email_key, network, origin
from functions.auth.errors import InvalidCredentials, RefreshTokenInvalid
from functions.auth.queries import Login
from functions.auth.settings import AuthSettings
from functions.auth.tables import RefreshFamilyRow, RefreshTokenRow, UserRow
from functions.auth.throttle import (
    count_try,
    delete_tries,
    is_known,
    mark_known,
    throttle_key,
    uncount_try,
)
from functions.kit.base.clock import Clock
from functions.kit.base.errors import Text
from functions.kit.data.database import Database, Row, transactional
from functions.kit.security.principal import Principal


class CountedTry(NamedTuple):
    """A counted try of a password, with the keys that it was counted under."""

    account_key: str
    """The key of the account and the address together."""
    shared_keys: tuple[str, ...]
    """The keys of the address, its network and the account, which other tries share."""
    known_key: str
    counted_at: datetime


class CheckedPassword(NamedTuple):
    """A login whose password matched."""

    login: Login
    outdated: bool
    counted: CountedTry


async def log_in(
    database: Database,
    dependencies: Dependencies,
    email: str,
    password: str,
    *,
    host: str | None,
    device: Device,
    language: Language | None,
    clock: Clock,
) -> TokenPair:
    """`language` becomes that of the account where none is known yet.

    Raises `InvalidCredentials`, `TooManyTries`, `HashingBusy` or `SigningKeyUnreadable`.
    """
    checked = await check_credentials(
        database, dependencies, email, password, host=host, clock=clock
    )
    new_hash = await dependencies.passwords.hash(password) if checked.outdated else None
    return await _start_login(
        database, dependencies, checked, new_hash, device=device, language=language, now=clock()
    )


async def check_credentials(
    database: Database,
    dependencies: Dependencies,
    email: str,
    password: str,
    *,
    host: str | None,
    clock: Clock,
) -> CheckedPassword:
    """Count a try, then verify the password. Unknown accounts take as long as known ones.

    Raises `InvalidCredentials`, `TooManyTries` or `HashingBusy`.
    """
    key = email_key(email)
    counted = await _count(database, dependencies.settings, key, host, clock())
    login = await queries.find_login(database, key)
    verification = await dependencies.passwords.verify(
        login.password_hash if login else None,
        password,
        rounds=await queries.slowest_legacy_hash(database),
    )
    if login is None or login.disabled or not verification.matches:
        raise InvalidCredentials
    return CheckedPassword(login, verification.outdated, counted)


class LoginKeys(NamedTuple):
    """The throttle keys of an account and an address together."""

    tries: str
    known: str

    @classmethod
    def of(cls, email_key: str, host: str | None) -> "LoginKeys":
        address = origin(host)
        return cls(
            throttle_key("login", email_key, address), throttle_key("known", email_key, address)
        )


async def _count(
    database: Database, settings: AuthSettings, key: str, host: str | None, now: datetime
) -> CountedTry:
    """Count a try under each of its keys.

    The limit of the account alone does not apply to its known addresses, so that guesses from
    elsewhere do not lock its owner out. Raises `TooManyTries`.
    """
    address, site = origin(host), network(host)
    account_key, known_key = LoginKeys.of(key, host)
    shared = {throttle_key("login", address): settings.address_limit}
    if site is not None:
        shared[throttle_key("login", site)] = settings.network_limit
    if not await is_known(database, known_key, now):
        shared[throttle_key("account", key)] = settings.account_limit
    await count_try(database, {account_key: settings.login_limit, **shared}, now)
    return CountedTry(account_key, tuple(shared), known_key, now)


async def accept(database: Database, checked: CheckedPassword) -> Row:
    """Lock the account whose password matched, and uncount the try. Returns the locked row.

    Raises `InvalidCredentials` where the account changed while the password was verified.
    """
    user = await lock_user(database, checked.login.user_id)
    if user is None or user["disabled"] or user["password_hash"] != checked.login.password_hash:
        raise InvalidCredentials
    counted = checked.counted
    await delete_tries(database, counted.account_key)
    for key in sorted(counted.shared_keys):
        await uncount_try(database, key, counted.counted_at)
    await mark_known(database, counted.known_key, counted.counted_at)
    return user


@transactional
async def _start_login(
    database: Database,
    dependencies: Dependencies,
    checked: CheckedPassword,
    new_hash: str | None,
    *,
    device: Device,
    language: Language | None,
    now: datetime,
) -> TokenPair:
    user = await accept(database, checked)
    user_id = checked.login.user_id
    values: dict[Any, Any] = {}
    if new_hash is not None:
        values[UserRow.password_hash] = new_hash
    if language is not None and user["language"] is None:
        values[UserRow.language] = language
    if values:
        await database.execute(UserRow.update(values).where(UserRow.id == user_id))
    await record_device(database, dependencies, user_id, device, now)
    return await begin_family(database, dependencies, user_id, now)


async def refresh(
    database: Database, dependencies: Dependencies, refresh_token: str, *, now: datetime
) -> TokenPair:
    """Exchange a refresh token for new tokens, once.

    Within `GRACE` of its use it returns the same tokens again: two tabs of a browser may send it
    together, and a response may be lost. Later use means that it was stolen, and revokes the whole
    family (RFC 9700, section 4.14.2). Raises `RefreshTokenInvalid`.
    """
    pair = await _refresh(database, dependencies, refresh_token, now)
    if pair is None:
        raise RefreshTokenInvalid(Text("Inicie sesión de nuevo.", "Log in again."))
    return pair


@transactional
async def _refresh(
    database: Database, dependencies: Dependencies, refresh_token: str, now: datetime
) -> TokenPair | None:
    """Returns None rather than raising: the revocation of a family must be committed."""
    token_hash = hash_of(refresh_token)
    family = await _family_of(database, RefreshTokenRow.token_hash == token_hash)
    if family is None:
        return None
    family_id, user_id = family
    user = await lock_user(database, user_id)
    families = await database.locked(
        RefreshFamilyRow.select(RefreshFamilyRow.ended_at).where(RefreshFamilyRow.id == family_id)
    )
    tokens = await database.locked(
        RefreshTokenRow.select(
            RefreshTokenRow.id,
            RefreshTokenRow.used_at,
            RefreshTokenRow.expires_at,
            RefreshTokenRow.successor,
        ).where(RefreshTokenRow.token_hash == token_hash)
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
        RefreshTokenRow.update(
            {
                RefreshTokenRow.used_at: now,
                RefreshTokenRow.successor: seal(refresh_token, pair),
                RefreshTokenRow.sealed_until: now + GRACE,
            }
        ).where(RefreshTokenRow.id == token["id"])
    )
    return pair


@transactional
async def log_out(
    database: Database, dependencies: Dependencies, token: Principal, *, now: datetime
) -> None:
    """Revoke an access token and its login. Idempotent."""
    if await lock_user(database, token.user_id) is None:
        return  # deleted, which revoked every token
    if token.expires_at > now:
        await revoke(database, dependencies, token.token_id, token.user_id, token.expires_at)
    family = await _family_of(database, RefreshTokenRow.access_token_id == token.token_id)
    if family is not None:
        await end_family(database, dependencies, family[0], token.user_id, now)


async def _family_of(database: Database, which: Where) -> tuple[int, int] | None:
    """The ids of a token's family and user."""
    outcome = await database.execute(
        RefreshFamilyRow.select(RefreshFamilyRow.id, RefreshFamilyRow.user_id).where(
            RefreshFamilyRow.id.is_in(
                RefreshTokenRow.select(RefreshTokenRow.family_id).where(which)
            )
        )
    )
    if not outcome.rows:
        return None
    row = outcome.rows[0]
    return row["id"], row["user_id"]
