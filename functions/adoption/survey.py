"""One pass over everything: findings for the report, sums of money, and the copies of each book."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import chain

from functions.adoption.domain.deliveries import ADDED_NAME, PROVIDER
from functions.adoption.domain.findings import Action, Finding, What, safe
from functions.adoption.domain.purchases import PAYMENT, Purchase
from functions.adoption.mapping import Mapping
from functions.adoption.original.schema import TABLES
from functions.purchase.domain.purchases import HOLDS_STOCK, Status

MAX_UNPAID = 20
"""Unpaid purchases that purchase allows a customer by default (`MAX_UNPAID_PURCHASES`)."""


@dataclass
class Sum:
    """A number of rows and their money, in minor units."""

    count: int = 0
    minor: int = 0

    def add(self, minor: int) -> None:
        self.count += 1
        self.minor += minor


@dataclass
class Copies:
    """Of a book: those of purchases that hold stock, and those that were delivered."""

    reserved: int = 0
    fulfilled: int = 0


@dataclass
class Survey:
    rows: dict[str, int] = field(default_factory=dict)
    """Rows of the original by table."""
    accounts: int = 0
    closed_accounts: int = 0
    books: int = 0
    retired_books: int = 0
    providers: int = 0
    deliveries: int = 0
    purchases: dict[Status, Sum] = field(default_factory=dict)
    refused_purchases: Sum = field(default_factory=Sum)
    received: Sum = field(default_factory=Sum)
    """Payments of the original that brought money in."""
    moved: Sum = field(default_factory=Sum)
    """Payments that become payments here."""
    vouched: Sum = field(default_factory=Sum)
    """Payments that only the owner's decision says there were."""
    not_moved: dict[What, Sum] = field(default_factory=dict)
    copies: dict[int, Copies] = field(default_factory=dict)
    needs_provider: bool = False
    """Whether a delivery without a provider has to get one."""

    @property
    def unexplained_minor(self) -> int:
        """Received money that is neither moved nor reported; 0, or there is a defect."""
        listed = sum(each.minor for each in self.not_moved.values())
        return self.received.minor - self.moved.minor - listed


def survey(mapping: Mapping, report: Callable[[Finding], None]) -> Survey:
    done = Survey()
    staging = mapping.original.staging
    for table in TABLES:
        done.rows[table.label] = staging.count(table)
        for column in staging.origins[table.label].unknown:
            report(Finding(table.label, None, What.COLUMN_UNKNOWN, Action.REFUSED, safe(column)))
    _users(mapping, done, report)
    _books(mapping, done, report)
    _all(mapping.providers.findings, report)
    done.providers = len(mapping.providers.rows)
    _purchases(mapping, done, report)
    for finding in mapping.orphans():
        _count(finding, done)
        report(finding)
    _all(mapping.stale_replicas(), report)
    for minor in mapping.received():
        done.received.add(minor)
    return done


def _all(findings: Iterable[Finding], report: Callable[[Finding], None]) -> None:
    for finding in findings:
        report(finding)


def _users(mapping: Mapping, done: Survey, report: Callable[[Finding], None]) -> None:
    for mapped in chain(mapping.users(), mapping.unknown_users()):
        _all(mapped.findings, report)
        if mapped.user is not None:
            done.accounts += 1
            done.closed_accounts += mapped.user.is_closed


def _books(mapping: Mapping, done: Survey, report: Callable[[Finding], None]) -> None:
    uncounted = 0
    for mapped in mapping.books():
        _all(mapped.findings, report)
        if mapped.book is not None:
            done.books += 1
            done.retired_books += mapped.book.retired
            done.copies[mapped.book.id] = Copies()
            uncounted += mapped.book.available > 0 and not _is_counted(mapping, mapped.book.id)
    if uncounted:
        report(Finding("main.book", None, What.STOCK_NOT_TRUSTED, Action.KEPT, uncounted))


def _is_counted(mapping: Mapping, book_id: int) -> bool:
    return mapping.decisions.stock == "zero" or book_id in mapping.decisions.stock_count


def _purchases(mapping: Mapping, done: Survey, report: Callable[[Finding], None]) -> None:
    unpaid: Counter[int] = Counter()
    for mapped in mapping.purchases():
        for finding in mapped.findings:
            _count(finding, done)
            report(finding)
        purchase = mapped.purchase
        if purchase is None:
            continue
        _add_purchase(purchase, done)
        if purchase.status is Status.PENDING:
            unpaid[purchase.user_id] += 1
        if mapped.assignment is not None:
            done.deliveries += 1
            done.needs_provider |= mapped.assignment.provider_id is None
    for user_id, number in sorted(unpaid.items()):
        if number > MAX_UNPAID:
            report(Finding("auth.user", user_id, What.HOLDINGS_HIGH, Action.KEPT, number))
    if done.needs_provider:
        report(Finding(PROVIDER, None, What.PROVIDER_ADDED, Action.REPAIRED, ADDED_NAME))


def _add_purchase(purchase: Purchase, done: Survey) -> None:
    done.purchases.setdefault(purchase.status, Sum()).add(purchase.total_minor)
    if purchase.payment is not None and purchase.payment.amount_minor:
        paid = done.vouched if purchase.payment.id is None else done.moved
        paid.add(purchase.payment.amount_minor)
    copies = done.copies[purchase.book_id]
    if purchase.status in HOLDS_STOCK:
        copies.reserved += purchase.quantity
    elif purchase.status is Status.DELIVERED:
        copies.fulfilled += purchase.quantity


def _count(finding: Finding, done: Survey) -> None:
    if finding.table == PAYMENT and finding.minor:
        done.not_moved.setdefault(finding.what, Sum()).add(finding.minor)
    elif finding.table == "main.purchase" and finding.action is Action.REFUSED:
        done.refused_purchases.add(finding.minor)
