"""The staged rows as the domain reads them, each purchase with its payments and deliveries."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from functions.adoption.domain import texts
from functions.adoption.domain.amounts import FloatValue
from functions.adoption.domain.books import OriginalBook
from functions.adoption.domain.deliveries import OriginalAssignment, OriginalProvider
from functions.adoption.domain.purchases import OriginalPayment, OriginalPurchase
from functions.adoption.domain.texts import TextRule
from functions.adoption.domain.users import OriginalUser
from functions.adoption.original.schema import TABLES, Table
from functions.adoption.original.staging import Staging


class WholePurchase(NamedTuple):
    row: OriginalPurchase
    payments: list[OriginalPayment]
    assignments: list[OriginalAssignment]
    has_buyer: bool
    has_book: bool
    title: str | None
    """Of its book, None where that has none."""


class Original:
    """Reads a staging file; misencoded texts are repaired where the owner has decided so."""

    def __init__(self, staging: Staging, rule: TextRule) -> None:
        self.staging = staging
        self._repairs = rule == "repair"
        if self._repairs:  # two addresses may be the same once they are repaired
            staging.set_email_keys(self._text)

    def misencoded(self) -> Iterator[tuple[Table, int]]:
        """The rows with a text whose UTF-8 was read as Latin-1."""
        for table in TABLES:
            names = [name for name, kind in table.columns.items() if kind == "text"]
            for row_id, *values in self.staging.select(
                f"SELECT id, {', '.join(names)} FROM {table.staged} ORDER BY id"  # noqa: S608
            ):
                if any(value and texts.repaired(value) is not None for value in values):
                    yield table, row_id

    def users(self, after: int | None = None) -> Iterator[list[OriginalUser]]:
        """By lowest id, the rows of each account: those with the same address."""
        for user_id, several, key in self.staging.select(
            "SELECT MIN(id) AS lowest, COUNT(*) > 1, email_key FROM auth_user"
            " GROUP BY COALESCE(email_key, id) HAVING ? IS NULL OR lowest > ? ORDER BY lowest",
            after,
            after,
        ):
            condition, value = ("email_key", key) if several else ("id", user_id)
            yield [
                OriginalUser(row[0], *map(self._text, row[1:]))
                for row in self.staging.select(
                    f"SELECT id, name, email, password FROM auth_user WHERE {condition} = ?"  # noqa: S608
                    " ORDER BY id",
                    value,
                )
            ]

    def merged_users(self) -> dict[int, int]:
        """Id of a row → id of its account, for rows that share an account."""
        return dict(
            self.staging.select(
                "SELECT u.id, g.first FROM auth_user u JOIN (SELECT email_key, MIN(id) AS first"
                " FROM auth_user WHERE id >= 1 AND email_key IS NOT NULL GROUP BY email_key"
                " HAVING COUNT(*) > 1) g ON g.email_key = u.email_key"
            )
        )

    def unknown_users(self, after: int | None = None) -> Iterator[int]:
        """Ids of buyers without a row of their own."""
        for (user_id,) in self.staging.select(
            "SELECT DISTINCT p.user_id FROM main_purchase p LEFT JOIN auth_user u"
            " ON u.id = p.user_id WHERE u.id IS NULL AND p.user_id >= 1"
            " AND (? IS NULL OR p.user_id > ?) ORDER BY p.user_id",
            after,
            after,
        ):
            yield user_id

    def payments(self) -> Iterator[OriginalPayment]:
        for row in self.staging.select(
            "SELECT purchase_id, id, amount, amount_stored, payment_method, payment_status"
            " FROM main_payment ORDER BY id"
        ):
            yield self._payment(row)

    def books(self, after: int | None = None) -> Iterator[OriginalBook]:
        for row in self.staging.select(
            "SELECT id, title, author, description, price, price_stored, stock FROM main_book"
            " WHERE ? IS NULL OR id > ? ORDER BY id",
            after,
            after,
        ):
            title, author, description = map(self._text, row[1:4])
            price = _float(row[4], row[5])
            yield OriginalBook(row[0], title, author, description, price, row[6])

    def stale_replicas(self) -> Iterator[tuple[int, str]]:
        """Books whose row in catalog differs from main's, or is missing in one: id, how."""
        same = " AND ".join(
            f"m.{name} IS c.{name}" for name in ("title", "author", "description", "price", "stock")
        )
        yield from self.staging.select(
            f"SELECT m.id, CASE WHEN c.id IS NULL THEN 'missing in catalog' ELSE 'differs' END"  # noqa: S608
            f" FROM main_book m LEFT JOIN catalog_book c ON c.id = m.id"
            f" WHERE c.id IS NULL OR NOT ({same})"
            " UNION ALL SELECT c.id, 'missing in main' FROM catalog_book c"
            " WHERE c.id NOT IN (SELECT id FROM main_book) ORDER BY 1"
        )

    def providers(self) -> Iterator[OriginalProvider]:
        for row in self.staging.select(
            "SELECT id, name, contact FROM main_delivery_provider ORDER BY id"
        ):
            yield OriginalProvider(row[0], *map(self._text, row[1:]))

    def purchases(self, after: int | None = None) -> Iterator[WholePurchase]:
        payments = _Grouped(
            self.staging.select(
                "SELECT purchase_id, id, amount, amount_stored, payment_method, payment_status"
                " FROM main_payment WHERE purchase_id > ? ORDER BY purchase_id, id",
                -(2**63) if after is None else after,
            )
        )
        assignments = _Grouped(
            self.staging.select(
                "SELECT purchase_id, id, provider_id, status FROM main_delivery_assignment"
                " WHERE purchase_id > ? ORDER BY purchase_id, id",
                -(2**63) if after is None else after,
            )
        )
        for row in self.staging.select(
            "SELECT p.id, p.user_id, p.book_id, p.quantity, p.total_price, p.total_price_stored,"
            " p.status, b.title, b.id, u.id FROM main_purchase p"
            " LEFT JOIN main_book b ON b.id = p.book_id AND b.id >= 1"
            " LEFT JOIN auth_user u ON u.id = p.user_id"
            " WHERE ? IS NULL OR p.id > ? ORDER BY p.id",
            after,
            after,
        ):
            yield WholePurchase(
                OriginalPurchase(
                    row[0], row[1], row[2], row[3], _float(row[4], row[5]), self._text(row[6])
                ),
                [self._payment(each) for each in payments.of(row[0])],
                [
                    OriginalAssignment(each[1], each[0], *each[2:])
                    for each in assignments.of(row[0])
                ],
                has_buyer=row[9] is not None,
                has_book=row[8] is not None,
                title=self._text(row[7]),
            )

    def orphan_payments(self) -> Iterator[OriginalPayment]:
        for row in self.staging.select(
            "SELECT y.purchase_id, y.id, y.amount, y.amount_stored, y.payment_method,"
            " y.payment_status FROM main_payment y LEFT JOIN main_purchase p"
            " ON p.id = y.purchase_id WHERE p.id IS NULL ORDER BY y.id"
        ):
            yield self._payment(row)

    def orphan_assignments(self) -> Iterator[OriginalAssignment]:
        for row in self.staging.select(
            "SELECT a.id, a.purchase_id, a.provider_id, a.status FROM main_delivery_assignment a"
            " LEFT JOIN main_purchase p ON p.id = a.purchase_id WHERE p.id IS NULL ORDER BY a.id"
        ):
            yield OriginalAssignment(*row)

    def _payment(self, row: tuple[Any, ...]) -> OriginalPayment:
        return OriginalPayment(
            row[1], row[0], _float(row[2], row[3]), self._text(row[4]), self._text(row[5])
        )

    def _text(self, text: str | None) -> str | None:
        if text is None or not self._repairs:
            return text
        return texts.repaired(text) or text


class _Grouped:
    """Rows that are ordered by their first column, handed out by its values in order."""

    def __init__(self, rows: Iterator[tuple[Any, ...]]) -> None:
        self._groups = groupby(rows, key=itemgetter(0))
        self._next = next(self._groups, None)

    def of(self, key: int) -> list[tuple[Any, ...]]:
        while self._next is not None and self._next[0] < key:
            self._next = next(self._groups, None)
        if self._next is None or self._next[0] != key:
            return []
        rows = list(self._next[1])
        self._next = next(self._groups, None)
        return rows


def _float(shown: str | None, stored: float | None) -> FloatValue | None:
    if shown is None:
        return None
    return FloatValue(Decimal(shown), None if stored is None else Decimal(stored))
