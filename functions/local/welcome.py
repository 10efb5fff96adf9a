"""What `nox -s dev` prints once the shop runs: addresses, accounts, and commands to try."""

import shlex
from collections.abc import Mapping

from functions.local.accounts import ADMIN_FILE, Account
from functions.local.console import Console
from functions.local.data_folder import DataFolder
from functions.local.invocation import command
from functions.local.options import default_data_folders
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
    """`new` accounts by role; `known` are the emails of those of an earlier start."""
    console.print()
    console.notice(f"The shop is open: {ports.url('storefront')}")
    console.print("  Buy a book there: sign in as the customer below. Others see a back office.")
    console.print(f"  Every mail that it sends is there: {ports.url('storefront')}/dev/mail")
    addresses = [(each, ports.url(each), f"{ports.url(each)}/apidocs") for each in SERVICES]
    broker = ("broker", ports.url("broker"), f"{ports.url('broker')}/status")
    traces = ("traces", ports.url("traces"), f"{ports.url('traces')}/dev/traces")
    console.table([*addresses, broker, traces])
    console.print(f"  Data and logs: {folder.path}")
    _accounts(console, folder, admin, new, known)
    console.print()
    _first_purchase(console, ports)
    console.print()
    console.print(f"The whole life of a purchase, step by step: {_tour_command(folder)}")
    console.print("Ctrl-C stops the shop and keeps its data.")
    console.print()


def _tour_command(folder: DataFolder) -> str:
    """With the data folder, unless the tour looks there by itself."""
    if folder.path in default_data_folders():
        return command("tour")
    return command(f"tour -- --data {shlex.quote(str(folder.path))}")


def _accounts(
    console: Console,
    folder: DataFolder,
    admin: Admin,
    new: Mapping[str, Account],
    known: Mapping[str, str],
) -> None:
    admin_file = folder.path / ADMIN_FILE
    if new:
        console.notice("Accounts for trying it out. Their passwords are printed only now:")
        accounts = [(role, account.email, account.password) for role, account in new.items()]
        console.table([*accounts, ("admin", admin.email, admin.password)])
        console.print(f"  The admin's password is also in {admin_file}")
    else:
        console.notice("Accounts, with the passwords that the first start printed:")
        console.table([*known.items(), ("admin", admin.email)])
        again = command("dev -- --new-accounts")
        console.print(f"  The admin's password is in {admin_file}; new accounts: {again}")


def _first_purchase(console: Console, ports: Ports) -> None:
    auth, catalog, purchase = (ports.url(each) for each in ("auth", "catalog", "purchase"))
    you = """'{"email": "you@example.org", "password": "a-long-password"}'"""
    console.notice("A first purchase by HTTP:")
    console.print(f"  curl -X POST {auth}/register -d {you}")
    console.print(f"  curl -X POST {auth}/login -d {you}")
    console.print(f"  curl {catalog}/books")
    console.print(
        f'  curl -X POST {purchase}/purchase -H "Authorization: Bearer <token>" '
        """-d '{"book_id": 3, "quantity": 2}'"""
    )
