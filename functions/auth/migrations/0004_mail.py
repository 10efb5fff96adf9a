"""What mails need: a user's language, further links of a request, and the devices of a sign-in."""

from functions.kit.data.schema import (
    AUTO_ID,
    BIGINT,
    TIMESTAMP,
    AddColumn,
    Column,
    CreateTable,
    ForeignKey,
    Index,
    varchar,
)

operations = [
    AddColumn("users", Column("language", varchar(2), null=True)),
    CreateTable(
        "password_reset_links",
        [
            Column("id", AUTO_ID),
            Column("reset_id", BIGINT),
            Column("token_hash", varchar(64)),
            Column("expires_at", TIMESTAMP),
        ],
        indexes=[
            Index("ux_password_reset_links_hash", ("token_hash",), unique=True),
            Index("ix_password_reset_links_reset", ("reset_id",)),
            Index("ix_password_reset_links_expires", ("expires_at",)),
        ],
    ),
    CreateTable(
        "known_devices",
        [
            Column("id", AUTO_ID),
            Column("user_id", BIGINT),
            Column("device_hash", varchar(64)),
            Column("last_seen_at", TIMESTAMP),
        ],
        indexes=[
            Index("ux_known_devices", ("user_id", "device_hash"), unique=True),
            Index("ix_known_devices_seen", ("last_seen_at",)),
        ],
        foreign_keys=[ForeignKey("user_id", "users")],
    ),
]
