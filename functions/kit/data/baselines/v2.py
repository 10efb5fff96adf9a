"""What operating a service needs of its database, as each service's migration `operations` adds it.

Frozen, as `v1.py` is. Everything is new or nullable: the release before works beside it.
"""

from functions.kit.data.schema import (
    AUTO_ID,
    BIGINT,
    TEXT,
    TIMESTAMP,
    AddColumn,
    AddIndex,
    Column,
    CreateTable,
    Index,
    varchar,
)

DEAD_LETTERS = (
    AddColumn("dead_letters", Column("discarded_at", TIMESTAMP, null=True)),
    AddIndex(
        "dead_letters", Index("ix_dead_letters_waiting", ("replayed_at", "discarded_at", "id"))
    ),
    CreateTable(
        "dead_letter_actions",
        [
            Column("id", AUTO_ID),
            Column("letter_id", BIGINT),
            Column("action", varchar(20)),
            Column("note", varchar(500), null=True),
            Column("user_id", BIGINT, null=True),
            Column("at", TIMESTAMP),
        ],
        indexes=[Index("ix_dead_letter_actions_letter", ("letter_id", "id"))],
    ),
)
"""Discarded dead letters are kept, with who did what to each."""

STREAM_READS = (
    CreateTable(
        "stream_reads",
        [
            Column("source", varchar(255)),
            Column("head", BIGINT, null=True),
            Column("contacted_at", TIMESTAMP, null=True),
            Column("gap_after", BIGINT, null=True),
            Column("gaps_seen", BIGINT),
            Column("gaps_repaired", BIGINT),
            Column("events_read", BIGINT),
            Column("restores", BIGINT),
            Column("failed_at", TIMESTAMP, null=True),
            Column("failure", varchar(500), null=True),
        ],
        primary_key=("source",),
    ),
)
"""What the readers of the consumed streams have met."""

PROCESS_STARTS = (
    CreateTable(
        "process_starts",
        [
            Column("id", AUTO_ID),
            Column("started_at", TIMESTAMP),
            Column("start_milliseconds", BIGINT, null=True),
            Column("exposed_api", varchar(10)),
            Column("version", varchar(50)),
            Column("revision", varchar(100)),
        ],
        indexes=[Index("ix_process_starts_started", ("started_at",))],
    ),
)
"""Starts of the service's processes: on Knative, its cold starts."""

AUDIT_RUNS = (
    CreateTable(
        "audit_runs",
        [
            Column("id", AUTO_ID),
            Column("started_at", TIMESTAMP),
            Column("finished_at", TIMESTAMP),
            Column("outcome", varchar(10)),
            Column("checked", BIGINT),
            Column("findings", TEXT),
        ],
    ),
)
"""Results of the service's audit."""

OPERATIONS = (*DEAD_LETTERS, *STREAM_READS, *PROCESS_STARTS, *AUDIT_RUNS)
