"""The kit's tables, and the sample's own two."""

from functions.kit import dead_letters, denylist, idempotency, inbox, outbox
from functions.kit.schema import AUTO_ID, BIGINT, Column, CreateTable, Index, varchar

operations = [
    *outbox.SCHEMA,
    *inbox.SCHEMA,
    *dead_letters.SCHEMA,
    *denylist.SCHEMA,
    *idempotency.SCHEMA,
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
