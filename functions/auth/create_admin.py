"""`python -m functions.auth.create_admin --email ana@example.com` makes an account an admin.

The password is typed, or piped as one line; it is in no environment variable. An existing account
gets the role and this password.
"""

import argparse
import asyncio
import getpass
import os
import sys
from collections.abc import Sequence

from functions.auth import commands
from functions.auth.dependencies import Dependencies
from functions.auth.settings import AuthSettings
from functions.auth.tables import TABLES
from functions.kit.base.clock import utc_now
from functions.kit.base.errors import InvalidInput
from functions.kit.base.output import keep_running_unread
from functions.kit.base.program import end_with
from functions.kit.base.settings import BadSettings
from functions.kit.data.database import bind
from functions.kit.data.engines import connect_existing, database_url
from functions.kit.events.outbox import Outbox


async def create(settings: AuthSettings, email: str, password: str) -> int:
    database = connect_existing(database_url("auth", settings))
    bind(database, TABLES)
    try:
        dependencies = Dependencies.of(settings, Outbox(utc_now))
        return await commands.make_admin(database, dependencies, email, password, now=utc_now())
    finally:
        await database.close()


def read_password() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("Password: ")
    return sys.stdin.readline().rstrip("\r\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """0: done. 1: the address, the password or a setting is refused. 2: no usable database."""
    parser = argparse.ArgumentParser(prog="python -m functions.auth.create_admin")
    parser.add_argument("--email", required=True, help="address of the admin's account")
    options = parser.parse_args(arguments)
    keep_running_unread()
    try:
        settings = AuthSettings.from_mapping(os.environ)
        user_id = asyncio.run(create(settings, options.email, read_password()))
    except (BadSettings, InvalidInput) as error:
        print(error, file=sys.stderr)
        return 1
    except Exception as error:  # noqa: BLE001 - an operator reads a sentence
        print(f"auth: the database cannot be used: {error}", file=sys.stderr)
        return 2
    print(f"user {user_id} is an admin")
    return 0


if __name__ == "__main__":
    end_with(main)
