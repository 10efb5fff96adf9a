"""Bodies of payments and refunds."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar

import msgspec

from functions.kit.base.errors import FieldError, InvalidInput, Text
from functions.kit.base.fields import ComputedAmount, Id, Strict, line
from functions.purchase.schemas.shared import MISSING, Currency


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
    user_id: int
    """The buyer."""
    amount: Decimal
    amount_minor: int
    refunded: Decimal
    refunded_minor: int
    refundable: Decimal
    """What is left of it. While the purchase is on its way nothing is refunded."""
    refundable_minor: int
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
    requested_by: int | None
    """The member of staff, for staff to read; null where the shop refunded by itself."""


class PaymentDetail(PaymentView, frozen=True, kw_only=True):
    refunds: list[RefundView]
    """Oldest first."""


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
