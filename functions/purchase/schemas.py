"""Request and response bodies. Members that the original had keep their names. Amounts are numbers
with two decimals; members that end in `_minor` have the same amount in minor units."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from functions.kit.base.errors import FieldError, InvalidInput, Text
from functions.kit.base.fields import (
    MEANINGS,
    NO_CONTROLS,
    NOT_BLANK,
    Amount,
    ComputedAmount,
    Id,
    Strict,
    line,
)
from functions.purchase.domain.addresses import MAX_ADDRESS_LINES
from functions.purchase.domain.carts import LeftOutReason
from functions.purchase.domain.countries import COUNTRIES, EVERYWHERE
from functions.purchase.domain.deliveries import DeliveryStatus
from functions.purchase.domain.purchases import MAX_LINES, MAX_QUANTITY, Status
from functions.purchase.errors import PurchaseIncomplete

MISSING = Text("falta", "is missing")

_LABELS = [str(status) for status in DeliveryStatus if status is not DeliveryStatus.ASSIGNED]
_REPORTED = [label.lower().replace(" ", "_") for label in _LABELS]

Quantity = Annotated[int, Meta(ge=1, le=MAX_QUANTITY)]
Coverage = Annotated[
    list[Annotated[str, Meta(pattern=r"^([A-Za-z]{2}|\*)$")]],
    Meta(max_length=300, description="ISO 3166-1 alpha-2 codes of countries, or * for everywhere"),
]
_COVERED: dict[str, Any] = {
    "properties": {
        "coverage": {"items": {"type": "string", "enum": [EVERYWHERE, *sorted(COUNTRIES)]}}
    }
}
Currency = Annotated[str, Meta(description="ISO 4217")]


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
    created_at: datetime
    expires_at: datetime
    items: list[ItemView]


Country = Annotated[str, Meta(pattern=r"^[A-Za-z]{2}$", description="ISO 3166-1 alpha-2")]
AddressLines = Annotated[
    list[Annotated[str, line(200)]], Meta(min_length=1, max_length=MAX_ADDRESS_LINES)
]
PHONE = NO_CONTROLS + r"\+?[0-9(][0-9 ()./-]{3,28}$"
MEANINGS[PHONE] = Text(
    "debe ser un número de teléfono, como +57 601 234 5678",
    "must be a telephone number, such as +57 601 234 5678",
)
Phone = Annotated[str, Meta(pattern=PHONE)]
_ADDRESS: dict[str, Any] = {
    "properties": {
        "country": {"enum": sorted(COUNTRIES)},
        # Litestar omits the bounds of a list's items.
        "lines": {
            "items": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": NOT_BLANK}
        },
    }
}


class NewAddress(Strict, frozen=True, kw_only=True):
    """The country determines which fields are required, and the form of the postal code."""

    recipient: Annotated[str, line(100)]
    lines: AddressLines
    """Street, number, flat and the like."""
    city: Annotated[str, line(100)]
    region: Annotated[str, line(100)] | None = None
    """Department, state or province."""
    postal_code: Annotated[str, line(20)] | None = None
    country: Country
    phone: Phone | None = None
    default: bool = False
    """Whether it is the default address; it replaces the previous one."""

    described: ClassVar[dict[str, Any]] = _ADDRESS
    example: ClassVar[dict[str, Any]] = {
        "recipient": "Úrsula Iguarán",
        "lines": ["Carrera 7 # 32-16", "Apto. 402"],
        "city": "Bogotá",
        "region": "Bogotá",
        "postal_code": "110311",
        "country": "CO",
        "phone": "+57 601 234 5678",
        "default": True,
    }


class AddressChange(Strict, frozen=True, kw_only=True):
    """Omitted members are not changed; null removes an optional one."""

    recipient: Annotated[str, line(100)] | UnsetType = UNSET
    lines: AddressLines | UnsetType = UNSET
    city: Annotated[str, line(100)] | UnsetType = UNSET
    region: Annotated[str, line(100)] | UnsetType | None = UNSET
    postal_code: Annotated[str, line(20)] | UnsetType | None = UNSET
    country: Country | UnsetType = UNSET
    phone: Phone | UnsetType | None = UNSET
    default: bool | UnsetType = UNSET

    described: ClassVar[dict[str, Any]] = _ADDRESS
    example: ClassVar[dict[str, Any]] = {"phone": "+57 300 123 4567", "default": True}


class AddressChanged(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    address_id: int


class PurchaseAddress(msgspec.Struct, frozen=True, kw_only=True):
    """The delivery address of a purchase: a copy of the one that its buyer chose."""

    recipient: str
    lines: list[str]
    city: str
    region: str | None
    postal_code: str | None
    country: str
    phone: str | None


class AddressView(PurchaseAddress, frozen=True, kw_only=True):
    """One of the caller's addresses."""

    id: int
    default: bool


