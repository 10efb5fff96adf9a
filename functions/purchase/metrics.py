"""purchase's own metrics, beside the kit's. Changes are counted after their transaction commits.

Amounts are in minor units, of which every currency has a hundred here.
"""

from functions.kit.base.errors import DomainError, RequestInProgress, Unavailable
from functions.kit.base.metrics import Definition, Kind, Metrics
from functions.kit.data.database import after_commit
from functions.purchase.domain.transitions import Transition

REVENUE = Definition(
    "purchases.revenue",
    Kind.COUNTER,
    "{minor_unit}",
    "Amounts of payments that succeeded, also of those that came too late and are refunded.",
    ("currency",),
)
REFUNDED = Definition(
    "purchases.refunded",
    Kind.COUNTER,
    "{minor_unit}",
    "Amounts of refunds that were decided; the payment provider may pay them later.",
    ("currency",),
)
REFUSED = Definition(
    "purchases.refused",
    Kind.COUNTER,
    "{refusal}",
    "Requests to place or to pay a purchase that were refused, by the code of the problem.",
    ("reason",),
)
ADJUSTMENTS = Definition(
    "stock.adjustments",
    Kind.COUNTER,
    "{adjustment}",
    "Changes of the stock other than sales: `initial`, `addition` or `removal`.",
    ("reason",),
)
DEFINITIONS = (REVENUE, REFUNDED, REFUSED, ADJUSTMENTS)


def count_money(metrics: Metrics, transition: Transition, *, captured: bool = False) -> None:
    """Count what a stored transition has moved; `captured` where it records a charge."""
    payment, refund = transition.payment, transition.refund

    def count() -> None:
        if payment is not None and captured and payment.amount_minor:
            metrics.add(REVENUE).labels(payment.currency).inc(payment.amount_minor)
        if payment is not None and refund is not None:
            metrics.add(REFUNDED).labels(payment.currency).inc(refund.amount_minor)

    after_commit(count)


def count_adjustment(metrics: Metrics, reason: str) -> None:
    """`reason` is one of those in the definition; what people write is not counted by."""
    after_commit(lambda: metrics.add(ADJUSTMENTS).labels(reason).inc())


def count_refusal(metrics: Metrics, refusal: DomainError) -> None:
    """Count a refusal, unless the request may succeed when it is sent again as it is."""
    if not isinstance(refusal, RequestInProgress | Unavailable):
        metrics.add(REFUSED).labels(refusal.code).inc()
