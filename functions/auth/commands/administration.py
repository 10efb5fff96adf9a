"""Change accounts as an admin; create the first admin."""

import logging
from collections.abc import Collection
from datetime import datetime

from piccolo.querystring import QueryString

from functions.auth import queries
from functions.auth.commands.shared import (
    add_roles,
    delete_resets,
    end_access,
    end_all_families,
    insert_user,
    lock_user,
)
from functions.auth.dependencies import Dependencies
from functions.auth.domain import Email, Role, check_password, parse_email
from functions.auth.errors import EmailAlreadyRegistered, LastAdmin, UserNotFound
from functions.auth.passwords import common_passwords
from functions.auth.queries import Account
from functions.auth.tables import UserRoleRow, UserRow
from functions.kit.base.errors import Text
from functions.kit.data.database import Database, transactional

logger = logging.getLogger(__name__)


@transactional
async def change_user(
    database: Database,
    dependencies: Dependencies,
    user_id: int,
    *,
    roles: Collection[Role] | None,
    disabled: bool | None,
    now: datetime,
) -> Account:
    """Set a user's roles, or disable or enable the user; None keeps the present value.

    Losing a role or being disabled revokes the user's access tokens. Disabling also makes links
    that reset the password void: they do not work again once the user is enabled.
    Raises `UserNotFound` or `LastAdmin`.
    """
    if disabled or (roles is not None and Role.ADMIN not in roles):
        await refuse_last_admin(database, user_id)
    user = await lock_user(database, user_id)
    if user is None:
        raise UserNotFound(Text(f"No hay usuario {user_id}.", f"There is no user {user_id}."))
    changed = False
    if roles is not None:
        changed = await _set_roles(database, user_id, set(roles))
    if disabled is not None and disabled != user["disabled"]:
        await database.execute(
            UserRow.update({UserRow.disabled: disabled}).where(UserRow.id == user_id)
        )
        if disabled:
            await end_all_families(database, user_id, now)
            await delete_resets(database, user_id)
        changed = True  # published for both values, or other services would go on refusing the user
    if changed:
        await end_access(database, dependencies, user_id, now)
    return await queries.get_account(database, user_id)


async def _set_roles(database: Database, user_id: int, roles: set[Role]) -> bool:
    """Returns whether a role was removed."""
    present = set(await queries.roles_of(database, user_id))
    await add_roles(database, user_id, roles - present)
    removed = present - roles
    if removed:
        await database.execute(
            UserRoleRow.delete().where(
                UserRoleRow.user_id == user_id, UserRoleRow.role.is_in(sorted(removed))
            )
        )
    return bool(removed)


async def refuse_last_admin(database: Database, user_id: int) -> None:
    """Raises `LastAdmin`. The admins' rows stay locked, so that two cannot demote each other."""
    rows = await database.locked(
        QueryString(
            "SELECT user_roles.user_id AS user_id FROM user_roles"
            " JOIN users ON users.id = user_roles.user_id"
            " WHERE user_roles.role = {} AND users.disabled = {} ORDER BY user_roles.user_id",
            Role.ADMIN.value,
            False,
        )
    )
    if [row["user_id"] for row in rows] == [user_id]:
        raise LastAdmin(
            Text("Antes haga administrador a otra persona.", "Make somebody else an admin first.")
        )


async def ensure_first_admin(database: Database, dependencies: Dependencies, now: datetime) -> bool:
    """Create the admin of the settings if there is none. Returns whether one was created."""
    settings = dependencies.settings
    if not settings.first_admin_email or await _has_admin(database):
        return False
    email = parse_email(settings.first_admin_email, development=settings.development)
    hashed = await dependencies.passwords.hash(settings.first_admin_password.reveal())
    try:
        await insert_user(database, email, hashed, None, {Role.ADMIN}, now)
    except EmailAlreadyRegistered:
        if not await _has_admin(database):
            # Registering this address first must not make anybody an admin.
            logger.error(  # noqa: TRY400 - the cause is known, and a traceback would bury it
                "FIRST_ADMIN_EMAIL belongs to an account that is not an admin: set another address,"
                " or run python -m functions.auth.create_admin"
            )
        return False
    logger.warning("created the first admin from FIRST_ADMIN_EMAIL")
    return True


async def make_admin(
    database: Database, dependencies: Dependencies, email_text: str, password: str, *, now: datetime
) -> int:
    """Create or promote an account to an admin with this password. Returns the id.

    Raises `EmailInvalid` or `PasswordRefused`.
    """
    email = parse_email(email_text, development=dependencies.settings.development)
    minimum = dependencies.settings.minimum_admin_password
    check_password(password, email, common_passwords(), minimum=minimum)
    hashed = await dependencies.passwords.hash(password)
    return await _make_admin(database, dependencies, email, hashed, now)


@transactional
async def _make_admin(
    database: Database, dependencies: Dependencies, email: Email, hashed: str, now: datetime
) -> int:
    login = await queries.find_login(database, email.key)
    if login is None:
        return await insert_user(database, email, hashed, None, {Role.ADMIN}, now)
    await lock_user(database, login.user_id)
    await database.execute(
        UserRow.update({UserRow.password_hash: hashed, UserRow.disabled: False}).where(
            UserRow.id == login.user_id
        )
    )
    roles = await queries.roles_of(database, login.user_id)
    await add_roles(database, login.user_id, {Role.ADMIN} - set(roles))
    await end_all_families(database, login.user_id, now)
    await delete_resets(database, login.user_id)
    await end_access(database, dependencies, login.user_id, now)
    return login.user_id


async def _has_admin(database: Database) -> bool:
    outcome = await database.execute(
        UserRoleRow.select(UserRoleRow.user_id).where(UserRoleRow.role == Role.ADMIN.value).limit(1)
    )
    return bool(outcome.rows)
