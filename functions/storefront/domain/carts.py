"""The cart of a visitor who has not signed in: it travels in the session cookie."""

from collections.abc import Iterable, Mapping

MAX_LINES = 50
"""Different books in a cart; as many as purchase keeps, and as fit into a cookie."""
MAX_QUANTITY = 1000
"""Copies of one book."""


class CartFull(Exception):
    """The cart has `MAX_LINES` different books already."""


class Cart:
    """Quantities by book id, in the order in which the books were added."""

    def __init__(self, lines: Mapping[int, int] | None = None) -> None:
        self._lines = dict(lines or {})

    @property
    def lines(self) -> dict[int, int]:
        return dict(self._lines)

    @property
    def copies(self) -> int:
        return sum(self._lines.values())

    def __bool__(self) -> bool:
        return bool(self._lines)

    def add(self, book_id: int, quantity: int) -> None:
        """Add copies to a book's line; at most `MAX_QUANTITY` stay. Raises `CartFull`."""
        self.put(book_id, self._lines.get(book_id, 0) + quantity)

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

    @classmethod
    def of(cls, lines: Iterable[tuple[int, int]]) -> "Cart":
        """From pairs of book id and quantity; what is out of bounds is left out."""
        cart = cls()
        for book_id, quantity in lines:
            if book_id > 0 and quantity > 0 and len(cart.lines) < MAX_LINES:
                cart.put(book_id, quantity)
        return cart
