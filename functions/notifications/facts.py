"""What a mail says: the fields of its event that it shows, stored with it as JSON.

The structs are tolerant, like those of every consumer: they ignore fields that they do not name.
"""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from functions.kit.base.fields import Id
from functions.kit.base.money import MAX_MONEY_MINOR

Minor = Annotated[int, Meta(ge=0, le=MAX_MONEY_MINOR * 1000)]
Moment = Annotated[datetime, Meta(tz=True)]
Word = Annotated[str, Meta(max_length=255)]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]


class Item(msgspec.Struct, frozen=True, kw_only=True):
    title: Annotated[str, Meta(max_length=1000)]
    quantity: Annotated[int, Meta(ge=1, le=10**9)]
    unit_price_minor: Minor
    book_id: Id | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Of bookstore.purchase.*.v1."""

    purchase_id: Id
    user_id: Id
    items: Annotated[list[Item], Meta(max_length=1000)]
    delivery_fee_minor: Minor = 0
    total_minor: Minor
    currency: Currency
    expires_at: Moment


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """Of bookstore.payment.refunded.v1."""

    purchase_id: Id
    user_id: Id
    amount_minor: Minor
    refunded_minor: Minor
    currency: Currency


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """Of bookstore.delivery.assigned.v1 and updated.v1."""

    purchase_id: Id
    provider_name: Word
    status: Word
    user_id: Id | None = None
    """Missing in events of releases that sent no mail."""


class Book(msgspec.Struct, frozen=True, kw_only=True):
    book_id: Id
    title: Annotated[str, Meta(max_length=1000)]


class ReviewRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Stored without books: those are found when the mail is sent, since the event of the payment
    may arrive after that of the delivery."""

    purchase_id: Id
    books: list[Book] = []


class PasswordReset(msgspec.Struct, frozen=True, kw_only=True):
    """Of bookstore.user.password_reset_requested.v1. The link is not here: auth creates it when
    the mail is sent."""

    reset_id: Id
    user_id: Id
    expires_at: Moment


class NewDevice(msgspec.Struct, frozen=True, kw_only=True):
    """Of bookstore.user.new_device_signed_in.v1."""

    user_id: Id
    browser: Word = ""
    system: Word = ""
    signed_in_at: Moment
