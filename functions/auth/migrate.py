"""`python -m functions.auth.migrate` brings the schema up to date.

It also creates the first signing key and the first admin. In a cluster a Job runs it before each
rollout.
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
from functions.kit.base.program import end_with, refuse_arguments
from functions.kit.data.database import bind
from functions.kit.data.engines import connect, database_url
from functions.kit.data.migrations import (
    MigrationPostponed,
    as_migration_error,
    main,
    report_failure,
)
from functions.kit.events.outbox import Outbox


async def prepare(settings: AuthSettings) -> None:
    """Raises `SigningKeyUnreadable` or `EmailInvalid`, and `MigrationPostponed` where the database
    is unavailable."""
    database = connect(database_url("auth", settings))
    bind(database, TABLES)
    try:
        with as_migration_error(database):
            await commands.prepare(database, Dependencies.of(settings, Outbox(utc_now)), utc_now())
    finally:
        await database.close()


def url() -> str:
    """The database URL from the environment."""
    return database_url("auth", AuthSettings.from_mapping(os.environ))


def run() -> int:
    """Returns the exit code."""
    if code := main("auth", migrations, url):
        return code
    try:
        asyncio.run(prepare(AuthSettings.from_mapping(os.environ)))
    except SigningKeyUnreadable:  # logged already, with the key and the remedy
        return 1
    except MigrationPostponed as error:
        return report_failure("auth", error)
    except EmailInvalid as error:
        print(f"auth: FIRST_ADMIN_EMAIL: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    refuse_arguments("functions.auth.migrate", __doc__)
    end_with(run)
