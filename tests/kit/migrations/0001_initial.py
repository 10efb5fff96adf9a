"""The kit's tables, and the sample's own two."""

from functions.kit.data.baselines import v1
from functions.kit.data.schema import AUTO_ID, BIGINT, Column, CreateTable, Index, varchar

operations = [
    *v1.OUTBOX,
    *v1.INBOX,
    *v1.DEAD_LETTERS,
    *v1.REVOCATIONS,
    *v1.IDEMPOTENCY,
    CreateTable(
        "notes",
        [Column("id", AUTO_ID), Column("text", varchar(200)), Column("revision", BIGINT)],
        indexes=[Index("ux_notes_text", ("text",), unique=True)],
    ),
    CreateTable(
        "things",
        [
            Column("thing_id", BIGINT),
            Column("label", varchar(200)),
            Column("revision", BIGINT),
            Column("applied", BIGINT),
        ],
        primary_key=("thing_id",),
    ),
]
