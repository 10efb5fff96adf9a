"""`python -m functions.purchase.audit` checks the tables' invariants; exit code 1 on a breach.

Every invariant is a query for the rows that violate it, so the report is short however large the
shop is. The audit reads one consistent state and corrects nothing; on SQLite, writers wait.
`domain/` and the checks of the schema maintain the invariants, so a breach is a bug or a manual
change of the database. `ledger_audit.py` then compares the tables with the provider's ledger. The
result is stored (`kit/data/audit_runs.py`). `daily_audit.py` runs the same in a running service.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from piccolo.querystring import QueryString

from functions.kit.base.clock import Clock, utc_now
from functions.kit.base.orders import MAX_LINES
from functions.kit.base.output import keep_running_unread
from functions.kit.base.program import end_with, refuse_arguments
from functions.kit.data import audit_runs
from functions.kit.data.audit_runs import Breach
from functions.kit.data.database import Database, Row, is_in
from functions.kit.data.engines import connect_existing, database_url
from functions.purchase import events
from functions.purchase.commands.books import implausible_books
from functions.purchase.domain.addresses import MAX_ADDRESSES
from functions.purchase.domain.payments import PaymentStatus
from functions.purchase.domain.purchases import HOLDS_STOCK, TRANSITIONS, Status
from functions.purchase.ledger_audit import Finding, audit_ledger
from functions.purchase.payment_provider import PaymentProvider
from functions.purchase.services import simulated
from functions.purchase.settings import PurchaseSettings

logger = logging.getLogger(__name__)

EXAMPLES = 5
"""Violating rows that are printed per invariant."""
PAGE = 1000

_PAID = (Status.PAID, Status.ON_DELIVERY, Status.DELIVERED)
_CAPTURED = (PaymentStatus.COMPLETED, PaymentStatus.REFUNDED)


class Invariant(NamedTuple):
    sentence: str
    breaches: Callable[[Database], Awaitable[Sequence[Any]]]
    """Returns what violates it; empty where it holds."""


def _rows(sql: str, *values: Any) -> Callable[[Database], Awaitable[Sequence[Any]]]:
    async def find(database: Database) -> Sequence[Any]:
        rows: list[Row] = (await database.execute(QueryString(sql, *values))).rows
        return rows

    return find


def _any(column: str, states: Sequence[Any]) -> QueryString:
    return is_in(column, [str(state) for state in sorted(states)])


async def _responses_without_purchase(database: Database) -> list[str]:
    """Stored responses without a purchase, with a missing one, or with one of another key."""
    broken: list[str] = []
    named: set[int] = set()
    user_id, key = 0, ""
    while True:
        outcome = await database.execute(
            QueryString(
                "SELECT user_id, idempotency_key, status, body FROM idempotency_keys"
                " WHERE route = {} AND (user_id > {} OR user_id = {} AND idempotency_key > {})"
                " ORDER BY user_id, idempotency_key LIMIT {}",
                "POST /purchase",
                user_id,
                user_id,
                key,
                PAGE,
            )
        )
        for row in outcome.rows:
            user_id, key = row["user_id"], row["idempotency_key"]
            purchase_id = _purchase_of(row)
            if purchase_id is None or purchase_id in named:
                broken.append(f"key {key} of user {user_id}")
            else:
                named.add(purchase_id)
        if len(outcome.rows) < PAGE:
            break
    for start in range(0, len(named), PAGE):
        some = sorted(named)[start : start + PAGE]
        found = await database.execute(
            QueryString("SELECT id FROM purchases WHERE {}", is_in("id", some))
        )
        broken += [f"purchase {each}" for each in set(some) - {row["id"] for row in found.rows}]
    return broken


def _purchase_of(row: Row) -> int | None:
    try:
        purchase_id = msgspec.json.decode(row["body"])["purchase_id"]
    except (msgspec.MsgspecError, KeyError, TypeError):
        return None
    return purchase_id if row["status"] == 201 and isinstance(purchase_id, int) else None


async def _unpublished_revisions(database: Database) -> list[str]:
    """Books whose newest event has another revision than their inventory row."""
    published = await database.execute(
        QueryString(
            "SELECT subject, MAX(revision) AS revision FROM outbox WHERE source = {}"
            " GROUP BY subject",
            events.INVENTORY,
        )
    )
    newest = {row["subject"]: row["revision"] for row in published.rows}
    stock = await database.execute(QueryString("SELECT book_id, revision FROM inventory"))
    stored = {f"book/{row['book_id']}": row["revision"] for row in stock.rows}
    return [
        f"{subject}: revision {revision} was published, {stored.get(subject)} is stored"
        for subject, revision in newest.items()
        if stored.get(subject) != revision
    ]


INVARIANTS = (
    Invariant(
        "on hand = available + reserved, and none is negative",
        _rows(
            "SELECT book_id, on_hand, available, reserved FROM inventory"
            " WHERE on_hand <> available + reserved OR available < 0 OR reserved < 0"
        ),
    ),
    Invariant(
        "initial stock + adjustments = on hand + fulfilled",
        _rows(
            "SELECT i.book_id, i.on_hand, i.fulfilled, SUM(a.delta) AS adjusted FROM inventory i"
            " LEFT JOIN adjustments a ON a.book_id = i.book_id"
            " GROUP BY i.book_id, i.on_hand, i.fulfilled"
            " HAVING COALESCE(SUM(a.delta), 0) <> i.on_hand + i.fulfilled"
        ),
    ),
    Invariant(
        "the reserved copies are those of purchases that hold stock",
        _rows(
            "SELECT i.book_id, i.reserved, SUM(h.quantity) AS held FROM inventory i"
            " LEFT JOIN (SELECT t.book_id, t.quantity FROM purchase_items t"
            " JOIN purchases p ON p.id = t.purchase_id WHERE {}) h ON h.book_id = i.book_id"
            " GROUP BY i.book_id, i.reserved HAVING COALESCE(SUM(h.quantity), 0) <> i.reserved",
            _any("p.status", list(HOLDS_STOCK)),
        ),
    ),
    Invariant(
        "the fulfilled copies are those of delivered purchases",
        _rows(
            "SELECT i.book_id, i.fulfilled, SUM(h.quantity) AS delivered FROM inventory i"
            " LEFT JOIN (SELECT t.book_id, t.quantity FROM purchase_items t"
            " JOIN purchases p ON p.id = t.purchase_id WHERE {}) h ON h.book_id = i.book_id"
            " GROUP BY i.book_id, i.fulfilled HAVING COALESCE(SUM(h.quantity), 0) <> i.fulfilled",
            _any("p.status", [Status.DELIVERED]),
        ),
    ),
    Invariant(
        "a purchase costs its items and its delivery",
        _rows(
            "SELECT p.id, p.total_minor FROM purchases p"
            " LEFT JOIN purchase_items t ON t.purchase_id = p.id"
            " GROUP BY p.id, p.total_minor, p.delivery_fee_minor"
            " HAVING COALESCE(SUM(t.quantity * t.unit_price_minor), -1) + p.delivery_fee_minor"
            " <> p.total_minor"
        ),
    ),
    Invariant(
        "the status of a purchase is the last one of its timeline",
        _rows(
            "SELECT p.id, p.status FROM purchases p WHERE NOT EXISTS (SELECT 1 FROM"
            " purchase_timeline t WHERE t.purchase_id = p.id AND t.status = p.status AND t.id ="
            " (SELECT MAX(u.id) FROM purchase_timeline u WHERE u.purchase_id = p.id))"
        ),
    ),
    Invariant(
        "every key of a purchase has a response with a purchase of its own",
        _responses_without_purchase,
    ),
    Invariant(
        "the refunded amount of a payment is the sum of its refunds",
        _rows(
            "SELECT p.id, p.refunded_minor FROM payments p LEFT JOIN refunds r ON r.payment_id ="
            " p.id GROUP BY p.id, p.refunded_minor"
            " HAVING COALESCE(SUM(r.amount_minor), 0) <> p.refunded_minor"
        ),
    ),
    Invariant(
        "the payments of a purchase that is not paid are refunded in full",
        _rows(
            "SELECT p.id, p.status, SUM(y.amount_minor - y.refunded_minor) AS kept"
            " FROM purchases p JOIN payments y ON y.purchase_id = p.id WHERE NOT {} AND {}"
            " GROUP BY p.id, p.status HAVING SUM(y.amount_minor - y.refunded_minor) <> 0",
            _any("p.status", _PAID),
            _any("y.status", _CAPTURED),
        ),
    ),
    Invariant(
        "a paid purchase was paid once, and no more is kept than it costs",
        _rows(
            "SELECT p.id, p.status, p.total_minor FROM purchases p"
            " LEFT JOIN payments y ON y.purchase_id = p.id AND {} WHERE {}"
            " GROUP BY p.id, p.status, p.total_minor"
            " HAVING COALESCE(SUM(y.amount_minor - y.refunded_minor), -1) > p.total_minor"
            " OR COALESCE(MAX(y.amount_minor), -1) <> p.total_minor"
            " OR SUM(CASE WHEN y.refunded_minor < y.amount_minor THEN 1 ELSE 0 END) > 1",
            _any("y.status", _CAPTURED),
            _any("p.status", _PAID),
        ),
    ),
    Invariant(
        "at most one payment of a purchase is open, and none of a purchase that has ended",
        _rows(
            "SELECT p.id, p.status, COUNT(*) AS open_payments FROM purchases p"
            " JOIN payments y ON y.purchase_id = p.id WHERE y.status = {}"
            " GROUP BY p.id, p.status HAVING COUNT(*) > 1 OR p.status IN ({}, {})",
            str(PaymentStatus.PROCESSING),
            str(Status.CANCELLED),
            str(Status.EXPIRED),
        ),
    ),
    Invariant(
        "every key of a payment with an outcome has a response",
        _rows(
            "SELECT y.id, y.outcome FROM payments y JOIN idempotency_keys k"
            " ON k.user_id = y.requested_by AND k.route = {} AND k.idempotency_key = y.request_key"
            " WHERE y.outcome IS NOT NULL AND k.status = 0",
            "POST /payment",
        ),
    ),
    Invariant(
        f"a customer has at most {MAX_ADDRESSES} addresses",
        _rows(
            "SELECT user_id, COUNT(*) AS addresses FROM addresses GROUP BY user_id"
            " HAVING COUNT(*) > {}",
            MAX_ADDRESSES,
        ),
    ),
    Invariant(
        f"a cart has at most {MAX_LINES} books",
        _rows(
            "SELECT user_id, COUNT(*) AS books FROM cart_items GROUP BY user_id"
            " HAVING COUNT(*) > {}",
            MAX_LINES,
        ),
    ),
    Invariant(
        "a book in a cart is known and has an inventory",
        _rows(
            "SELECT c.user_id, c.book_id FROM cart_items c"
            " LEFT JOIN books b ON b.book_id = c.book_id"
            " LEFT JOIN inventory i ON i.book_id = c.book_id"
            " WHERE b.book_id IS NULL OR i.book_id IS NULL"
        ),
    ),
    Invariant(
        "a closed account keeps no address and no cart",
        _rows(
            "SELECT c.user_id, 'address' AS kept FROM customers c"
            " JOIN addresses a ON a.user_id = c.user_id WHERE c.closed_at IS NOT NULL"
            " UNION SELECT c.user_id, 'cart' AS kept FROM customers c"
            " JOIN cart_items i ON i.user_id = c.user_id WHERE c.closed_at IS NOT NULL"
        ),
    ),
    Invariant(
        "a purchase of a closed account keeps its address only until it ends, marked for erasure",
        _rows(
            "SELECT p.id, p.status FROM customers c JOIN purchases p ON p.user_id = c.user_id"
            " JOIN purchase_addresses a ON a.purchase_id = p.id"
            " WHERE c.closed_at IS NOT NULL AND (a.erase_at_end = {} OR {})",
            False,
            _any("p.status", [status for status in Status if not TRANSITIONS[status]]),
        ),
    ),
    Invariant(
        "the sequence of a stream has no gap up to its head",
        _rows(
            "SELECT s.source, s.head, s.floor, COUNT(o.id) AS kept FROM outbox_streams s"
            " LEFT JOIN outbox o ON o.source = s.source AND o.sequence IS NOT NULL"
            " GROUP BY s.source, s.head, s.floor HAVING COUNT(o.id) <> s.head - s.floor"
        ),
    ),
    Invariant("every book has a revision that catalog can have assigned", implausible_books),
    Invariant(
        "the newest event of a book's stock has its newest revision",
        _unpublished_revisions,
    ),
)


async def audit(database: Database) -> list[Finding]:
    """One finding per invariant, all read from one state of the database."""
    async with database.transaction(isolation="REPEATABLE READ"):
        return [
            Finding(invariant.sentence, await invariant.breaches(database))
            for invariant in INVARIANTS
        ]


async def audit_and_record(
    database: Database, provider: PaymentProvider, clock: Clock
) -> list[Finding]:
    """Run the whole audit and store its result, also that it could not be run to its end.

    The result counts if it cannot be stored, as in a database of an older release.
    """
    started_at = clock()
    findings: list[Finding] = []
    is_complete = False
    try:
        findings += await audit(database)
        findings += await audit_ledger(database, provider, clock())
        is_complete = True
    finally:
        try:
            await audit_runs.record(
                database,
                started_at=started_at,
                finished_at=clock(),
                checked=len(findings),
                breaches=[
                    Breach(each.sentence, len(each.breaches)) for each in findings if each.breaches
                ],
                failed=not is_complete,
            )
        except Exception as error:  # noqa: BLE001 - what was found must be reported all the same
            logger.warning("the result of the audit could not be stored: %r", error)
    return findings


async def _run(settings: PurchaseSettings) -> list[Finding]:
    database = connect_existing(database_url("purchase", settings))
    try:
        provider = simulated(database, settings, utc_now)
        return await audit_and_record(database, provider, utc_now)
    finally:
        await database.close()


def main() -> int:
    keep_running_unread()
    try:
        settings = PurchaseSettings.from_mapping(os.environ)
        findings = asyncio.run(_run(settings))
    except Exception as error:  # noqa: BLE001 - reported as one line, with exit code 2
        print(f"purchase: the audit could not run: {error}", file=sys.stderr)
        return 2
    for finding in findings:
        print(f"{'BREACH' if finding.breaches else 'ok':<7} {finding.sentence}")
        for breach in finding.breaches[:EXAMPLES]:
            print(f"        {breach}")
        if len(finding.breaches) > EXAMPLES:
            print(f"        and {len(finding.breaches) - EXAMPLES} more")
    return 1 if any(finding.breaches for finding in findings) else 0


if __name__ == "__main__":
    refuse_arguments("functions.purchase.audit", __doc__)
    end_with(main)
