"""Compares the payment provider's ledger with the tables; part of `audit.py`.

The ledger is outside any transaction and changes while it is read. Entries newer than the audit are
therefore ignored, pending work has `GRACE`, and a payment that seems to be missing at the provider
is queried by its reference before it is reported.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from piccolo.querystring import QueryString

from functions.kit.data.database import Database, Row, is_in
from functions.purchase.domain.payments import PaymentStatus
from functions.purchase.payment_provider import Charge, EntryKind, LedgerEntry, PaymentProvider

GRACE = timedelta(minutes=15)
"""How long background tasks may take to record a charge or to settle a refund."""
PAGE = 500


class Finding(NamedTuple):
    sentence: str
    breaches: Sequence[object]
    """Rows that violate it; empty where it holds."""


CHARGE_NOT_RECORDED = "every charge of the provider is a payment that is recorded as charged"
CHARGE_NOT_IN_LEDGER = "every payment that is recorded as charged is in the provider's ledger"
REFUND_NOT_RECORDED = "every refund of the provider is a refund that is recorded as paid"
REFUND_NOT_IN_LEDGER = "every refund that is recorded as paid is in the provider's ledger"
REFUND_OWED = "no refund is owed for long"
OPEN = "no payment is without an answer for long"
SENTENCES = (
    CHARGE_NOT_RECORDED,
    CHARGE_NOT_IN_LEDGER,
    REFUND_NOT_RECORDED,
    REFUND_NOT_IN_LEDGER,
    REFUND_OWED,
    OPEN,
)


async def audit_ledger(
    database: Database, provider: PaymentProvider, now: datetime
) -> list[Finding]:
    """One finding per sentence of `SENTENCES`.

    Raises `ProviderUnreachable`.
    """
    seen: dict[EntryKind, set[str]] = {kind: set() for kind in EntryKind}
    wrong: dict[EntryKind, list[str]] = {kind: [] for kind in EntryKind}
    page: list[LedgerEntry] = []
    async for entry in provider.entries():
        if entry.at > now:
            continue
        seen[entry.kind].add(entry.reference)
        page.append(entry)
        if len(page) == PAGE:
            await _compare(database, page, wrong, now)
            page = []
    await _compare(database, page, wrong, now)
    return [
        Finding(CHARGE_NOT_RECORDED, wrong[EntryKind.CHARGE]),
        Finding(
            CHARGE_NOT_IN_LEDGER,
            await _missing_charges(database, provider, seen[EntryKind.CHARGE], now),
        ),
        Finding(REFUND_NOT_RECORDED, wrong[EntryKind.REFUND]),
        Finding(
            REFUND_NOT_IN_LEDGER, await _missing_refunds(database, seen[EntryKind.REFUND], now)
        ),
        Finding(REFUND_OWED, await _owed_refunds(database, now)),
        Finding(OPEN, await _open_payments(database, now)),
    ]


async def _compare(
    database: Database,
    page: Sequence[LedgerEntry],
    wrong: dict[EntryKind, list[str]],
    now: datetime,
) -> None:
    if not page:
        return
    references = [entry.reference for entry in page]
    payments = await _by_reference(
        database,
        QueryString(
            "SELECT reference, id, amount_minor, currency, status FROM payments WHERE {}",
            is_in("reference", references),
        ),
    )
    refunds = await _by_reference(
        database,
        QueryString(
            "SELECT r.reference, r.id, r.amount_minor, p.currency, r.settled FROM refunds r"
            " JOIN payments p ON p.id = r.payment_id WHERE {}",
            is_in("r.reference", references),
        ),
    )
    for entry in page:
        if entry.kind is EntryKind.CHARGE:
            row = payments.get(entry.reference)
            recorded = row is not None and row["status"] in (
                PaymentStatus.COMPLETED,
                PaymentStatus.REFUNDED,
            )
        else:
            row = refunds.get(entry.reference)
            recorded = row is not None and bool(row["settled"])
        problem = _problem(entry, row, recorded=recorded, fresh=now - entry.at < GRACE)
        if problem:
            wrong[entry.kind].append(f"{entry.reference}: {problem}")


async def _by_reference(database: Database, query: QueryString) -> dict[str, Row]:
    return {row["reference"]: row for row in (await database.execute(query)).rows}


def _problem(entry: LedgerEntry, row: Row | None, *, recorded: bool, fresh: bool) -> str:
    there = f"{entry.amount_minor} minor units of {entry.currency}"
    if row is None:
        return f"{there}, unknown here"
    if (entry.amount_minor, entry.currency) != (row["amount_minor"], row["currency"]):
        return f"{there} there, {row['amount_minor']} of {row['currency']} here (id {row['id']})"
    if not recorded and not fresh:
        return f"{there}, not recorded here (id {row['id']})"
    return ""


async def _missing_charges(
    database: Database, provider: PaymentProvider, seen: set[str], now: datetime
) -> list[str]:
    charged = QueryString(
        "{} AND amount_minor > 0 AND created_at <= {}",
        is_in("status", [str(PaymentStatus.COMPLETED), str(PaymentStatus.REFUNDED)]),
        now,
    )
    return [
        f"payment {row['id']}: {row['reference']}"
        async for row in _references(database, "payments", charged)
        if row["reference"] not in seen
        and await provider.find(row["reference"]) is not Charge.CAPTURED
    ]


async def _missing_refunds(database: Database, seen: set[str], now: datetime) -> list[str]:
    paid = QueryString("settled = {} AND created_at <= {}", True, now - GRACE)
    return [
        f"refund {row['id']}: {row['reference']}"
        async for row in _references(database, "refunds", paid)
        if row["reference"] not in seen
    ]


async def _references(database: Database, table: str, condition: QueryString) -> AsyncIterator[Row]:
    """The id and reference of each row that meets a condition, read in pages."""
    after = 0
    while True:
        outcome = await database.execute(
            QueryString(
                f"SELECT id, reference FROM {table} WHERE id > {{}} AND {{}}"  # noqa: S608 - ours
                " ORDER BY id LIMIT {}",
                after,
                condition,
                PAGE,
            )
        )
        for row in outcome.rows:
            after = row["id"]
            yield row
        if len(outcome.rows) < PAGE:
            return


async def _owed_refunds(database: Database, now: datetime) -> list[Row]:
    outcome = await database.execute(
        QueryString(
            "SELECT id, payment_id, amount_minor, refused, attempts FROM refunds"
            " WHERE settled = {} AND created_at <= {} ORDER BY id",
            False,
            now - GRACE,
        )
    )
    rows: list[Row] = outcome.rows
    return rows


async def _open_payments(database: Database, now: datetime) -> list[Row]:
    outcome = await database.execute(
        QueryString(
            "SELECT id, purchase_id, reference, created_at FROM payments"
            " WHERE status = {} AND created_at <= {} ORDER BY id",
            str(PaymentStatus.PROCESSING),
            now - GRACE,
        )
    )
    rows: list[Row] = outcome.rows
    return rows
