"""A payment provider that moves no money but keeps a ledger.

The ledger is the table `simulated_ledger`, written in separate transactions. A charge therefore
persists when the caller is killed, and `find`, `refund` and `entries` read real state. The payment
method decides what happens to a charge:

| token | what the provider does |
| --- | --- |
| `tok_decline` | declines |
| `tok_timeout` | does not answer, and does not charge |
| `tok_late` | charges, but the answer is lost |
| `tok_slow` | charges and answers after three seconds |
| `tok_pending` | does not answer, and charges after one minute |
| `tok_hang` | never answers, and does not charge |
| `tok_refund_refused` | charges, and refuses refunds |
| anything else, `tok_success` | charges |
"""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from piccolo.querystring import QueryString

from functions.kit.base.clock import Clock
from functions.kit.data.database import Database, Row, transactional
from functions.purchase.payment_provider import (
    BadSignature,
    Charge,
    ChargeReport,
    EntryKind,
    LedgerEntry,
    ProviderUnreachable,
    RefundRefused,
)

PAGE = 500
_WEBHOOK_TOLERANCE = timedelta(minutes=5)
_NO_ANSWER = {"tok_late", "tok_pending"}


@dataclass(kw_only=True)
class SimulatedProvider:
    """The ledger is in `database`. An empty `webhook_secret` refuses every webhook."""

    database: Database
    clock: Clock
    webhook_secret: str = ""
    name: str = "simulated"
    answers_within: timedelta = timedelta(seconds=10)
    final_after: timedelta = timedelta(seconds=30)
    slow: timedelta = timedelta(seconds=3)
    """Delay before `tok_slow` is charged and answered."""
    pending: timedelta = timedelta(minutes=1)
    """Delay before `tok_pending` is charged."""

    async def capture(
        self, reference: str, method: str, amount_minor: int, currency: str
    ) -> Charge:
        if method == "tok_timeout":
            raise ProviderUnreachable("the simulated provider does not answer this token")
        if method == "tok_hang":
            await asyncio.Event().wait()
        delay = {"tok_slow": self.slow, "tok_pending": self.pending}.get(method, timedelta())
        row = await _charge(
            self.database,
            reference,
            method,
            amount_minor,
            currency,
            outcome=Charge.DECLINED if method == "tok_decline" else Charge.CAPTURED,
            effective_at=self.clock() + delay,
        )
        if not _is_same(row, EntryKind.CHARGE, None, amount_minor, currency):
            raise ValueError(f"{reference} was used before, with other arguments")
        if method in _NO_ANSWER:
            raise ProviderUnreachable("the simulated provider's answer to this token is lost")
        if method == "tok_slow":
            await asyncio.sleep(self.slow.total_seconds())
        return Charge(row["outcome"])

    async def find(self, reference: str) -> Charge:
        row = await _entry(self.database, reference)
        if row is None or row["kind"] != EntryKind.CHARGE:
            return Charge.UNKNOWN
        if row["effective_at"] > self.clock():
            return Charge.PENDING
        return Charge(row["outcome"])

    async def refund(
        self, reference: str, charge_reference: str, amount_minor: int, currency: str
    ) -> None:
        await _refund(
            self.database, reference, charge_reference, amount_minor, currency, now=self.clock()
        )

    async def entries(self, since: datetime | None = None) -> AsyncIterator[LedgerEntry]:
        after = ""
        while True:
            outcome = await self.database.execute(
                QueryString(
                    "SELECT * FROM simulated_ledger WHERE reference > {} AND outcome = {}"
                    " AND effective_at >= {} AND effective_at <= {} ORDER BY reference LIMIT {}",
                    after,
                    str(Charge.CAPTURED),
                    since or datetime(1970, 1, 1, tzinfo=UTC),
                    self.clock(),
                    PAGE,
                )
            )
            for row in outcome.rows:
                after = row["reference"]
                yield LedgerEntry(
                    EntryKind(row["kind"]),
                    after,
                    row["amount_minor"],
                    row["currency"],
                    row["effective_at"],
                )
            if len(outcome.rows) < PAGE:
                return

    def read_webhook(self, headers: Mapping[str, str], body: bytes, now: datetime) -> ChargeReport:
        message_id, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not self.webhook_secret:
            raise BadSignature("no secret is set")
        if not (sent.isascii() and sent.isdigit() and len(sent) < 12):
            raise BadSignature("webhook-timestamp is not a time in seconds")
        if abs(now.timestamp() - int(sent)) > _WEBHOOK_TOLERANCE.total_seconds():
            raise BadSignature("webhook-timestamp is too far from the present")
        expected = self._signature(message_id, sent, body)
        given = headers.get("webhook-signature", "").split(" ")
        # Compared as bytes: `compare_digest` refuses text beyond ASCII.
        if not any(hmac.compare_digest(expected.encode(), each.encode()) for each in given):
            raise BadSignature("the signature does not match")
        try:
            message = json.loads(body)
            return ChargeReport(str(message["reference"]), Charge(message["charge"]))
        except (ValueError, KeyError, TypeError) as error:
            raise BadSignature("the signature matches, but the body cannot be parsed") from error

    def sign_webhook(self, report: ChargeReport, message_id: str) -> tuple[dict[str, str], bytes]:
        """The headers and body of a webhook (standardwebhooks.com)."""
        body = json.dumps({"reference": report.reference, "charge": str(report.charge)}).encode()
        sent = str(int(self.clock().timestamp()))
        headers = {
            "webhook-id": message_id,
            "webhook-timestamp": sent,
            "webhook-signature": self._signature(message_id, sent, body),
        }
        return headers, body

    def _signature(self, message_id: str, sent: str, body: bytes) -> str:
        signed = f"{message_id}.{sent}.".encode() + body
        digest = hmac.digest(self.webhook_secret.encode(), signed, hashlib.sha256)
        return "v1," + base64.b64encode(digest).decode()


