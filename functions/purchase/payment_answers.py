"""Renders the response to a payment's request, from the payment alone.

Any process that records the outcome can therefore store the response, and a repeated request gets
the same bytes, from the key's row or from here.
"""

from functions.kit.base.errors import DomainError, Text
from functions.kit.data.idempotency_keys import Answer
from functions.kit.http.problems import render_problem
from functions.kit.http.responses import encode
from functions.purchase.domain.payments import Payment, PaymentOutcome
from functions.purchase.errors import Declined, NotCharged, PaymentReturned
from functions.purchase.schemas.payments import PaymentCreated

REGISTERED = Text("Pago registrado", "Payment recorded")
UNDER_WAY = Text("Pago en curso", "Payment in progress")
PATH = "/payment"


def current(payment: Payment) -> Answer:
    """202 while the payment is open, the final response afterwards."""
    if payment.outcome is not None:
        return final(payment)
    return Answer(202, _created(payment, UNDER_WAY, "Processing"), replayed=False)


def final(payment: Payment) -> Answer:
    """201 for a payment that paid its purchase, 402 or 409 for any other outcome."""
    refused = refusal(payment)
    if refused is None:
        return Answer(201, _created(payment, REGISTERED, "Completed"), replayed=False)
    status, body = render_problem(refused, language=payment.language, path=PATH)
    return Answer(status, body, replayed=False)


def _created(payment: Payment, message: Text, status: str) -> bytes:
    text = message.en if payment.language == "en" else message.es
    return encode(PaymentCreated(message=text, payment_id=payment.id, status=status))


def refusal(payment: Payment) -> DomainError | None:
    """The refusal that answers a payment; None while it is open, and if it paid its purchase."""
    match payment.outcome:
        case None | PaymentOutcome.PAID:
            return None
        case PaymentOutcome.DECLINED:
            return Declined(
                Text(
                    "Pague de otra forma; los ejemplares siguen reservados.",
                    "Pay with something else; the copies are still reserved.",
                ),
                payment_id=payment.id,
            )
        case PaymentOutcome.NOT_CHARGED:
            return NotCharged(
                Text("No se cobró nada. Pague de nuevo.", "Nothing was charged. Pay again."),
                payment_id=payment.id,
            )
        case _:
            status = payment.outcome_status
            return PaymentReturned(
                Text(
                    f"La compra estaba en {status} cuando llegó el dinero; se devuelve.",
                    f"The purchase was {status} when the money arrived; it is refunded.",
                ),
                payment_id=payment.id,
                status_actual=None if status is None else str(status),
            )
