"""The copies of one book: on hand = available + reserved, at any time."""

from dataclasses import dataclass, replace
from datetime import datetime

from functions.kit.base.errors import Text
from functions.purchase.errors import InsufficientStock, StockWouldBeNegative


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """The copies of a book at one moment."""

    book_id: int
    on_hand: int
    reserved: int
    """Reserved for purchases that are not delivered yet."""
    available: int
    fulfilled: int
    """Copies delivered so far: the sum of all adjustments = on_hand + fulfilled."""
    revision: int
    changed_at: datetime

    @classmethod
    def opened(cls, book_id: int, initial: int, now: datetime) -> "Stock":
        """The initial stock of a book."""
        return cls(
            book_id=book_id,
            on_hand=initial,
            reserved=0,
            available=initial,
            fulfilled=0,
            revision=1,
            changed_at=now,
        )

    def reserve(self, quantity: int, now: datetime) -> "Stock":
        """Reserve copies for a purchase.

        Raises `InsufficientStock` with the number of available copies.
        """
        if quantity > self.available:
            raise InsufficientStock(
                Text(
                    f"Del libro {self.book_id} hay {self.available} ejemplares, no {quantity}.",
                    f"Of book {self.book_id} there are {self.available} copies, not {quantity}.",
                ),
                stock_actual=self.available,
                book_id=self.book_id,
            )
        return self._changed(now, available=-quantity, reserved=quantity)

    def release(self, quantity: int, now: datetime) -> "Stock":
        """Make reserved copies available again."""
        self._check_reserved(quantity)
        return self._changed(now, available=quantity, reserved=-quantity)

    def fulfil(self, quantity: int, now: datetime) -> "Stock":
        """Remove reserved copies that were delivered."""
        self._check_reserved(quantity)
        return self._changed(now, on_hand=-quantity, reserved=-quantity, fulfilled=quantity)

    def adjust(self, delta: int, now: datetime) -> "Stock":
        """Add copies, or remove them where `delta` is negative.

        Raises `StockWouldBeNegative` where fewer copies are available.
        """
        if self.available + delta < 0:
            raise StockWouldBeNegative(
                Text(
                    f"Del libro {self.book_id} hay {self.available} ejemplares libres y"
                    f" {self.reserved} reservados.",
                    f"Of book {self.book_id}, {self.available} copies are free,"
                    f" {self.reserved} reserved.",
                ),
                stock_actual=self.available,
            )
        return self._changed(now, on_hand=delta, available=delta)

    def _check_reserved(self, quantity: int) -> None:
        if quantity > self.reserved:  # a bug: a purchase releases its copies once
            raise AssertionError(
                f"book {self.book_id}: {self.reserved} copies are reserved, not {quantity}"
            )

    def _changed(
        self,
        now: datetime,
        *,
        on_hand: int = 0,
        reserved: int = 0,
        available: int = 0,
        fulfilled: int = 0,
    ) -> "Stock":
        return replace(
            self,
            on_hand=self.on_hand + on_hand,
            reserved=self.reserved + reserved,
            available=self.available + available,
            fulfilled=self.fulfilled + fulfilled,
            revision=self.revision + 1,
            changed_at=now,
        )
