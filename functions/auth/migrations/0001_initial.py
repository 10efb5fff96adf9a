"""Accounts, roles, tokens, signing keys, and the kit's tables."""

from functions.kit.data.baselines import v1
from functions.kit.data.schema import (
    AUTO_ID,
    BIGINT,
    BOOLEAN,
    TEXT,
    TIMESTAMP,
    Column,
    CreateTable,
    ForeignKey,
    Index,
    varchar,
)

LIVING_IS_COMPLETE = (
    "deleted_at IS NOT NULL OR"
    " (email IS NOT NULL AND email_key IS NOT NULL AND password_hash IS NOT NULL)"
)
DELETED_IS_ANONYMOUS = (
    "deleted_at IS NULL OR"
    " (email IS NULL AND email_key IS NULL AND name IS NULL AND password_hash IS NULL)"
)

operations = [
    *v1.OUTBOX,
    *v1.INBOX,
    *v1.DEAD_LETTERS,
    CreateTable(
        "users",
        [
            Column("id", AUTO_ID),
            Column("email", varchar(254), null=True),
            Column("email_key", varchar(254), null=True),
            Column("name", varchar(100), null=True),
            Column("password_hash", varchar(255), null=True),
            Column("disabled", BOOLEAN),
            Column("access_revision", BIGINT),
            Column("tokens_not_before", TIMESTAMP, null=True),
            Column("created_at", TIMESTAMP),
            Column("deleted_at", TIMESTAMP, null=True),
        ],
        indexes=[
            Index("ux_users_email_key", ("email_key",), unique=True),
            Index("ix_users_access_revision", ("access_revision", "id")),
        ],
        checks=[LIVING_IS_COMPLETE, DELETED_IS_ANONYMOUS],
    ),
    CreateTable(
        "user_roles",
        [Column("id", AUTO_ID), Column("user_id", BIGINT), Column("role", varchar(20))],
        indexes=[
            Index("ux_user_roles", ("user_id", "role"), unique=True),
            Index("ix_user_roles_role", ("role", "user_id")),
        ],
        foreign_keys=[ForeignKey("user_id", "users")],
        checks=["role IN ('customer', 'staff', 'admin')"],
    ),
    CreateTable(
        "refresh_families",
        [
            Column("id", AUTO_ID),
            Column("user_id", BIGINT),
            Column("created_at", TIMESTAMP),
            Column("expires_at", TIMESTAMP),
            Column("ended_at", TIMESTAMP, null=True),
        ],
        indexes=[
            Index("ix_refresh_families_user", ("user_id",)),
            Index("ix_refresh_families_expires", ("expires_at",)),
        ],
        foreign_keys=[ForeignKey("user_id", "users")],
    ),
    CreateTable(
        "refresh_tokens",
        [
            Column("id", AUTO_ID),
            Column("token_hash", varchar(64)),
            Column("family_id", BIGINT),
            Column("expires_at", TIMESTAMP),
            Column("used_at", TIMESTAMP, null=True),
            Column("access_token_id", varchar(64)),
            Column("access_expires_at", TIMESTAMP),
        ],
        indexes=[
            Index("ux_refresh_tokens_hash", ("token_hash",), unique=True),
            Index("ux_refresh_tokens_access", ("access_token_id",), unique=True),
            Index("ix_refresh_tokens_family", ("family_id", "access_expires_at")),
            Index("ix_refresh_tokens_expires", ("expires_at",)),
        ],
        foreign_keys=[ForeignKey("family_id", "refresh_families")],
    ),
    CreateTable(
        "revoked_tokens",
        [
            Column("token_id", varchar(64)),
            Column("user_id", BIGINT),
            Column("expires_at", TIMESTAMP),
        ],
        primary_key=("token_id",),
        indexes=[
            Index("ix_revoked_tokens_user", ("user_id",)),
            Index("ix_revoked_tokens_expires", ("expires_at",)),
        ],
        foreign_keys=[ForeignKey("user_id", "users")],
    ),
    CreateTable(
        "signing_keys",
        [
            Column("kid", varchar(64)),
            Column("public_jwk", TEXT),
            Column("private_key", TEXT),
            Column("active", BOOLEAN, null=True),
            Column("created_at", TIMESTAMP),
            Column("retired_at", TIMESTAMP, null=True),
            Column("not_after", TIMESTAMP, null=True),
        ],
        primary_key=("kid",),
        indexes=[
            # NULLs do not collide: many retired keys, one active key.
            Index("ux_signing_keys_active", ("active",), unique=True),
            Index("ix_signing_keys_not_after", ("not_after",)),
        ],
        checks=[
            "active IS NULL OR active = 1",
            "(active IS NULL) = (retired_at IS NOT NULL)",
            "(retired_at IS NULL) = (not_after IS NULL)",
        ],
    ),
    CreateTable(
        "throttles",
        [
            Column("key_hash", varchar(64)),
            Column("tries", TEXT),
            Column("expires_at", TIMESTAMP),
        ],
        primary_key=("key_hash",),
        indexes=[Index("ix_throttles_expires", ("expires_at",))],
    ),
]
