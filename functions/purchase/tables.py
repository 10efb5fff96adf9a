"""Purchase's tables. The kit keeps its own beside them (outbox, inbox, keys): it needs no classes.

`books` is what catalog told; everything else is owned here. Amounts are minor units. The schema
itself, with its constraints, is in `migrations/`.
"""

from piccolo.columns import BigInt, Boolean, Serial, Timestamptz, Varchar
from piccolo.table import Table


class Book(Table, tablename="books"):
    """What is needed to sell a book, as catalog last told it."""

    book_id = BigInt(primary_key=True)
    title = Varchar(length=255)
    price_minor = BigInt()
    currency = Varchar(length=3)
    retired = Boolean()
    revision = BigInt()


class Inventory(Table, tablename="inventory"):
    """Copies of a book: on_hand = available + reserved, at any time."""

    book_id = BigInt(primary_key=True)
    on_hand = BigInt()
    reserved = BigInt()
    available = BigInt()
    fulfilled = BigInt()
    """Delivered so far: the sum of all adjustments = on_hand + fulfilled."""
    revision = BigInt()
    changed_at = Timestamptz(default=None)


class Adjustment(Table, tablename="adjustments"):
    """Why there are more or fewer copies, other than by sales; the first is the initial stock."""

    id = Serial(primary_key=True)
    book_id = BigInt()
    delta = BigInt()
    reason = Varchar(length=200)
    user_id = BigInt(null=True)
    created_at = Timestamptz(default=None)


class Purchase(Table, tablename="purchases"):
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


class PurchaseItem(Table, tablename="purchase_items"):
    id = Serial(primary_key=True)
    purchase_id = BigInt()
    book_id = BigInt()
    title = Varchar(length=255)
    quantity = BigInt()
    unit_price_minor = BigInt()


class TimelineEntry(Table, tablename="purchase_timeline"):
    """Each state that a purchase was in, since when, and by whose hand."""

    id = Serial(primary_key=True)
    purchase_id = BigInt()
    status = Varchar(length=20)
    at = Timestamptz(default=None)
    user_id = BigInt(null=True)


class Payment(Table, tablename="payments"):
    id = Serial(primary_key=True)
    purchase_id = BigInt()
    user_id = BigInt()
    amount_minor = BigInt()
    refunded_minor = BigInt()
    currency = Varchar(length=3)
    method = Varchar(length=100)
    status = Varchar(length=20)
    reference = Varchar(length=36)
    """Our key for the provider: the same one is never charged twice."""
    created_at = Timestamptz(default=None)


class Refund(Table, tablename="refunds"):
    id = Serial(primary_key=True)
    payment_id = BigInt()
    amount_minor = BigInt()
    reason = Varchar(length=200)
    reference = Varchar(length=36)
    settled = Boolean()
    """Whether the provider has given the money back."""
    created_at = Timestamptz(default=None)


class Provider(Table, tablename="providers"):
    id = Serial(primary_key=True)
    name = Varchar(length=100)
    contact = Varchar(length=200)
    coverage = Varchar(length=100, null=True)
    """Free text of the release before."""
    countries = Varchar(length=1000)
    """ISO 3166-1 codes between blanks, ` * ` for everywhere, nothing where it is not said."""
    fee_minor = BigInt()
    retired = Boolean()


class Assignment(Table, tablename="assignments"):
    id = Serial(primary_key=True)
    purchase_id = BigInt()
    provider_id = BigInt()
    status = Varchar(length=20)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)


TABLES = (
    Book,
    Inventory,
    Adjustment,
    Purchase,
    PurchaseItem,
    TimelineEntry,
    Payment,
    Refund,
    Provider,
    Assignment,
)
