"""The kit's tables, as migration 0001 of every service creates them. Frozen.

The SQL of a released migration never changes: its checksum is stored in every database. A change
of these tables is a new numbered migration of each service.
"""

from functions.kit.data.schema import (
    AUTO_ID,
    BIGINT,
    BOOLEAN,
    LONGTEXT,
    TEXT,
    TIMESTAMP,
    Column,
    CreateTable,
    Index,
    varchar,
)

OUTBOX = (
    CreateTable(
        "outbox",
        [
            Column("id", AUTO_ID),
            Column("event_id", varchar(36)),
            Column("source", varchar(100)),
            Column("type", varchar(100)),
            Column("subject", varchar(255)),
            Column("revision", BIGINT),
            Column("data", LONGTEXT),
            Column("traceparent", varchar(64), null=True),
            Column("created_at", TIMESTAMP),
            # Assigned after the commit (`events/sequencer.py`): an AUTO_INCREMENT has gaps and
            # becomes visible out of order, so readers could not detect a missing event with it.
            Column("sequence", BIGINT, null=True),
            Column("sent_at", TIMESTAMP, null=True),
        ],
        indexes=[
            Index("ux_outbox_event", ("event_id",), unique=True),
            Index("ux_outbox_sequence", ("source", "sequence"), unique=True),
            Index("ix_outbox_unnumbered", ("sequence", "id")),
            Index("ix_outbox_unsent", ("sent_at", "id")),
        ],
    ),
    CreateTable(
        "outbox_streams",
        [
            Column("source", varchar(100)),
            Column("head", BIGINT),
            Column("floor", BIGINT),
        ],
        primary_key=("source",),
    ),
    CreateTable(
        "outbox_lease",
        [Column("name", varchar(20)), Column("holder", varchar(36)), Column("expires_at", BIGINT)],
        primary_key=("name",),
    ),
)
"""Published events, the counters of their streams, and the relay's lease."""

INBOX = (
    CreateTable(
        "inbox",
        [
            Column("source", varchar(255)),
            Column("event_id", varchar(255)),
            Column("sequence", BIGINT, null=True),
            Column("received_at", TIMESTAMP),
        ],
        primary_key=("source", "event_id"),
        indexes=[
            Index("ix_inbox_sequence", ("source", "sequence")),
            Index("ix_inbox_received", ("received_at",)),
        ],
    ),
    CreateTable(
        "stream_positions",
        [Column("source", varchar(255)), Column("contiguous", BIGINT)],
        primary_key=("source",),
    ),
)
"""Consumed events, and the position of each consumed stream."""

DEAD_LETTERS = (
    CreateTable(
        "dead_letters",
        [
            Column("id", AUTO_ID),
            Column("fingerprint", varchar(64)),
            Column("kind", varchar(20)),
            Column("reason", varchar(500)),
            Column("headers", TEXT),
            Column("body", LONGTEXT),
            Column("received_at", TIMESTAMP),
            Column("replayed_at", TIMESTAMP, null=True),
        ],
        indexes=[Index("ux_dead_letters_fingerprint", ("fingerprint",), unique=True)],
    ),
)
"""Malformed and undeliverable events."""

REVOCATIONS = (
    CreateTable(
        "denied_tokens",
        [Column("token_id", varchar(64)), Column("expires_at", TIMESTAMP)],
        primary_key=("token_id",),
        indexes=[Index("ix_denied_tokens_expires", ("expires_at",))],
    ),
    CreateTable(
        "denied_users",
        [
            Column("user_id", BIGINT),
            Column("revision", BIGINT),
            Column("disabled", BOOLEAN),
            Column("tokens_not_before", TIMESTAMP),
        ],
        primary_key=("user_id",),
    ),
    CreateTable(
        "verification_keys",
        [
            Column("kid", varchar(64)),
            Column("revision", BIGINT),
            Column("jwk", TEXT),
            Column("not_after", TIMESTAMP, null=True),
        ],
        primary_key=("kid",),
    ),
)
"""Revoked tokens, users whose access has changed, and public keys, as auth reports them."""

IDEMPOTENCY = (
    CreateTable(
        "idempotency_keys",
        [
            Column("user_id", BIGINT),
            Column("route", varchar(100)),
            Column("idempotency_key", varchar(200)),
            Column("fingerprint", varchar(64)),
            Column("status", BIGINT),
            Column("body", LONGTEXT),
            Column("created_at", TIMESTAMP),
        ],
        primary_key=("user_id", "route", "idempotency_key"),
        indexes=[Index("ix_idempotency_created", ("created_at",))],
    ),
)
"""Stored responses by `Idempotency-Key`."""
