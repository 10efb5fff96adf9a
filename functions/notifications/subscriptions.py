"""The events that notifications consumes; each that a person should know writes a mail.

Orders from purchase; password resets and new devices from auth's stream `accounts`; closed
accounts, revoked tokens and keys from `security` (`kit/security/auth_stream.py`). The mail is
written in the transaction of its event and sent afterwards (`sender.py`).
"""

from collections.abc import Awaitable, Callable

import msgspec

from functions.kit.base.clock import Clock
from functions.kit.data.database import Database
from functions.kit.events.cloudevents import Event
from functions.kit.events.subscriptions import Stream, Subscriptions
from functions.kit.security import auth_stream
from functions.notifications.commands.mails import erase_person, write_mail
from functions.notifications.commands.orders import plan_request, record_books, record_refund
from functions.notifications.domain import ASK_AFTER, Kind
from functions.notifications.facts import (
    Book,
    Delivery,
    NewDevice,
    Order,
    PasswordReset,
    Payment,
)
from functions.notifications.queries import Wake

ORDERS = Stream(source="/bookstore/purchase/orders", owner="purchase", name="orders")
ACCOUNTS = Stream(source="/bookstore/auth/accounts", owner="auth", name="accounts")

_DELIVERIES = {
    "Assigned": Kind.ORDER_ON_ITS_WAY,
    "Delivered": Kind.ORDER_DELIVERED,
    "Failed": Kind.DELIVERY_FAILED,
}
"""The kinds by the status of a delivery; other statuses are on the page of the order."""


def build(clock: Clock, wake: Wake) -> Subscriptions:
    """What this service consumes. `wake` has the mails sent after their event is committed."""
    subscriptions = Subscriptions(ORDERS, ACCOUNTS, auth_stream.STREAM)
    _orders(subscriptions, clock, wake)
    _deliveries(subscriptions, clock, wake)
    _accounts(subscriptions, clock, wake)
    auth_stream.subscribe(subscriptions, on_account_closed=erase_person)
    return subscriptions


_ORDERS = {
    "placed": Kind.ORDER_PLACED,
    "paid": Kind.ORDER_PAID,
    "cancelled": Kind.ORDER_CANCELLED,
    "expired": Kind.ORDER_EXPIRED,
}
"""The kinds by the last word of an event's type."""


def _orders(subscriptions: Subscriptions, clock: Clock, wake: Wake) -> None:
    for change, kind in _ORDERS.items():
        subscriptions.on(f"bookstore.purchase.{change}.v1", Order)(_of_order(kind, clock, wake))

    cancelled = _of_order(Kind.ORDER_CANCELLED, clock, wake)

    @subscriptions.on("bookstore.purchase.refunded.v1", Order)
    async def refunded(database: Database, event: Event, order: Order) -> None:
        await record_refund(database, order.purchase_id, order.user_id, clock())
        # Where money goes back, the event of its payment writes the mail.
        if order.total_minor == 0:
            await cancelled(database, event, order)

    @subscriptions.on("bookstore.payment.refunded.v1", Payment)
    async def payment_refunded(database: Database, event: Event, payment: Payment) -> None:
        if payment.refunded_minor:
            await record_refund(database, payment.purchase_id, payment.user_id, clock())
            facts = msgspec.json.encode(payment)
            await write_mail(
                *(database, event, Kind.ORDER_REFUNDED, payment.user_id, facts),
                clock=clock,
                wake=wake,
            )


def _deliveries(subscriptions: Subscriptions, clock: Clock, wake: Wake) -> None:
    async def delivery_changed(database: Database, event: Event, delivery: Delivery) -> None:
        kind = _DELIVERIES.get(delivery.status)
        if delivery.user_id is None:
            return
        if kind is not None:
            facts = msgspec.json.encode(delivery)
            await write_mail(
                *(database, event, kind, delivery.user_id, facts), clock=clock, wake=wake
            )
        # A state of a snapshot has no time: it may have been delivered long ago.
        if kind is Kind.ORDER_DELIVERED and event.time is not None:
            ask_at = event.time + ASK_AFTER
            order = delivery.purchase_id, delivery.user_id
            await plan_request(database, *order, ask_at=ask_at, now=clock())

    for change in ("assigned", "updated"):
        subscriptions.on(f"bookstore.delivery.{change}.v1", Delivery)(delivery_changed)


def _of_order(
    kind: Kind, clock: Clock, wake: Wake
) -> Callable[[Database, Event, Order], Awaitable[None]]:
    """A handler that writes a mail of this kind about an order."""

    async def write(database: Database, event: Event, order: Order) -> None:
        if kind is Kind.ORDER_PAID:
            await record_books(database, order.purchase_id, order.user_id, _books(order), clock())
        await write_mail(
            *(database, event, kind, order.user_id, msgspec.json.encode(order)),
            until=order.expires_at if kind is Kind.ORDER_PLACED else None,
            clock=clock,
            wake=wake,
        )

    return write


def _books(order: Order) -> list[Book]:
    return [
        Book(book_id=each.book_id, title=each.title)
        for each in order.items
        if each.book_id is not None
    ]


def _accounts(subscriptions: Subscriptions, clock: Clock, wake: Wake) -> None:
    @subscriptions.on("bookstore.user.password_reset_requested.v1", PasswordReset)
    async def reset_requested(database: Database, event: Event, reset: PasswordReset) -> None:
        await write_mail(
            *(database, event, Kind.PASSWORD_RESET, reset.user_id, msgspec.json.encode(reset)),
            until=reset.expires_at,
            clock=clock,
            wake=wake,
        )

    @subscriptions.on("bookstore.user.new_device_signed_in.v1", NewDevice)
    async def new_device(database: Database, event: Event, device: NewDevice) -> None:
        await write_mail(
            *(database, event, Kind.NEW_DEVICE, device.user_id, msgspec.json.encode(device)),
            clock=clock,
            wake=wake,
        )
