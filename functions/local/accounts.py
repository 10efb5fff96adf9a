"""The accounts of the local shop: an admin for the runner, two for trying out.

The admin's password stays in a file that only its owner can read, as later runs need it; the
other two are shown once, and kept nowhere.
"""

import secrets
from dataclasses import dataclass, field

from functions.local.client import Client
from functions.local.data_folder import DataFolder
from functions.local.errors import ShopError
from functions.local.programs import Admin

ADMIN_FILE = "admin.json"
_ACCOUNTS_FILE = "accounts.json"
_DOMAIN = "bookstore.example"


@dataclass(frozen=True)
class Account:
    email: str
    password: str = field(repr=False)
    user_id: int


def admin_of(folder: DataFolder) -> Admin:
    """The admin of this folder, made up when there is none yet."""
    if (kept := known_admin(folder)) is not None:
        return kept
    admin = Admin(f"admin@{_DOMAIN}", _password())
    folder.write(ADMIN_FILE, {"email": admin.email, "password": admin.password})
    return admin


def known_admin(folder: DataFolder) -> Admin | None:
    kept = folder.read(ADMIN_FILE)
    return Admin(str(kept["email"]), str(kept["password"])) if kept else None


def known_accounts(folder: DataFolder) -> dict[str, str]:
    """Addresses by role."""
    return folder.read(_ACCOUNTS_FILE) or {}


def remember_accounts(folder: DataFolder, accounts: dict[str, Account]) -> None:
    folder.write(_ACCOUNTS_FILE, {role: account.email for role, account in accounts.items()})


async def login(client: Client, email: str, password: str) -> str:
    answer = await client.expect(
        200, "POST", "auth", "/login", json={"email": email, "password": password}
    )
    token: str = answer.json()["token"]
    return token


async def make_accounts(client: Client, admin: Admin) -> dict[str, Account]:
    return {
        "staff": await make_staff(client, admin, "staff"),
        "customer": await _register(client, "customer"),
    }


async def make_staff(client: Client, admin: Admin, name: str) -> Account:
    account = await _register(client, name)
    await client.expect(
        200,
        "PATCH",
        "auth",
        f"/users/{account.user_id}",
        token=await login(client, admin.email, admin.password),
        json={"roles": ["staff"]},
    )
    return account


async def disable(client: Client, admin: Admin, user_id: int) -> None:
    await client.expect(
        200,
        "PATCH",
        "auth",
        f"/users/{user_id}",
        token=await login(client, admin.email, admin.password),
        json={"disabled": True},
    )


async def _register(client: Client, name: str) -> Account:
    """With the plain name where it is free, else with something behind it."""
    for suffix in ("", f"-{secrets.token_hex(3)}"):
        email, password = f"{name}{suffix}@{_DOMAIN}", _password()
        answer = await client.request(
            "POST",
            "auth",
            "/register",
            json={"email": email, "password": password, "name": name.capitalize()},
        )
        if answer.status_code == 201:
            return Account(email, password, int(answer.json()["id"]))
        if answer.status_code != 409:
            break
    raise ShopError(f"auth refused to register {email}: {answer.text[:300]}")


def _password() -> str:
    return secrets.token_urlsafe(12)
