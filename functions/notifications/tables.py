"""notifications' own tables; `migrations/` creates them."""

from piccolo.columns import BigInt, Boolean, Serial, Text, Timestamptz, Varchar
from piccolo.table import Table


class MailRow(Table, tablename="mails"):
    """A mail, written in the transaction of its event. It has no address: auth is asked for it
    when the mail is sent."""

    id: Serial
    message_id = Varchar(length=36)
    """The left side of its Message-ID, the same for every try."""
    event_source = Varchar(length=100)
    event_id = Varchar(length=255)
    kind = Varchar(length=30)
    user_id = BigInt()
    subject = Varchar(length=255)
    """The subject of its event, such as `purchase/7`."""
    revision = BigInt()
    facts = Text()
    """JSON: what the mail says."""
    state = Varchar(length=10)
    tries = BigInt()
    due_at = Timestamptz(default=None)
    """When it is tried next. A process that tries it moves this ahead first, so no other does."""
    expires_at = Timestamptz(default=None)
    created_at = Timestamptz(default=None)
    """When it was written."""
    finished_at = Timestamptz(null=True, default=None)
    reason = Varchar(length=500, null=True, default=None)
    """Why it was not sent, or not yet."""


class SubscriberRow(Table, tablename="subscribers"):
    """What a customer wants, and the token of the links that end it."""

    user_id = BigInt(primary_key=True)
    token = Varchar(length=43)
    """Not a hash: every mail has it, and all that it opens is to unsubscribe."""
    delivery_updates = Boolean(default=True)
    review_requests = Boolean(default=True)
    changed_at = Timestamptz(default=None)


class OrderRow(Table, tablename="orders"):
    """The books of a paid order, for the mail that asks for reviews of them."""

    purchase_id = BigInt(primary_key=True)
    user_id = BigInt()
    books = Text()
    """JSON: ids and titles. Empty where the refund was heard of first."""
    refunded = Boolean(default=False)
    ask_at = Timestamptz(default=None, null=True)
    """When its buyer is asked; None where it is not delivered."""
    asked = Boolean(default=False)
    known_at = Timestamptz(default=None)


TABLES = (MailRow, SubscriberRow, OrderRow)
