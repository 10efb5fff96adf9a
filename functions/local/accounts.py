"""The accounts of the local shop: an admin for the runner, others for its users.

The admin's password is stored in a file that only its owner can read, as later runs need it. The
other passwords are printed once and stored nowhere.
"""

import secrets
from dataclasses import dataclass, field

from functions.local.client import Client
from functions.local.data_folder import DataFolder
from functions.local.errors import ShopError
from functions.local.programs import Admin

ADMIN_FILE = "admin.json"
_ACCOUNTS_FILE = "accounts.json"
_SESSION_KEY_FILE = "session-key.json"
_DOMAIN = "bookstore.example"


@dataclass(frozen=True)
class Account:
    email: str
    password: str = field(repr=False)
    user_id: int


def load_or_create_admin(folder: DataFolder) -> Admin:
    if (stored := load_admin(folder)) is not None:
        return stored
    admin = Admin(f"admin@{_DOMAIN}", _password())
    folder.write(ADMIN_FILE, {"email": admin.email, "password": admin.password})
    return admin


def load_admin(folder: DataFolder) -> Admin | None:
    stored = folder.read(ADMIN_FILE)
    return Admin(str(stored["email"]), str(stored["password"])) if stored else None


def load_or_create_session_key(folder: DataFolder) -> str:
    """The key of the storefront's sessions: they are still valid after a restart."""
    stored = folder.read(_SESSION_KEY_FILE)
    if stored is None:
        stored = {"key": secrets.token_urlsafe(32)}
        folder.write(_SESSION_KEY_FILE, stored)
    return str(stored["key"])


def load_accounts(folder: DataFolder) -> dict[str, str]:
    """Emails by role."""
    return folder.read(_ACCOUNTS_FILE) or {}


def store_accounts(folder: DataFolder, accounts: dict[str, Account]) -> None:
    folder.write(_ACCOUNTS_FILE, {role: account.email for role, account in accounts.items()})


async def login(client: Client, email: str, password: str) -> str:
    response = await client.expect(
        200, "POST", "auth", "/login", json={"email": email, "password": password}
    )
    token: str = response.json()["token"]
    return token


async def create_accounts(client: Client, admin: Admin) -> dict[str, Account]:
    return {
        "staff": await create_staff(client, admin, "staff"),
        "seller": await _create_seller(client, admin),
        "customer": await _register(client, "customer"),
    }


async def _create_seller(client: Client, admin: Admin) -> Account:
    """A seller, who may buy as well."""
    account = await _register(client, "seller")
    await _change_user(client, admin, account.user_id, {"roles": ["customer", "seller"]})
    return account


async def create_staff(client: Client, admin: Admin, name: str) -> Account:
    account = await _register(client, name)
    await _change_user(client, admin, account.user_id, {"roles": ["staff"]})
    return account


async def disable(client: Client, admin: Admin, user_id: int) -> None:
    await _change_user(client, admin, user_id, {"disabled": True})


async def _change_user(
    client: Client, admin: Admin, user_id: int, changes: dict[str, object]
) -> None:
    token = await login(client, admin.email, admin.password)
    await client.expect(200, "PATCH", "auth", f"/users/{user_id}", token=token, json=changes)


async def _register(client: Client, name: str) -> Account:
    """As NAME@bookstore.example, or NAME-SUFFIX when that is taken."""
    for suffix in ("", f"-{secrets.token_hex(3)}"):
        email, password = f"{name}{suffix}@{_DOMAIN}", _password()
        response = await client.request(
            "POST",
            "auth",
            "/register",
            json={"email": email, "password": password, "name": name.capitalize()},
        )
        if response.status_code == 201:
            return Account(email, password, int(response.json()["id"]))
        if response.status_code != 409:
            break
    raise ShopError(f"auth refused to register {email}: {response.text[:300]}")


def _password() -> str:
    return secrets.token_urlsafe(12)
