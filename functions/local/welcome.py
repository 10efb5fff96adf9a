"""What `nox -s dev` prints once the shop is open: where it is, who may enter, what to type."""

from collections.abc import Mapping

from functions.local.accounts import ADMIN_FILE, Account
from functions.local.console import Console
from functions.local.data_folder import DataFolder
from functions.local.invocation import command
from functions.local.ports import SERVICES, Ports
from functions.local.programs import Admin


def welcome(
    console: Console,
    ports: Ports,
    folder: DataFolder,
    admin: Admin,
    new: Mapping[str, Account],
    known: Mapping[str, str],
) -> None:
    console.say()
    console.notice("The shop is open.")
    console.say()
    for service in SERVICES:
        url = ports.url(service)
        console.say(f"  {service:<10}{url:<26}Swagger UI: {url}/apidocs")
    console.say(f"  {'broker':<10}{ports.url('broker'):<26}what it holds: /status")
    console.say(f"  {'data':<10}{folder.path}")
    console.say()
    _accounts(console, folder, admin, new, known)
    _first_purchase(console, ports)
    console.say(f"The whole life of a purchase, step by step: {command('tour')}")
    console.say("Ctrl-C ends it all.")
    console.say()


def _accounts(
    console: Console,
    folder: DataFolder,
    admin: Admin,
    new: Mapping[str, Account],
    known: Mapping[str, str],
) -> None:
    kept = f"its password is kept in {folder.path / ADMIN_FILE}"
    if new:
        console.notice("Accounts for trying out, shown this once:")
        for role, account in new.items():
            console.say(f"  {role:<10}{account.email:<38}{account.password}")
        console.say(f"  {'admin':<10}{admin.email:<38}{admin.password}")
        console.say(f"  The admin's is shown this once too; {kept}.")
    else:
        console.say("The accounts of the first start, whose passwords were shown then:")
        for role, email in known.items():
            console.say(f"  {role:<10}{email}")
        console.say(f"  {'admin':<10}{admin.email:<38}{kept}")
        again = command("dev -- --new-accounts")
        console.say(f"  Forgotten? {again} makes new ones, --fresh a new shop.")
    console.say()


def _first_purchase(console: Console, ports: Ports) -> None:
    auth, catalog, purchase = (ports.url(service) for service in SERVICES)
    you = """'{"email": "you@example.org", "password": "a-long-password"}'"""
    console.notice("A first purchase, in four commands:")
    console.say(f"  curl -X POST {auth}/register -d {you}")
    console.say(f"  curl -X POST {auth}/login -d {you}")
    console.say(f"  curl {catalog}/books")
    console.say(
        f'  curl -X POST {purchase}/purchase -H "Authorization: Bearer <token>" '
        """-d '{"book_id": 3, "quantity": 2}'"""
    )
    console.say()
