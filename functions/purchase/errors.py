"""Purchase's refusals, each with its code and the `error` text of the original.

DomainError (kit)
├── NotFound
│   ├── BookNotFound, PurchaseNotFound, PaymentNotFound
│   └── ProviderNotFound, AssignmentNotFound, AddressNotFound
├── Conflict
│   ├── InsufficientStock, PriceChanged, BookRetired, BookNotReady
│   ├── TooManyUnpaidPurchases, TooManyReservedCopies
│   ├── IllegalMove, PurchaseExpired, PurchaseCancelled, PurchaseRefunded, AlreadyPaid
│   ├── PaymentInProgress, PaymentReturned
│   ├── NotPaid, AlreadyAssigned, OverRefund, NotRefundable
│   ├── ProviderExists, ProviderRetired, ProviderDoesNotDeliver, StockWouldBeNegative
│   └── TooManyAddresses, CartEmpty, CartFull, CartLineFull, OrderTooLarge
├── Forbidden
│   └── NotYourBook
├── InvalidInput
│   ├── CardNumberRefused, AmountMismatch, PurchaseIncomplete
│   └── BadWebhook, AddressInvalid
└── PaymentDeclined
    └── Declined, NotCharged
"""

from typing import Self

from functions.kit.base.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    PaymentDeclined,
    Text,
)
from functions.kit.base.money import money


class BookNotFound(NotFound):
    code = "book-not-found"
    title = "The shop has no such book"
    error = Text("Libro no encontrado", "Book not found")

    @classmethod
    def of(cls, book_id: int) -> Self:
        return cls(
            Text(f"No hay libro {book_id}.", f"There is no book {book_id}."), book_id=book_id
        )

    @classmethod
    def without_stock(cls, book_id: int) -> Self:
        return cls(
            Text(
                f"No se lleva inventario del libro {book_id}.",
                f"No stock is kept of book {book_id}.",
            )
        )


class PurchaseNotFound(NotFound):
    code = "purchase-not-found"
    title = "There is no such purchase"
    error = Text("Compra no encontrada", "Purchase not found")

    @classmethod
    def of(cls, purchase_id: int) -> Self:
        return cls(Text(f"No hay compra {purchase_id}.", f"There is no purchase {purchase_id}."))


class PaymentNotFound(NotFound):
    code = "payment-not-found"
    title = "There is no such payment"
    error = Text("Pago no encontrado", "Payment not found")

    @classmethod
    def of(cls, payment_id: int) -> Self:
        return cls(Text(f"No hay pago {payment_id}.", f"There is no payment {payment_id}."))


class ProviderNotFound(NotFound):
    code = "provider-not-found"
    title = "There is no such delivery provider"
    error = Text("Proveedor no encontrado", "Provider not found")

    @classmethod
    def of(cls, provider_id: int) -> Self:
        return cls(
            Text(
                f"No hay proveedor {provider_id}.", f"There is no delivery provider {provider_id}."
            )
        )


class AssignmentNotFound(NotFound):
    code = "assignment-not-found"
    title = "There is no such delivery"
    error = Text("Entrega no encontrada", "Delivery not found")

    @classmethod
    def of(cls, assignment_id: int) -> Self:
        return cls(
            Text(f"No hay entrega {assignment_id}.", f"There is no delivery {assignment_id}.")
        )


class InsufficientStock(Conflict):
    code = "insufficient-stock"
    title = "Fewer copies are available than requested"
    error = Text("No hay suficiente stock disponible", "Not enough stock available")


class TooManyUnpaidPurchases(Conflict):
    code = "too-many-unpaid-purchases"
    title = "One customer holds only so many unpaid purchases"
    error = Text("Demasiadas compras sin pagar", "Too many unpaid purchases")


class TooManyReservedCopies(Conflict):
    code = "too-many-reserved-copies"
    title = "One customer holds only so many unpaid copies of a book"
    error = Text("Demasiados ejemplares reservados", "Too many reserved copies")


class PriceChanged(Conflict):
    code = "price-changed"
    title = "The price is not the one you expect"
    error = Text("El precio ha cambiado", "The price has changed")


class BookRetired(Conflict):
    code = "book-retired"
    title = "This book is not sold any more"
    error = Text("El libro ya no está a la venta", "The book is no longer sold")


class BookNotReady(Conflict):
    code = "book-not-ready"
    title = "The catalogue's books have not arrived at purchase yet"
    error = Text("El libro aún no está disponible", "The book is not available yet")


class IllegalMove(Conflict):
    code = "illegal-move"
    title = "This change of status is not allowed"
    error = Text("Cambio de estado no permitido", "Status change not allowed")


class PurchaseExpired(Conflict):
    code = "purchase-expired"
    title = "The time to pay has run out"
    error = Text("La compra ha expirado", "The purchase has expired")


class PurchaseCancelled(Conflict):
    code = "purchase-cancelled"
    title = "The purchase was cancelled"
    error = Text("La compra fue cancelada", "The purchase was cancelled")


