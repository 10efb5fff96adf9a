"""Maps domain objects to rows and back; no other module knows which column holds which field.

Objects are loaded for a change under the lock of their purchase. A change of a purchase, or of a
payment, a refund or a delivery of it, holds that lock until the transaction ends. `transitions.py`
stores what the domain decided, by the other modules.
"""

from functions.purchase.storage.deliveries import delivery, delivery_under_way
from functions.purchase.storage.payments import (
    OwedRefund,
    due_payments,
    due_refunds,
    insert_payment,
    open_payment,
    payment,
    payment_of_reference,
    payment_of_request,
    to_payment,
    to_refund,
    update_payment,
    update_refund,
)
from functions.purchase.storage.providers import (
    DeliveryProvider,
    decode_countries,
    delivery_provider,
    encode_countries,
    locked_provider,
    offered_provider,
    provider_etag,
)
from functions.purchase.storage.purchases import (
    insert_purchase,
    lock_customer,
    lock_purchase,
    to_purchase,
)
from functions.purchase.storage.stock import (
    OnSale,
    holdings,
    lock_stock,
    on_sale,
    to_stock,
    update_stock,
)
from functions.purchase.storage.transitions import store

__all__ = [
    "DeliveryProvider",
    "OnSale",
    "OwedRefund",
    "decode_countries",
    "delivery",
    "delivery_provider",
    "delivery_under_way",
    "due_payments",
    "due_refunds",
    "encode_countries",
    "holdings",
    "insert_payment",
    "insert_purchase",
    "lock_customer",
    "lock_purchase",
    "lock_stock",
    "locked_provider",
    "offered_provider",
    "on_sale",
    "open_payment",
    "payment",
    "payment_of_reference",
    "payment_of_request",
    "provider_etag",
    "store",
    "to_payment",
    "to_purchase",
    "to_refund",
    "to_stock",
    "update_payment",
    "update_refund",
    "update_stock",
]
