"""Bring auth's schema up to date, and make the first key and the first admin.

`python -m functions.auth.migrate`; in a cluster a Job runs it before a revision goes out.
"""

import asyncio
import os
import sys

from functions.auth import commands, migrations
from functions.auth.dependencies import Dependencies
from functions.auth.errors import EmailInvalid, SigningKeyUnreadable
from functions.auth.settings import AuthSettings
from functions.auth.tables import TABLES
from functions.kit.base.clock import utc_now
from functions.kit.data.database import bind
from functions.kit.data.engines import connect, database_url
from functions.kit.data.migrations import (
    MigrationPostponed,
    as_migration_error,
    failed,
    main,
)
from functions.kit.events.outbox import Outbox


async def prepare(settings: AuthSettings) -> None:
    """Raises `SigningKeyUnreadable` or `EmailInvalid`, and `MigrationPostponed` where the database
    is away."""
    database = connect(database_url("auth", settings))
    bind(database, TABLES)
    try:
        with as_migration_error(database):
            await commands.prepare(database, Dependencies.of(settings, Outbox(utc_now)), utc_now())
    finally:
        await database.close()


def url() -> str:
    """Where the environment says that the database is."""
    return database_url("auth", AuthSettings.from_mapping(os.environ))


def run() -> int:
    """Answers the exit code."""
    if code := main("auth", migrations, url):
        return code
    try:
        asyncio.run(prepare(AuthSettings.from_mapping(os.environ)))
    except SigningKeyUnreadable:  # the log has said which key, and what to do
        return 1
    except MigrationPostponed as error:
        return failed("auth", error)
    except EmailInvalid as error:
        print(f"auth: FIRST_ADMIN_EMAIL: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(run())
