"""Mails, subscribers, and the kit's tables."""

from functions.kit.data.baselines import v1
from functions.kit.data.schema import (
    AUTO_ID,
    BIGINT,
    BOOLEAN,
    LONGTEXT,
    TIMESTAMP,
    Column,
    CreateTable,
    Index,
    varchar,
)

operations = [
    *v1.OUTBOX,
    *v1.INBOX,
    *v1.DEAD_LETTERS,
    *v1.REVOCATIONS,
    CreateTable(
        "mails",
        [
            Column("id", AUTO_ID),
            Column("message_id", varchar(36)),
            Column("event_source", varchar(100)),
            Column("event_id", varchar(255)),
            Column("kind", varchar(30)),
            Column("user_id", BIGINT),
            Column("subject", varchar(255)),
            Column("revision", BIGINT),
            Column("facts", LONGTEXT),
            Column("state", varchar(10)),
            Column("tries", BIGINT),
            Column("due_at", TIMESTAMP),
            Column("expires_at", TIMESTAMP),
            Column("created_at", TIMESTAMP),
            Column("finished_at", TIMESTAMP, null=True),
            Column("reason", varchar(500), null=True),
        ],
        indexes=[
            Index("ux_mails_message", ("message_id",), unique=True),
            # One mail for each event, which concerns one person.
            Index("ux_mails_event", ("event_source", "event_id"), unique=True),
            Index("ix_mails_due", ("state", "due_at", "id")),
            Index("ix_mails_user", ("user_id",)),
            Index("ix_mails_subject", ("subject", "revision")),
            Index("ix_mails_finished", ("finished_at",)),
        ],
        checks=[
            "state IN ('waiting', 'sent', 'put-aside', 'skipped')",
            "(state = 'waiting') = (finished_at IS NULL)",
            "tries >= 0",
        ],
    ),
    CreateTable(
        "subscribers",
        [
            Column("user_id", BIGINT),
            Column("token", varchar(43)),
            Column("delivery_updates", BOOLEAN),
            Column("changed_at", TIMESTAMP),
        ],
        primary_key=("user_id",),
        indexes=[Index("ux_subscribers_token", ("token",), unique=True)],
    ),
]
