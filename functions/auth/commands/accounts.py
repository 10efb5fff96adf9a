"""Register an account; change or close one's own."""

from datetime import datetime
from typing import Any

from functions.auth import queries
from functions.auth.commands.administration import refuse_last_admin
from functions.auth.commands.devices import delete_devices
from functions.auth.commands.logins import CheckedPassword, accept, check_credentials
from functions.auth.commands.shared import (
    TokenPair,
    begin_family,
    delete_resets,
    end_access,
    end_all_families,
    end_other_families,
    insert_user,
    lock_user,
)
from functions.auth.dependencies import Dependencies
from functions.auth.domain import (
    Email,
    Language,
    Role,
    check_password,
    email_key,
    network,
    origin,
    parse_email,
)
from functions.auth.errors import (
    EmailAlreadyRegistered,
    InvalidCredentials,
    PasswordNeeded,
    UserNotFound,
)
from functions.auth.passwords import common_passwords
from functions.auth.queries import Account
from functions.auth.tables import UserRoleRow, UserRow
from functions.auth.throttle import count_try, throttle_key
from functions.kit.base.characters import is_visible
from functions.kit.base.clock import Clock
from functions.kit.base.errors import FieldError, Text
from functions.kit.data.database import Database, transactional
from functions.kit.security.principal import Principal


async def register(
    database: Database,
    dependencies: Dependencies,
    email_text: str,
    password: str,
    name: str | None,
    *,
    language: Language | None,
    host: str | None,
    clock: Clock,
) -> int:
    """Create a customer. Returns the id. `language` is that of mails.

    Raises `EmailInvalid`, `PasswordRefused`, `TooManyTries`, `EmailAlreadyRegistered` or
    `HashingBusy`.
    """
    email = parse_email(email_text, development=dependencies.settings.development)
    check_password(password, email, common_passwords())
    if dependencies.settings.registrations_per_address:
        limits = {throttle_key("register", origin(host)): dependencies.settings.registration_limit}
        if (site := network(host)) is not None:
            limits[throttle_key("register", site)] = dependencies.settings.registrations_per_network
        await count_try(database, limits, clock())
    if await queries.find_login(database, email.key) is not None:
        raise EmailAlreadyRegistered(
            Text("Inicie sesión o use otra dirección.", "Log in, or use another address.")
        )
    hashed = await dependencies.passwords.hash(password)
    return await insert_user(
        database, email, hashed, _name(name), {Role.CUSTOMER}, clock(), language=language
    )


def _name(text: str | None) -> str | None:
    return text if text and is_visible(text) else None


async def change_profile(
    database: Database,
    dependencies: Dependencies,
    user: Principal,
    changes: dict[str, Any],
    *,
    current_password: str | None,
    host: str | None,
    clock: Clock,
) -> Account:
    """Change `name`, `email`, `language`, or several; other fields are kept.

    The address controls the account, so changing it needs the password and revokes every other
    login. Raises `EmailInvalid`, `PasswordNeeded`, `InvalidCredentials`, `TooManyTries`,
    `HashingBusy`, `EmailAlreadyRegistered` or `UserNotFound`.
    """
    account = await queries.get_account(database, user.user_id)
    values: dict[Any, Any] = {}
    checked: CheckedPassword | None = None
    if "name" in changes:
        values[UserRow.name] = _name(changes["name"])
    if "language" in changes:
        values[UserRow.language] = changes["language"]
    if "email" in changes:
        email = parse_email(changes["email"], development=dependencies.settings.development)
        values |= {UserRow.email: email.address, UserRow.email_key: email.key}
        if email.address != account.email:
            if current_password is None:
                raise PasswordNeeded(
                    Text(
                        "Envíe current_password con una dirección nueva.",
                        "Send current_password with a new email address.",
                    ),
                    errors=[FieldError("current_password", Text("falta", "is missing"))],
                )
            checked = await _check_own(
                database,
                dependencies,
                user,
                account.email,
                current_password,
                host=host,
                clock=clock,
            )
    return await _change_profile(database, dependencies, user, values, checked, clock())


