"""The original's rows, each with what becomes of it: the domain's decisions over the staged rows.

It is a pure function of the staged rows and the owner's decisions, so that a dry run, a move and a
move that goes on after a kill see the same. `survey.py` sums it up, `target/moving.py` writes it.
"""

from collections.abc import Iterator
from typing import NamedTuple

from functions.adoption.domain import books, deliveries, purchases, users
from functions.adoption.domain.books import Book
from functions.adoption.domain.decisions import Decisions
from functions.adoption.domain.deliveries import Assignment
from functions.adoption.domain.findings import Action, Finding, What
from functions.adoption.domain.purchases import Purchase
from functions.adoption.domain.users import User
from functions.adoption.original.rows import Original, WholePurchase


class MappedUser(NamedTuple):
    position: int
    """The id by which the rows are ordered; a move goes on after it."""
    user: User | None
    findings: list[Finding]


class MappedBook(NamedTuple):
    position: int
    book: Book | None
    findings: list[Finding]


class MappedPurchase(NamedTuple):
    position: int
    purchase: Purchase | None
    title: str
    assignment: Assignment | None
    findings: list[Finding]


class Mapping:
    def __init__(self, original: Original, decisions: Decisions) -> None:
        self.original = original
        self.decisions = decisions
        self.providers = deliveries.map_providers(original.providers())
        self._merged = original.merged_users()

    def users(self, after: int | None = None) -> Iterator[MappedUser]:
        for rows in self.original.users(after):
            user, findings = users.merge(rows, self.decisions)
            yield MappedUser(rows[0].id, user, findings)

    def unknown_users(self, after: int | None = None) -> Iterator[MappedUser]:
        """Closed accounts for buyers that the original has no row of, where that is decided."""
        if self.decisions.unknown_users == "closed_account":
            for user_id in self.original.unknown_users(after):
                yield MappedUser(user_id, users.closed(user_id), [])

    def books(self, after: int | None = None) -> Iterator[MappedBook]:
        for row in self.original.books(after):
            book, findings = books.map_book(row, self.decisions)
            yield MappedBook(row.id, book, findings)

    def purchases(self, after: int | None = None) -> Iterator[MappedPurchase]:
        for whole in self.original.purchases(after):
            yield self._purchase(whole)

    def _purchase(self, whole: WholePurchase) -> MappedPurchase:
        row = whole.row
        buyer = self._buyer(whole)
        mapped = purchases.map_purchase(
            row, whole.payments, buyer, self.decisions, book_exists=whole.has_book
        )
        purchase = mapped.purchase
        assignment, findings = deliveries.map_assignments(
            row.id, purchase and purchase.status, whole.assignments, self.providers.ids
        )
        if purchase is not None and not whole.has_buyer:
            findings.append(
                Finding("main.purchase", row.id, What.USER_UNKNOWN, Action.KEPT, row.user_id)
            )
        return MappedPurchase(
            row.id,
            purchase,
            books.title_of(whole.title),
            assignment,
            [*mapped.findings, *findings],
        )

    def _buyer(self, whole: WholePurchase) -> int | None:
        user_id = whole.row.user_id
        if user_id is None:
            return None
        if whole.has_buyer:
            account = self._merged.get(user_id, user_id)
            return account if account >= 1 else None
        if self.decisions.unknown_users == "closed_account" and user_id >= 1:
            return user_id
        return None

    def orphans(self) -> Iterator[Finding]:
        """Payments and deliveries whose purchase does not exist."""
        for payment in self.original.orphan_payments():
            yield purchases.orphan(payment, self.decisions)
        for assignment in self.original.orphan_assignments():
            _, findings = deliveries.map_assignments(None, None, [assignment], self.providers.ids)
            yield from findings

    def stale_replicas(self) -> Iterator[Finding]:
        for book_id, how in self.original.stale_replicas():
            yield Finding("catalog.book", book_id, What.REPLICA_STALE, Action.KEPT, how)

    def received(self) -> Iterator[int]:
        """What each payment of the original brought in, where it brought anything."""
        for row in self.original.payments():
            minor = purchases.received(row, self.decisions)
            if minor:
                yield minor
