"""The cart of a visitor who has not signed in: it travels in a cookie."""

import hashlib
from collections.abc import Iterable, Mapping

from functions.kit.base.orders import MAX_LINES, MAX_QUANTITY

KEYS, KEY_BYTES = 8, 6
"""Forms that are remembered once they were sent, and the bytes that are kept of each one's key."""


class CartFull(Exception):
    """The cart has `MAX_LINES` different books already."""


class LineFull(Exception):
    """The copies do not fit beside those that the cart has of the book."""

    def __init__(self, there: int) -> None:
        super().__init__(f"{there} copies are in the cart")
        self.there = there


class Cart:
    """Quantities by book id, in the order in which the books were added."""

    def __init__(self, lines: Mapping[int, int] | None = None, added: Iterable[bytes] = ()) -> None:
        self._lines = dict(lines or {})
        self._added = tuple(added)[-KEYS:]

    @property
    def lines(self) -> dict[int, int]:
        return dict(self._lines)

    @property
    def added(self) -> tuple[bytes, ...]:
        """Digests of the keys of the forms that have added copies, the latest last."""
        return self._added

    @property
    def copies(self) -> int:
        return sum(self._lines.values())

    def __bool__(self) -> bool:
        return bool(self._lines)

    def add(self, book_id: int, quantity: int, key: str) -> bool:
        """Add copies to a book's line. False where the form of this key has added them before.

        Raises `CartFull` or `LineFull`.
        """
        digest = hashlib.sha256(key.encode()).digest()[:KEY_BYTES]
        if digest in self._added:
            return False
        there = self._lines.get(book_id, 0)
        if there + quantity > MAX_QUANTITY:
            raise LineFull(there)
        self.put(book_id, there + quantity)
        self._added = (*self._added, digest)[-KEYS:]
        return True

    def put(self, book_id: int, quantity: int) -> None:
        """Set a line; 0 removes it. Raises `CartFull`."""
        if quantity <= 0:
            self._lines.pop(book_id, None)
            return
        if book_id not in self._lines and len(self._lines) >= MAX_LINES:
            raise CartFull
        self._lines[book_id] = min(quantity, MAX_QUANTITY)

    def clear(self) -> None:
        self._lines.clear()
        self._added = ()

    @classmethod
    def of(cls, lines: Iterable[tuple[int, int]], added: Iterable[bytes] = ()) -> "Cart":
        """From pairs of book id and quantity; what is out of bounds is left out."""
        cart = cls(added=added)
        for book_id, quantity in lines:
            if book_id > 0 and quantity > 0 and len(cart.lines) < MAX_LINES:
                cart.put(book_id, quantity)
        return cart