async def _check_own(
    database: Database,
    dependencies: Dependencies,
    user: Principal,
    email: str,
    password: str,
    *,
    host: str | None,
    clock: Clock,
) -> CheckedPassword:
    checked = await check_credentials(
        database, dependencies, email, password, host=host, clock=clock
    )
    if checked.login.user_id != user.user_id:  # the address belongs to another account by now
        raise InvalidCredentials
    return checked


@transactional
async def _change_profile(
    database: Database,
    dependencies: Dependencies,
    user: Principal,
    values: dict[Any, Any],
    checked: CheckedPassword | None,
    now: datetime,
) -> Account:
    if checked is not None:
        await accept(database, checked)
    elif await lock_user(database, user.user_id) is None:
        raise UserNotFound(
            Text(f"No hay usuario {user.user_id}.", f"There is no user {user.user_id}.")
        )
    if values:
        try:
            await database.execute(UserRow.update(values).where(UserRow.id == user.user_id))
        except Exception as error:
            if database.is_duplicate(error):
                raise EmailAlreadyRegistered(
                    Text("Use otra dirección.", "Use another address.")
                ) from error
            raise
    if checked is not None:
        await end_other_families(database, dependencies, user.user_id, user.token_id, now)
        await delete_resets(database, user.user_id)  # they were sent to the former address
    return await queries.get_account(database, user.user_id)


async def change_password(
    database: Database,
    dependencies: Dependencies,
    user_id: int,
    current: str,
    new: str,
    *,
    host: str | None,
    clock: Clock,
) -> TokenPair:
    """Change the password and revoke every login. Returns new tokens for the caller.

    Raises `PasswordRefused`, `InvalidCredentials`, `TooManyTries`, `UserNotFound`, `HashingBusy`.
    """
    account = await queries.get_account(database, user_id)
    email = Email(account.email, email_key(account.email))
    check_password(new, email, common_passwords(), field="new_password")
    checked = await check_credentials(
        database, dependencies, account.email, current, host=host, clock=clock
    )
    if checked.login.user_id != user_id:  # the address belongs to another account by now
        raise InvalidCredentials
    hashed = await dependencies.passwords.hash(new)
    return await _replace_password(database, dependencies, checked, hashed, clock())


@transactional
async def _replace_password(
    database: Database,
    dependencies: Dependencies,
    checked: CheckedPassword,
    hashed: str,
    now: datetime,
) -> TokenPair:
    await accept(database, checked)
    user_id = checked.login.user_id
    await database.execute(
        UserRow.update({UserRow.password_hash: hashed}).where(UserRow.id == user_id)
    )
    await end_all_families(database, user_id, now)
    await delete_resets(database, user_id)
    await end_access(database, dependencies, user_id, now)
    return await begin_family(database, dependencies, user_id, now)


async def close_account(
    database: Database,
    dependencies: Dependencies,
    user: Principal,
    current_password: str,
    *,
    host: str | None,
    clock: Clock,
) -> None:
    """Delete the personal data of an account. The id is kept, since purchases refer to it.

    Raises `InvalidCredentials`, `TooManyTries`, `HashingBusy`, `LastAdmin` or `UserNotFound`.
    """
    account = await queries.get_account(database, user.user_id)
    checked = await _check_own(
        database, dependencies, user, account.email, current_password, host=host, clock=clock
    )
    await _close_account(database, dependencies, checked, clock())


@transactional
async def _close_account(
    database: Database, dependencies: Dependencies, checked: CheckedPassword, now: datetime
) -> None:
    user_id = checked.login.user_id
    await refuse_last_admin(database, user_id)
    await accept(database, checked)
    await database.execute(
        UserRow.update(
            {
                UserRow.email: None,
                UserRow.email_key: None,
                UserRow.name: None,
                UserRow.password_hash: None,
                UserRow.language: None,
                UserRow.deleted_at: now,
            }
        ).where(UserRow.id == user_id)
    )
    await database.execute(UserRoleRow.delete().where(UserRoleRow.user_id == user_id))
    await delete_devices(database, user_id)
    await end_all_families(database, user_id, now)
    await delete_resets(database, user_id)
    await end_access(database, dependencies, user_id, now)
