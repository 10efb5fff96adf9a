"""The good backups of a service's database.

The job that makes a backup records it in the database itself, which it can reach anyway, so that
the record survives the job (`knative/base/databases/server/scripts/backup.sh`). A service reports
the age of the last one. Without such a job there is no record, and nothing is reported.
"""

from datetime import datetime

import msgspec
from piccolo.querystring import QueryString

from functions.kit.data.database import Database


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    file: str
    """Its name, without a folder."""
    bytes: int
    finished_at: datetime


async def last(database: Database) -> Backup | None:
    """The newest good backup; None where none is known."""
    outcome = await database.execute(
        QueryString("SELECT file, bytes, finished_at FROM backups ORDER BY id DESC LIMIT 1")
    )
    return msgspec.convert(outcome.rows[0], Backup) if outcome.rows else None