@transactional
async def _charge(
    database: Database,
    reference: str,
    method: str,
    amount_minor: int,
    currency: str,
    *,
    outcome: Charge,
    effective_at: datetime,
) -> Row:
    """Write a charge unless it exists. Returns the stored row."""
    entry = (reference, EntryKind.CHARGE, None, method, amount_minor, currency)
    await _write(database, *entry, outcome=outcome, effective_at=effective_at)
    row = await _entry(database, reference)
    assert row is not None  # noqa: S101 - written in this transaction or before
    return row


@transactional
async def _refund(
    database: Database,
    reference: str,
    charge_reference: str,
    amount_minor: int,
    currency: str,
    *,
    now: datetime,
) -> None:
    rows = await database.locked(
        QueryString(
            "SELECT * FROM simulated_ledger WHERE reference = {} AND kind = {}",
            charge_reference,
            str(EntryKind.CHARGE),
        )
    )
    known = await _entry(database, reference)
    if known is not None:
        if not _is_same(known, EntryKind.REFUND, charge_reference, amount_minor, currency):
            raise ValueError(f"{reference} was used before, with other arguments")
        return
    charge = rows[0] if rows else None
    if charge is None or charge["outcome"] != Charge.CAPTURED or charge["effective_at"] > now:
        raise RefundRefused("there is no such charge")
    if charge["method"] == "tok_refund_refused":
        raise RefundRefused("the simulated provider refuses to refund this token")
    refunded = await database.execute(
        QueryString(
            "SELECT COALESCE(SUM(amount_minor), 0) AS refunded FROM simulated_ledger"
            " WHERE charge_reference = {}",
            charge_reference,
        )
    )
    left = charge["amount_minor"] - int(refunded.rows[0]["refunded"])
    if amount_minor > left or currency != charge["currency"]:
        raise RefundRefused(f"{left} minor units of {charge['currency']} are left of the charge")
    entry = (reference, EntryKind.REFUND, charge_reference, charge["method"], amount_minor)
    if not await _write(database, *entry, currency, outcome=Charge.CAPTURED, effective_at=now):
        raise ValueError(f"{reference} was used concurrently, for another charge")


async def _write(
    database: Database,
    reference: str,
    kind: EntryKind,
    charge_reference: str | None,
    method: str,
    amount_minor: int,
    currency: str,
    *,
    outcome: Charge,
    effective_at: datetime,
) -> bool:
    """Write a row unless it exists. Returns whether it was written."""
    written = await database.execute(
        QueryString(
            "INSERT INTO simulated_ledger (reference, kind, charge_reference, method,"
            " amount_minor, currency, outcome, effective_at)"
            " VALUES ({}, {}, {}, {}, {}, {}, {}, {})"
            " ON CONFLICT (reference) DO NOTHING",
            reference,
            str(kind),
            charge_reference,
            method,
            amount_minor,
            currency,
            str(outcome),
            effective_at,
        )
    )
    return bool(written.rowcount)


def _is_same(
    row: Row, kind: EntryKind, charge_reference: str | None, amount_minor: int, currency: str
) -> bool:
    sent = (kind, charge_reference, amount_minor, currency)
    return sent == (row["kind"], row["charge_reference"], row["amount_minor"], row["currency"])


async def _entry(database: Database, reference: str) -> Row | None:
    outcome = await database.execute(
        QueryString("SELECT * FROM simulated_ledger WHERE reference = {}", reference)
    )
    return outcome.rows[0] if outcome.rows else None
