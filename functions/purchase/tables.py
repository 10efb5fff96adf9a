"""Purchase's own tables; `migrations/` creates them, with their constraints.

`books` is a copy of what catalog publishes; purchase owns the others. Amounts are minor units. The
kit's tables (outbox, inbox, keys) have no class here: only the kit reads and writes them.
"""

from piccolo.columns import BigInt, Boolean, Serial, Timestamptz, Varchar
from piccolo.table import Table


class BookRow(Table, tablename="books"):
    """The part of a book that a sale needs, from catalog's latest event."""

    book_id = BigInt(primary_key=True)
    title = Varchar(length=255)
    price_minor = BigInt()
    currency = Varchar(length=3)
    retired = Boolean()
    revision = BigInt()
    seller_id = BigInt(null=True)
    """The user id of its seller; null for the shop's own books."""


class InventoryRow(Table, tablename="inventory"):
    """Copies of a book: on_hand = available + reserved, at any time."""

    book_id = BigInt(primary_key=True)
    on_hand = BigInt()
    reserved = BigInt()
    available = BigInt()
    fulfilled = BigInt()
    """Copies delivered so far: the sum of all adjustments = on_hand + fulfilled."""
    revision = BigInt()
    changed_at = Timestamptz(default=None)


class AdjustmentRow(Table, tablename="adjustments"):
    """Changes of the stock other than sales; the first one is the initial stock."""

    id = Serial(primary_key=True)
    book_id = BigInt()
    delta = BigInt()
    reason = Varchar(length=200)
    user_id = BigInt(null=True)
    created_at = Timestamptz(default=None)


class PurchaseRow(Table, tablename="purchases"):
    id = Serial(primary_key=True)
    user_id = BigInt()
    status = Varchar(length=20)
    total_minor = BigInt()
    delivery_fee_minor = BigInt()
    currency = Varchar(length=3)
    provider_id = BigInt(null=True)
    revision = BigInt()
    created_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)


class PurchaseItemRow(Table, tablename="purchase_items"):
    id = Serial(primary_key=True)
    purchase_id = BigInt()
    book_id = BigInt()
    title = Varchar(length=255)
    quantity = BigInt()
    unit_price_minor = BigInt()
    seller_id = BigInt(null=True)
    """The seller of the book when it was sold; null for the shop's own."""
    sold_at = Timestamptz(null=True, default=None)
    """When the purchase was placed; null in rows of releases without sellers."""


class TimelineEntryRow(Table, tablename="purchase_timeline"):
    """Each status of a purchase, its time, and the user who caused it."""

    id = Serial(primary_key=True)
    purchase_id = BigInt()
    status = Varchar(length=20)
    at = Timestamptz(default=None)
    user_id = BigInt(null=True)


class PaymentRow(Table, tablename="payments"):
    id = Serial(primary_key=True)
    purchase_id = BigInt()
    user_id = BigInt()
    amount_minor = BigInt()
    refunded_minor = BigInt()
    currency = Varchar(length=3)
    method = Varchar(length=100)
    status = Varchar(length=20)
    reference = Varchar(length=36)
    """The reference at the provider, which charges it once."""
    created_at = Timestamptz(default=None)


class RefundRow(Table, tablename="refunds"):
    id = Serial(primary_key=True)
    payment_id = BigInt()
    amount_minor = BigInt()
    reason = Varchar(length=200)
    reference = Varchar(length=36)
    settled = Boolean()
    """Whether the provider has paid it."""
    requested_by = BigInt(null=True)
    created_at = Timestamptz(default=None)


class ProviderRow(Table, tablename="providers"):
    id = Serial(primary_key=True)
    name = Varchar(length=100)
    contact = Varchar(length=200)
    coverage = Varchar(length=100, null=True)
    """Free text that the previous release writes."""
    countries = Varchar(length=1000)
    """ISO 3166-1 codes between spaces, ` * ` for everywhere, empty where it is unknown."""
    fee_minor = BigInt()
    retired = Boolean()


class AssignmentRow(Table, tablename="assignments"):
    id = Serial(primary_key=True)
    purchase_id = BigInt()
    provider_id = BigInt()
    status = Varchar(length=20)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)


class AssignmentEntryRow(Table, tablename="assignment_timeline"):
    """Each status of a delivery, its time, and the user who reported it."""

    id = Serial(primary_key=True)
    assignment_id = BigInt()
    status = Varchar(length=20)
    at = Timestamptz(default=None)
    user_id = BigInt(null=True)


TABLES = (
    BookRow,
    InventoryRow,
    AdjustmentRow,
    PurchaseRow,
    PurchaseItemRow,
    TimelineEntryRow,
    PaymentRow,
    RefundRow,
    ProviderRow,
    AssignmentRow,
    AssignmentEntryRow,
)