class PurchaseDetail(PurchaseView, frozen=True, kw_only=True):
    timeline: list[TimelineView]
    address: PurchaseAddress | None
    """Null without an address, and after its account was closed and the purchase has ended."""


class StatusChange(Strict, frozen=True, kw_only=True):
    status: Status

    example: ClassVar[dict[str, Any]] = {"status": "Cancelled"}


class PurchaseChanged(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    purchase_id: int
    status: str


class PaymentBody(Strict, frozen=True, kw_only=True):
    """`payment_method` is a token of the payment provider or a name such as `cash`."""

    purchase_id: Id
    payment_method: Annotated[str, line(100)] | None = None
    method: Annotated[str, line(100)] | None = None
    """Another name of `payment_method`."""
    amount: ComputedAmount | None = None

    forms: ClassVar[dict[str, dict[str, Any]]] = {
        form: {
            "required": ["purchase_id", one],
            "properties": {
                "purchase_id": {},
                one: {"type": "string"},
                other: {"type": "null"},
                "amount": {},
            },
        }
        for form, one, other in (
            ("NewPaymentByPaymentMethod", "payment_method", "method"),
            ("NewPaymentByMethod", "method", "payment_method"),
        )
    }
    example: ClassVar[dict[str, Any]] = {"purchase_id": 1, "payment_method": "tok_success"}

    def either_method(self) -> str:
        """The value of `payment_method` or `method`, of which exactly one must be sent.

        Raises `InvalidInput` for none and for both.
        """
        method = self.payment_method or self.method
        if method is None:
            raise InvalidInput(
                Text("Envíe payment_method.", "Send payment_method."),
                errors=[FieldError("payment_method", MISSING)],
            )
        if self.payment_method and self.method:
            raise InvalidInput(
                Text(
                    "payment_method y method son un mismo campo; envíe uno de los dos.",
                    "payment_method and method are one field; send one of them.",
                )
            )
        return method


class PaymentCreated(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    payment_id: int
    status: str


class PaymentView(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    purchase_id: int
    amount: Decimal
    amount_minor: int
    refunded: Decimal
    currency: Currency
    method: str
    status: str
    created_at: datetime


class RefundView(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    payment_id: int
    amount: Decimal
    amount_minor: int
    reason: str
    status: str
    """`Owed`, `Paid`, or `Refused` by the provider, which an operator has to resolve."""
    created_at: datetime


class NewRefund(Strict, frozen=True, kw_only=True):
    amount: ComputedAmount | None = None
    """The whole refundable amount where it is omitted."""
    reason: Annotated[str, line(200)] = "refund"

    described: ClassVar[dict[str, Any]] = {"properties": {"amount": {"exclusiveMinimum": 0}}}
    example: ClassVar[dict[str, Any]] = {"reason": "damaged in transport"}


class RefundCreated(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    refund_id: int | None
    """Null for a free purchase, which needs no refund."""
    amount: Decimal
    amount_minor: int


class NewProvider(Strict, frozen=True, kw_only=True):
    name: Annotated[str, line(100)]
    contact: Annotated[str, line(200)]
    coverage: Coverage | None = None
    fee: Amount | UnsetType = UNSET
    """0 where it is omitted."""

    described: ClassVar[dict[str, Any]] = _COVERED
    example: ClassVar[dict[str, Any]] = {
        "name": "Correos",
        "contact": "envios@correos.example",
        "coverage": ["ES"],
        "fee": 12.50,
    }


class ProviderChange(Strict, frozen=True, kw_only=True):
    """Omitted members are not changed."""

    name: Annotated[str, line(100)] | UnsetType = UNSET
    contact: Annotated[str, line(200)] | UnsetType = UNSET
    coverage: Coverage | UnsetType = UNSET
    fee: Amount | UnsetType = UNSET
    retired: bool | UnsetType = UNSET

    described: ClassVar[dict[str, Any]] = _COVERED
    example: ClassVar[dict[str, Any]] = {"fee": 9.50}


class ProviderChanged(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    provider_id: int


class ProviderCreated(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    provider_id: int


class ProviderView(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    name: str
    contact: str
    coverage: list[str]
    """Countries by ISO 3166-1 code, `*` for everywhere; empty where it is unknown."""
    fee: Decimal
    fee_minor: int
    retired: bool


class NewAssignment(Strict, frozen=True, kw_only=True):
    purchase_id: Id
    provider_id: Id

    example: ClassVar[dict[str, Any]] = {"purchase_id": 1, "provider_id": 1}


class AssignmentCreated(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    assignment_id: int
    status: str


class AssignmentView(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    purchase_id: int
    provider_id: int
    status: DeliveryStatus
    created_at: datetime
    updated_at: datetime


class DeliveryChange(Strict, frozen=True, kw_only=True):
    """`in_transit`, `delivered` or `failed`; the label that `GET` shows is accepted too."""

    status: Annotated[str, line(20)]

    described: ClassVar[dict[str, Any]] = {"properties": {"status": {"enum": _REPORTED}}}
    example: ClassVar[dict[str, Any]] = {"status": "in_transit"}


class AssignmentChanged(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    assignment_id: int
    status: str
    purchase_status: str


class InventoryView(msgspec.Struct, frozen=True, kw_only=True):
    book_id: int
    on_hand: int
    reserved: int
    available: int
    revision: int


class AdjustmentView(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    book_id: int
    delta: int
    reason: str
    user_id: int | None
    """The user who made it; null for the initial stock."""
    created_at: datetime


class StockAdjustment(Strict, frozen=True, kw_only=True):
    delta: Annotated[int, Meta(ge=-1_000_000, le=1_000_000)]
    """Copies to add, or to remove where negative; never zero."""
    reason: Annotated[str, line(200)]

    described: ClassVar[dict[str, Any]] = {"properties": {"delta": {"not": {"const": 0}}}}
    example: ClassVar[dict[str, Any]] = {"delta": 5, "reason": "delivery from the printer"}


class StockAdjusted(InventoryView, frozen=True, kw_only=True):
    message: str


class CartQuantity(Strict, frozen=True, kw_only=True):
    quantity: Quantity

    example: ClassVar[dict[str, Any]] = {"quantity": 2}


class CartMergeItem(Strict, frozen=True, kw_only=True):
    book_id: Id
    quantity: Quantity


class CartMerge(Strict, frozen=True, kw_only=True):
    """The cart of a visitor who has signed in, each book named once."""

    items: Annotated[list[CartMergeItem], Meta(max_length=MAX_LINES)]

    described: ClassVar[dict[str, Any]] = {"properties": {"items": {"uniqueItems": True}}}
    example: ClassVar[dict[str, Any]] = {
        "items": [{"book_id": 1, "quantity": 2}, {"book_id": 3, "quantity": 1}]
    }


class CartItemView(msgspec.Struct, frozen=True, kw_only=True):
    book_id: int
    title: str
    quantity: int
    price: Decimal
    """The present price of a copy."""
    price_minor: int
    currency: Currency
    price_when_added: Decimal
    price_when_added_minor: int
    price_changed: bool
    available: int
    """Available copies; 0 for a retired book."""
    in_stock: bool
    """Whether all of `quantity` can be bought now."""
    retired: bool


class CartView(msgspec.Struct, frozen=True, kw_only=True):
    """The caller's cart at today's prices. Nothing is reserved until it is bought."""

    items: list[CartItemView]
    quantity: int
    """Copies in the lines that can be bought now."""
    total: Decimal
    """The sum of the lines that can be bought now, without delivery."""
    total_minor: int
    currency: Currency | None
    """Null for an empty cart."""


class CartLeftOut(msgspec.Struct, frozen=True, kw_only=True):
    book_id: int
    reason: LeftOutReason


class CartMerged(CartView, frozen=True, kw_only=True):
    left_out: list[CartLeftOut]
    """Items that were not merged, each with the code of the reason."""


class DeliveryQuote(msgspec.Struct, frozen=True, kw_only=True):
    """The price of the books, delivered by this provider."""

    provider_id: int
    provider_name: str
    fee: Decimal
    fee_minor: int
    subtotal: Decimal
    """The price of the books, without delivery."""
    subtotal_minor: int
    total: Decimal
    total_minor: int
    currency: Currency
