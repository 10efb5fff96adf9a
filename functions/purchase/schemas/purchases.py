"""Bodies of purchases."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from functions.kit.base.errors import FieldError, InvalidInput, Text
from functions.kit.base.fields import Amount, Id, Strict
from functions.kit.base.orders import MAX_LINES
from functions.purchase.domain.moves import Move
from functions.purchase.domain.purchases import Status
from functions.purchase.errors import PurchaseIncomplete
from functions.purchase.schemas.addresses import PurchaseAddress
from functions.purchase.schemas.deliveries import AssignmentDetail
from functions.purchase.schemas.payments import PaymentDetail
from functions.purchase.schemas.shared import MISSING, Currency, Quantity

_CHECKOUT: dict[str, Any] = {"provider_id": {}, "address_id": {}, "expected_total": {}}
"""Members that every form of a purchase has."""


class PurchaseLine(Strict, frozen=True, kw_only=True):
    book_id: Id
    quantity: Quantity
    expected_unit_price: Amount | None = None


class NewPurchase(Strict, frozen=True, kw_only=True):
    """One book (`book_id`, `quantity`), several (`items`, each named once), or the cart."""

    book_id: Id | None = None
    quantity: Quantity | None = None
    expected_unit_price: Amount | None = None
    items: Annotated[list[PurchaseLine], Meta(min_length=1, max_length=MAX_LINES)] | None = None
    from_cart: bool = False
    """Buy the caller's cart; the lines that are bought are removed from it."""
    provider_id: Id | None = None
    address_id: Id | None = None
    """One of the caller's addresses; the purchase keeps a copy of it."""
    expected_total: Amount | None = None
    """The total that the buyer has seen, delivery included."""

    described: ClassVar[dict[str, Any]] = {"properties": {"items": {"uniqueItems": True}}}
    forms: ClassVar[dict[str, dict[str, Any]]] = {
        "NewPurchaseOfOneBook": {
            "description": "Copies of one book.",
            "required": ["book_id", "quantity"],
            "properties": {
                "book_id": {"type": "integer"},
                "quantity": {"type": "integer"},
                "expected_unit_price": {},
                "items": {"type": "null"},
                "from_cart": {"const": False},
                **_CHECKOUT,
            },
        },
        "NewPurchaseOfSeveralBooks": {
            "description": "Copies of several books, each named once.",
            "required": ["items"],
            "properties": {
                "items": {"type": "array"},
                "from_cart": {"const": False},
                **_CHECKOUT,
                "book_id": {"type": "null"},
                "quantity": {"type": "null"},
                "expected_unit_price": {"type": "null"},
            },
        },
        "NewPurchaseOfTheCart": {
            "description": "All that is in the caller's cart.",
            "required": ["from_cart"],
            "properties": {
                "from_cart": {"const": True},
                **_CHECKOUT,
                "items": {"type": "null"},
                "book_id": {"type": "null"},
                "quantity": {"type": "null"},
                "expected_unit_price": {"type": "null"},
            },
        },
    }
    example: ClassVar[dict[str, Any]] = {"book_id": 3, "quantity": 2}

    def lines(self) -> list[PurchaseLine] | None:
        """The lines of either form, each of another book; None for the cart.

        Raises `PurchaseIncomplete`, or `InvalidInput` for two forms at once and for a book that is
        named twice.
        """
        if self.from_cart:
            self._check_from_cart_only()
            return None
        if self.items is None:
            return [self._only_line()]
        if (self.book_id, self.quantity, self.expected_unit_price) != (None, None, None):
            raise InvalidInput(
                Text(
                    "Envíe book_id y quantity, o items; el precio esperado va en cada item.",
                    "Send either book_id and quantity, or items; the expected price is a member of"
                    " each item.",
                )
            )
        if len({item.book_id for item in self.items}) < len(self.items):
            raise InvalidInput(
                Text(
                    "Nombre cada libro una vez, con el número de ejemplares.",
                    "Name each book once, with the number of copies.",
                )
            )
        return self.items

    def _check_from_cart_only(self) -> None:
        named = (self.items, self.book_id, self.quantity, self.expected_unit_price)
        if any(each is not None for each in named):
            raise InvalidInput(
                Text(
                    "Envíe from_cart, o los libros: con from_cart se compra lo que hay en el"
                    " carrito.",
                    "Send either from_cart or books: from_cart buys what is in the cart.",
                )
            )

    def _only_line(self) -> PurchaseLine:
        if self.book_id is None or self.quantity is None:
            members = {"book_id": self.book_id, "quantity": self.quantity}
            raise PurchaseIncomplete(
                Text(
                    "Envíe book_id y quantity, items, o from_cart.",
                    "Send book_id and quantity, items, or from_cart.",
                ),
                errors=[FieldError(name, MISSING) for name, it in members.items() if it is None],
            )
        return PurchaseLine(
            book_id=self.book_id,
            quantity=self.quantity,
            expected_unit_price=self.expected_unit_price,
        )


class StockLeft(msgspec.Struct, frozen=True, kw_only=True):
    book_id: int
    quantity: int
    unit_price: Decimal
    unit_price_minor: int
    remaining_stock: int


class PurchaseCreated(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    purchase_id: int
    total_price: Decimal
    total_price_minor: int
    currency: Currency
    remaining_stock: int
    """Available copies of the first book."""
    status: str
    expires_at: datetime
    items: list[StockLeft]


class ItemView(msgspec.Struct, frozen=True, kw_only=True):
    book_id: int
    book_name: str
    quantity: int
    unit_price: Decimal
    unit_price_minor: int


class TimelineView(msgspec.Struct, frozen=True, kw_only=True):
    status: str
    at: datetime
    by: Literal["customer", "staff", "shop"]
    """`shop` where it happened by itself, as an expiry."""
    user_id: int | None
    """For staff to read."""


class PurchaseView(msgspec.Struct, frozen=True, kw_only=True):
    """`book_id` and `book_name` are null where `items` has several; `quantity` is of all copies."""

    id: int
    user_id: int
    book_id: int | None
    book_name: str | None
    quantity: int
    total_price: Decimal
    total_price_minor: int
    delivery_fee: Decimal
    currency: Currency
    status: Status
    provider_id: int | None
    """The delivery provider that the buyer chose."""
    recipient: str | None
    city: str | None
    country: str | None
    created_at: datetime
    expires_at: datetime
    items: list[ItemView]


class PurchaseDetail(PurchaseView, frozen=True, kw_only=True):
    timeline: list[TimelineView]
    moves: list[Move]
    """What the caller can do with it now."""
    payments: list[PaymentDetail]
    """Oldest first."""
    deliveries: list[AssignmentDetail]
    """Oldest first; each one but the last has failed."""
    address: PurchaseAddress | None
    """Null without an address, and after its account was closed and the purchase has ended."""


class StatusChange(Strict, frozen=True, kw_only=True):
    status: Status

    example: ClassVar[dict[str, Any]] = {"status": "Cancelled"}


class PurchaseChanged(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    purchase_id: int
    status: str
