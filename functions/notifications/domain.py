"""Which mails there are, how long each is worth sending, and when it is tried again."""

import re
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """A kind of mail, as it is stored and counted."""

    ORDER_PLACED = "order-placed"
    ORDER_PAID = "order-paid"
    ORDER_CANCELLED = "order-cancelled"
    ORDER_EXPIRED = "order-expired"
    ORDER_REFUNDED = "order-refunded"
    ORDER_ON_ITS_WAY = "order-on-its-way"
    ORDER_DELIVERED = "order-delivered"
    DELIVERY_FAILED = "delivery-failed"
    PASSWORD_RESET = "password-reset"  # noqa: S105 - a kind of mail
    NEW_DEVICE = "new-device"
    REVIEW_REQUEST = "review-request"


class State(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    """A server has accepted it."""
    PUT_ASIDE = "put-aside"
    """It was refused, or could not be sent in its time; an operator looks at the reason."""
    SKIPPED = "skipped"
    """It is not needed any more, or not wanted."""


MAX_AGE: dict[Kind, timedelta] = {
    # Longer than the time to pay; the event names when that ends.
    Kind.ORDER_PLACED: timedelta(days=1),
    Kind.ORDER_PAID: timedelta(days=3),
    Kind.ORDER_CANCELLED: timedelta(days=1),
    Kind.ORDER_EXPIRED: timedelta(days=1),
    Kind.ORDER_REFUNDED: timedelta(days=3),
    Kind.ORDER_ON_ITS_WAY: timedelta(days=1),
    Kind.ORDER_DELIVERED: timedelta(days=1),
    Kind.DELIVERY_FAILED: timedelta(days=1),
    # auth's links last an hour; the event names when that ends.
    Kind.PASSWORD_RESET: timedelta(hours=1),
    Kind.NEW_DEVICE: timedelta(days=1),
    # From the time at which it is written: that matters little, and an outage ends by then.
    Kind.REVIEW_REQUEST: timedelta(days=7),
}
"""How long after its event a mail is still sent. An event that was found later, by catching up or
after a repair, sends none."""

ASK_AFTER = timedelta(days=5)
"""How long after its delivery the buyer of an order is asked for reviews: time to begin a book, and
the order is still remembered."""


KNOWN_ORDERS = timedelta(days=180)
"""How long the books of a paid order are kept for the mail that asks for reviews of them."""


class Topic(StrEnum):
    """What a customer may unsubscribe from."""

    DELIVERIES = "deliveries"
    REVIEWS = "reviews"


DELIVERY_UPDATES = (Kind.ORDER_ON_ITS_WAY, Kind.ORDER_DELIVERED, Kind.DELIVERY_FAILED)
TOPICS: dict[Kind, Topic] = {
    **dict.fromkeys(DELIVERY_UPDATES, Topic.DELIVERIES),
    Kind.REVIEW_REQUEST: Topic.REVIEWS,
}
"""What a kind may be unsubscribed from by. The others concern money or the account."""

SUPERSEDED = frozenset({Kind.ORDER_PLACED, Kind.ORDER_ON_ITS_WAY, Kind.DELIVERY_FAILED})
"""What asks for or announces something: it is not sent once its order has a later mail."""

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)
"""Between two tries."""


def expires_at(kind: Kind, happened_at: datetime, given: datetime | None = None) -> datetime:
    """Until when a mail is worth sending; `given` is the end that the event itself names."""
    latest = happened_at + MAX_AGE[kind]
    return latest if given is None else min(given, latest)


def pause(tries: int, spread: float) -> timedelta:
    """The time until the next try, after `tries` of them. `spread` is random, from 0 to 1: the
    pauses are spread by a half in both directions, so that mails do not come together."""
    longest: timedelta = min(FIRST_PAUSE * 2 ** min(tries - 1, 10), LONGEST_PAUSE)
    return longest * (0.5 + spread)


# What mail programs make a link of: an address of a page or a mail, and a number to call.
_LINKED = re.compile(r"//|@|www\.|[^\W_][.。．｡][^\W\d_]{2}|\d(?:[ ().-]*\d){5}", re.IGNORECASE)


def name_to_greet(name: str | None) -> str | None:
    """The name of an account as its mails show it; None where it would be a link in them.

    Somebody who registers another person's address chooses the name that the shop sends there.
    """
    return None if name is None or _LINKED.search(name) else name


class Recipient(NamedTuple):
    """Where and how a mail reaches somebody."""

    email: str
    name: str | None
    language: str


class Preferences(NamedTuple):
    """What a customer wants besides the mails that every order needs."""

    delivery_updates: bool = True
    review_requests: bool = True

    def wants(self, topic: Topic) -> bool:
        return self.delivery_updates if topic is Topic.DELIVERIES else self.review_requests
