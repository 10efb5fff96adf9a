"""What people do with their own account."""

from datetime import datetime
from typing import Any

from functions.auth import queries
from functions.auth.commands.administration import refuse_last_admin
from functions.auth.commands.logins import Checked, accept, check_credentials
from functions.auth.commands.steps import (
    TokenPair,
    begin_family,
    end_access,
    end_all_families,
    insert_user,
    lock_user,
)
from functions.auth.domain import Email, Role, check_password, email_key, origin, parse_email
from functions.auth.errors import EmailAlreadyRegistered, InvalidCredentials, UserNotFound
from functions.auth.passwords import common_passwords
from functions.auth.queries import Account
from functions.auth.tables import User, UserRole
from functions.auth.throttle import count_try, throttle_key
from functions.auth.tools import Tools
from functions.kit.clock import Clock
from functions.kit.database import Database, transactional


async def register(
    database: Database,
    tools: Tools,
    email_text: str,
    password: str,
    name: str | None,
    *,
    host: str | None,
    clock: Clock,
) -> int:
    """A new customer; answers the id.

    Raises `EmailInvalid`, `PasswordRefused`, `TooManyTries`, `EmailAlreadyRegistered` or
    `HashingBusy`.
    """
    email = parse_email(email_text)
    check_password(password, email, common_passwords())
    key = throttle_key("register", origin(host))
    if tools.settings.registrations_per_address:
        await count_try(database, {key: tools.settings.registration_limit}, clock())
    if await queries.find_login(database, email.key) is not None:
        raise EmailAlreadyRegistered("Log in, or use another address.")
    hashed = await tools.passwords.hash(password)
    return await insert_user(database, email, hashed, name, {Role.CUSTOMER}, clock())


@transactional
async def change_profile(database: Database, user_id: int, changes: dict[str, Any]) -> Account:
    """Change `name`, `email`, or both; what is not named stays.

    Raises `EmailInvalid`, `EmailAlreadyRegistered` or `UserNotFound`.
    """
    if await lock_user(database, user_id) is None:
        raise UserNotFound(f"There is no user {user_id}.")
    values: dict[Any, Any] = {}
    if "name" in changes:
        values[User.name] = changes["name"]
    if "email" in changes:
        email = parse_email(changes["email"])
        values |= {User.email: email.address, User.email_key: email.key}
    if values:
        try:
            await database.execute(User.update(values).where(User.id == user_id))
        except Exception as error:
            if database.is_duplicate(error):
                raise EmailAlreadyRegistered("Use another address.") from error
            raise
    return await queries.get_account(database, user_id)


async def change_password(
    database: Database,
    tools: Tools,
    user_id: int,
    current: str,
    new: str,
    *,
    host: str | None,
    clock: Clock,
) -> TokenPair:
    """A new password; every login ends, and who changed it gets new tokens.

    Raises `PasswordRefused`, `InvalidCredentials`, `TooManyTries`, `UserNotFound`, `HashingBusy`.
    """
    account = await queries.get_account(database, user_id)
    email = Email(account.email, email_key(account.email))
    check_password(new, email, common_passwords(), field="new_password")
    checked = await check_credentials(
        database, tools, account.email, current, host=host, clock=clock
    )
    if checked.login.user_id != user_id:  # the address has changed hands in between
        raise InvalidCredentials
    hashed = await tools.passwords.hash(new)
    return await _replace_password(database, tools, checked, hashed, clock())


@transactional
async def _replace_password(
    database: Database, tools: Tools, checked: Checked, hashed: str, now: datetime
) -> TokenPair:
    await accept(database, checked)
    user_id = checked.login.user_id
    await database.execute(User.update({User.password_hash: hashed}).where(User.id == user_id))
    await end_all_families(database, user_id, now)
    await end_access(database, tools, user_id, now)
    return await begin_family(database, tools, user_id, now)


@transactional
async def delete_account(database: Database, tools: Tools, user_id: int, *, now: datetime) -> None:
    """Forget who the user was; the id stays, because purchases name it. The email is free again.

    Raises `LastAdmin` or `UserNotFound`.
    """
    await refuse_last_admin(database, user_id)
    if await lock_user(database, user_id) is None:
        raise UserNotFound(f"There is no user {user_id}.")
    await database.execute(
        User.update(
            {
                User.email: None,
                User.email_key: None,
                User.name: None,
                User.password_hash: None,
                User.deleted_at: now,
            }
        ).where(User.id == user_id)
    )
    await database.execute(UserRole.delete().where(UserRole.user_id == user_id))
    await end_all_families(database, user_id, now)
    await end_access(database, tools, user_id, now)
