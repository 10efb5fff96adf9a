"""What watching a service needs of its database, as each service's migration `telemetry` adds it.

Frozen, as `v1.py` is. Everything is new or nullable: the release before works beside it.
"""

from functions.kit.data.schema import (
    AUTO_ID,
    BIGINT,
    TIMESTAMP,
    AddColumn,
    Column,
    CreateTable,
    varchar,
)

OUTBOX = (AddColumn("outbox", Column("tracestate", varchar(512), null=True)),)
"""The vendors' part of the trace context that an event was written in."""

BACKUPS = (
    CreateTable(
        "backups",
        [
            Column("id", AUTO_ID),
            Column("file", varchar(255)),
            Column("bytes", BIGINT),
            Column("finished_at", TIMESTAMP),
        ],
    ),
)
"""The database's good backups, which the job that makes them records."""

TELEMETRY = (*OUTBOX, *BACKUPS)