class PurchaseRefunded(Conflict):
    code = "purchase-refunded"
    title = "The purchase was refunded"
    error = Text("La compra fue reembolsada", "The purchase was refunded")


class AlreadyPaid(Conflict):
    code = "already-paid"
    title = "This purchase has been paid"
    error = Text("La compra ya está pagada", "The purchase is already paid")


class PaymentInProgress(Conflict):
    code = "payment-in-progress"
    title = "A payment of this purchase is not decided yet"
    error = Text("Hay un pago en curso", "A payment is in progress")


class PaymentReturned(Conflict):
    code = "payment-returned"
    title = "The payment arrived too late for its purchase, and is refunded"
    error = Text("El pago fue devuelto", "The payment was given back")


class NotPaid(Conflict):
    code = "not-paid"
    title = "Only a paid purchase is delivered"
    error = Text("La compra no está pagada", "The purchase is not paid")


class AlreadyAssigned(Conflict):
    code = "already-assigned"
    title = "This purchase is on its way already"
    error = Text("La compra ya tiene una entrega", "The purchase already has a delivery")


class OverRefund(Conflict):
    code = "over-refund"
    title = "The refund exceeds what is left of the payment"
    error = Text("El reembolso supera lo pagado", "The refund exceeds the payment")


class NotRefundable(Conflict):
    code = "not-refundable"
    title = "This payment cannot be refunded now"
    error = Text("El pago no se puede reembolsar", "The payment cannot be refunded")


class ProviderExists(Conflict):
    code = "provider-exists"
    title = "There is a provider of that name"
    error = Text("El proveedor ya existe", "The provider already exists")


class ProviderRetired(Conflict):
    code = "provider-retired"
    title = "This delivery provider is not offered any more"
    error = Text("El proveedor ya no está disponible", "The provider is no longer available")


class StockWouldBeNegative(Conflict):
    code = "stock-would-be-negative"
    title = "The adjustment removes more copies than are available"
    error = Text("El stock no puede ser negativo", "Stock cannot be negative")


class NotYourBook(Forbidden):
    code = "not-your-book"
    title = "This book is sold by somebody else"
    error = Text("El libro es de otro vendedor", "The book is another seller's")


class CardNumberRefused(InvalidInput):
    code = "card-number-refused"
    title = "This shop takes no card numbers"
    error = Text("No se aceptan números de tarjeta", "Card numbers are not accepted")


class AmountMismatch(InvalidInput):
    code = "amount-mismatch"
    title = "The amount is not what the purchase costs"
    error = Text("El monto no coincide con el total", "The amount does not match the total")


class PurchaseIncomplete(InvalidInput):
    code = "purchase-incomplete"
    title = "The body does not say what to buy"
    error = Text("book_id y quantity son requeridos", "book_id and quantity are required")


class BadWebhook(InvalidInput):
    code = "bad-webhook"
    title = "The message is not a valid one of the payment provider"
    error = Text("Mensaje del proveedor no válido", "Invalid provider message")


class Declined(PaymentDeclined):
    """The provider declined the charge. The purchase may be paid again until it expires."""


class NotCharged(PaymentDeclined):
    """The provider never charged the payment. The purchase may be paid again."""

    code = "payment-not-charged"
    title = "The payment did not reach the provider"
    error = Text("El pago no se realizó", "The payment was not made")


class AddressNotFound(NotFound):
    code = "address-not-found"
    title = "There is no such address"
    error = Text("Dirección no encontrada", "Address not found")


class AddressInvalid(InvalidInput):
    code = "address-invalid"
    title = "The address does not meet the rules of its country"
    error = Text("Dirección no válida", "Invalid address")


class TooManyAddresses(Conflict):
    code = "too-many-addresses"
    title = "One customer keeps only so many addresses"
    error = Text("Demasiadas direcciones", "Too many addresses")


class CartEmpty(Conflict):
    code = "cart-empty"
    title = "The cart has nothing to buy"
    error = Text("El carrito está vacío", "The cart is empty")


class CartFull(Conflict):
    code = "cart-full"
    title = "A cart holds only so many different books"
    error = Text("El carrito está lleno", "The cart is full")


class OrderTooLarge(Conflict):
    code = "order-too-large"
    title = "The total of one order is limited"
    error = Text("Pedido demasiado grande", "Order too large")

    @classmethod
    def of(cls, limit_minor: int, currency: str) -> Self:
        most = money(limit_minor, currency)
        return cls(
            Text(
                f"Un pedido suma como máximo {most}. Repártalo en varios.",
                f"One order is of at most {most}. Split it into several.",
            ),
            limit_minor=limit_minor,
            currency=currency,
        )


class CartLineFull(Conflict):
    code = "cart-line-full"
    title = "A cart holds only so many copies of one book"
    error = Text("Demasiados ejemplares en el carrito", "Too many copies in the cart")


class ProviderDoesNotDeliver(Conflict):
    code = "provider-does-not-deliver"
    title = "This delivery provider does not serve the country of the address"
    error = Text("El proveedor no llega a ese país", "The provider does not serve that country")
