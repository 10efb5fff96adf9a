"""Requests to reset a forgotten password."""

from functions.kit.data.schema import (
    AUTO_ID,
    BIGINT,
    TIMESTAMP,
    Column,
    CreateTable,
    ForeignKey,
    Index,
    varchar,
)

WAITING_OR_OF_A_USER = "(user_id IS NULL) = (email_key IS NOT NULL)"
ONLY_A_USER_HAS_A_TOKEN = "token_hash IS NULL OR user_id IS NOT NULL"  # noqa: S105 - SQL

operations = [
    CreateTable(
        "password_resets",
        [
            Column("id", AUTO_ID),
            Column("email_key", varchar(254), null=True),
            Column("user_id", BIGINT, null=True),
            Column("language", varchar(2)),
            Column("expires_at", TIMESTAMP),
            Column("token_hash", varchar(64), null=True),
        ],
        indexes=[
            Index("ux_password_resets_hash", ("token_hash",), unique=True),
            Index("ix_password_resets_user", ("user_id", "id")),
            Index("ix_password_resets_expires", ("expires_at",)),
        ],
        foreign_keys=[ForeignKey("user_id", "users")],
        checks=[WAITING_OR_OF_A_USER, ONLY_A_USER_HAS_A_TOKEN],
    ),
]
