"""Columns for the requests of payments and for retried refunds; the simulated provider's ledger."""

from functions.kit.data.schema import (
    BIGINT,
    BOOLEAN,
    TIMESTAMP,
    AddColumn,
    AddIndex,
    Column,
    CreateTable,
    Execute,
    Index,
    varchar,
)

# Charges and refunds of the simulated provider from before it kept a ledger.
_CHARGES = (
    "INSERT INTO simulated_ledger (reference, kind, charge_reference, method, amount_minor,"
    " currency, outcome, effective_at) SELECT p.reference, 'charge', NULL, p.method,"
    " p.amount_minor, p.currency, 'captured', p.created_at FROM payments p"
    " WHERE p.status IN ('Completed', 'Refunded') AND p.amount_minor > 0 AND NOT EXISTS"
    " (SELECT 1 FROM simulated_ledger l WHERE l.reference = p.reference)"
)
_REFUNDS = (
    "INSERT INTO simulated_ledger (reference, kind, charge_reference, method, amount_minor,"
    " currency, outcome, effective_at) SELECT r.reference, 'refund', p.reference, p.method,"
    " r.amount_minor, p.currency, 'captured', r.created_at FROM refunds r"
    " JOIN payments p ON p.id = r.payment_id WHERE r.settled = 1 AND NOT EXISTS"
    " (SELECT 1 FROM simulated_ledger l WHERE l.reference = r.reference)"
)
_BACKFILL = Execute(
    unless="SELECT 1 FROM simulated_ledger LIMIT 1",
    sqlite=(_CHARGES, _REFUNDS),
    mysql=(_CHARGES, _REFUNDS),
)

operations = [
    AddColumn("payments", Column("outcome", varchar(20), null=True)),
    AddColumn("payments", Column("outcome_status", varchar(20), null=True)),
    AddColumn("payments", Column("requested_by", BIGINT, null=True)),
    AddColumn("payments", Column("request_key", varchar(200), null=True)),
    AddColumn("payments", Column("language", varchar(2), default="'es'")),
    AddColumn("payments", Column("in_flight_until", TIMESTAMP, null=True)),
    AddColumn("payments", Column("checks", BIGINT, default="0")),
    AddColumn("payments", Column("check_at", TIMESTAMP, null=True)),
    AddIndex("payments", Index("ix_payments_check", ("status", "check_at"))),
    AddIndex("payments", Index("ix_payments_request", ("requested_by", "request_key"))),
    AddColumn("refunds", Column("refused", BOOLEAN, default="0")),
    AddColumn("refunds", Column("attempts", BIGINT, default="0")),
    AddColumn("refunds", Column("next_attempt_at", TIMESTAMP, null=True)),
    AddIndex("refunds", Index("ix_refunds_due", ("settled", "next_attempt_at"))),
    AddIndex("purchases", Index("ix_purchases_holdings", ("user_id", "status"))),
    CreateTable(
        "customers",
        [Column("user_id", BIGINT), Column("purchases_placed", BIGINT)],
        primary_key=("user_id",),
    ),
    CreateTable(
        "unmatched_charges",
        [
            Column("reference", varchar(100)),
            Column("amount_minor", BIGINT),
            Column("currency", varchar(3)),
            Column("charged_at", TIMESTAMP),
            Column("found_at", TIMESTAMP),
        ],
        primary_key=("reference",),
    ),
    CreateTable(
        "simulated_ledger",
        [
            Column("reference", varchar(100)),
            Column("kind", varchar(10)),
            Column("charge_reference", varchar(100), null=True),
            Column("method", varchar(100)),
            Column("amount_minor", BIGINT),
            Column("currency", varchar(3)),
            Column("outcome", varchar(20)),
            Column("effective_at", TIMESTAMP),
        ],
        primary_key=("reference",),
        indexes=[
            Index("ix_simulated_ledger_charge", ("charge_reference",)),
            Index("ix_simulated_ledger_time", ("effective_at",)),
        ],
        checks=["amount_minor > 0"],
    ),
    _BACKFILL,
]
