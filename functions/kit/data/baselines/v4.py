"""What a restore needs to go on after an interruption: each service's migration `restores`.

Frozen, as `v1.py` is. Everything is new: the release before works beside it.
"""

from functions.kit.data.schema import BIGINT, TIMESTAMP, Column, CreateTable, varchar

RESTORES = (
    CreateTable(
        "stream_restores",
        [
            Column("source", varchar(255)),
            Column("sequence", BIGINT),
            Column("event_id", varchar(255), null=True),
            Column("last_subject", varchar(255)),
            Column("busy_until", TIMESTAMP, null=True),
        ],
        primary_key=("source",),
    ),
)
"""How far each unfinished restore from a snapshot has come."""
