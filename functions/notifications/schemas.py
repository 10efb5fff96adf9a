"""Request and response bodies."""

from datetime import datetime
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from functions.kit.base.fields import Strict
from functions.notifications.domain import State, Topic


class Unsubscribing(Strict, frozen=True, kw_only=True):
    token: Annotated[str, Meta(min_length=1, max_length=200)]
    """The `token` of the link in a mail."""
    mails: Topic = Topic.DELIVERIES
    """The `mails` of the link: what no more mails are wanted about."""

    example: ClassVar[dict[str, Any]] = {"token": "the token of the link in a mail"}


class PreferencesChange(Strict, frozen=True, kw_only=True):
    """What is left out stays as it is."""

    delivery_updates: bool | UnsetType = UNSET
    """Mails about the delivery of an order."""
    review_requests: bool | UnsetType = UNSET
    """A mail some days after a delivery that asks for reviews of the books."""

    example: ClassVar[dict[str, Any]] = {"delivery_updates": False}


class PreferencesView(msgspec.Struct, frozen=True, kw_only=True):
    """The mails that a customer may choose. Those about money and the account always come."""

    delivery_updates: bool
    review_requests: bool


class Unsubscribed(msgspec.Struct, frozen=True, kw_only=True):
    message: str


class MailView(msgspec.Struct, frozen=True, kw_only=True):
    """A mail without what it says, and without an address."""

    id: int
    kind: str
    user_id: int
    subject: str
    """What it is about, such as `purchase/7`."""
    state: State
    tries: int
    created_at: datetime
    due_at: datetime
    expires_at: datetime
    finished_at: datetime | None
    reason: str | None
    message_id: str
    """The left side of its Message-ID, for the logs of the SMTP server."""


class Retried(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    message: str
