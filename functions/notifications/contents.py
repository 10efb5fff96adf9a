"""What each kind of mail says, in English; `locale/` has the other languages."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from functions.notifications.domain import TOPICS, Kind, Recipient, Topic
from functions.notifications.facts import (
    Delivery,
    NewDevice,
    Order,
    PasswordReset,
    Payment,
    ReviewRequest,
)
from functions.notifications.rendering import Button, Content, Line, isolated, moment, money
from functions.notifications.translations import translations


class Links(NamedTuple):
    """The addresses that a mail leads to."""

    base: str
    """The storefront's, without a slash at its end."""
    reset: str = ""
    unsubscribe: str = ""


class _Writer:
    """Writes the content of one mail, in one language."""

    def __init__(self, recipient: Recipient, links: Links) -> None:
        self.language = recipient.language
        self.texts = translations(self.language)
        self.links = links
        _ = self.texts.gettext
        name = " ".join((recipient.name or "").split())
        self.greeting = _("Hello %(name)s,") % {"name": isolated(name)} if name else _("Hello,")

    def content(
        self,
        subject: str,
        *paragraphs: str,
        lines: tuple[tuple[Line, ...], tuple[Line, ...]] = ((), ()),
        button: Button | None = None,
        notes: tuple[str, ...] = (),
    ) -> Content:
        items, totals = lines
        return Content(subject, self.greeting, paragraphs, items, totals, button, notes=notes)

    def order_button(self, purchase_id: int) -> Button:
        _ = self.texts.gettext
        url = f"{self.links.base}/{self.language}/orders/{purchase_id}"
        return Button(_("See your order"), url)

    def lines(self, order: Order) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
        _ = self.texts.gettext

        def amount(minor: int) -> str:
            return money(minor, order.currency, self.language)

        items = tuple(
            Line(
                f"{each.quantity} × {isolated(each.title)}",
                amount(each.quantity * each.unit_price_minor),
            )
            for each in order.items
        )
        totals = (
            *(
                [Line(_("Delivery"), amount(order.delivery_fee_minor))]
                if order.delivery_fee_minor
                else []
            ),
            Line(_("Total"), amount(order.total_minor)),
        )
        return items, totals


def _order_placed(facts: bytes, writer: _Writer) -> Content:
    _, order = writer.texts.gettext, msgspec.json.decode(facts, type=Order)
    return writer.content(
        _("Your order %(number)s waits for its payment") % {"number": order.purchase_id},
        _("Thank you for your order. The books are set aside for you."),
        _("Please pay by %(time)s; later they are offered to others again.")
        % {"time": moment(order.expires_at, writer.language)},
        lines=writer.lines(order),
        button=writer.order_button(order.purchase_id),
        notes=(_("If you have paid already, you need not do anything."),),
    )


def _order_paid(facts: bytes, writer: _Writer) -> Content:
    _, order = writer.texts.gettext, msgspec.json.decode(facts, type=Order)
    return writer.content(
        _("Your order %(number)s is paid") % {"number": order.purchase_id},
        _("Thank you. Your payment has arrived, and we prepare your books."),
        lines=writer.lines(order),
        button=writer.order_button(order.purchase_id),
    )


def _order_cancelled(facts: bytes, writer: _Writer) -> Content:
    _, order = writer.texts.gettext, msgspec.json.decode(facts, type=Order)
    return writer.content(
        _("Your order %(number)s is cancelled") % {"number": order.purchase_id},
        _("Your order is cancelled, and nothing is charged."),
        lines=writer.lines(order),
        button=writer.order_button(order.purchase_id),
    )


def _order_expired(facts: bytes, writer: _Writer) -> Content:
    _, order = writer.texts.gettext, msgspec.json.decode(facts, type=Order)
    return writer.content(
        _("The time to pay your order %(number)s is over") % {"number": order.purchase_id},
        _("No payment has arrived, so the books are offered to others again. Nothing is charged."),
        _("If you still want them, please place a new order."),
        lines=writer.lines(order),
        button=writer.order_button(order.purchase_id),
    )


def _order_refunded(facts: bytes, writer: _Writer) -> Content:
    _, payment = writer.texts.gettext, msgspec.json.decode(facts, type=Payment)
    refunded = money(payment.refunded_minor, payment.currency, writer.language)
    paid = money(payment.amount_minor, payment.currency, writer.language)
    return writer.content(
        _("A refund for your order %(number)s") % {"number": payment.purchase_id},
        _("We refund the %(amount)s that you paid.") % {"amount": refunded}
        if payment.refunded_minor >= payment.amount_minor
        else _("Of the %(paid)s that you paid we refund %(amount)s in total.")
        % {"paid": paid, "amount": refunded},
        _("Depending on your bank it takes some days until you see it."),
        button=writer.order_button(payment.purchase_id),
    )


def _order_on_its_way(facts: bytes, writer: _Writer) -> Content:
    _, delivery = writer.texts.gettext, msgspec.json.decode(facts, type=Delivery)
    return writer.content(
        _("Your order %(number)s is on its way") % {"number": delivery.purchase_id},
        _("%(provider)s brings your books.") % {"provider": isolated(delivery.provider_name)},
        button=writer.order_button(delivery.purchase_id),
    )


def _order_delivered(facts: bytes, writer: _Writer) -> Content:
    _, delivery = writer.texts.gettext, msgspec.json.decode(facts, type=Delivery)
    return writer.content(
        _("Your order %(number)s is delivered") % {"number": delivery.purchase_id},
        _("%(provider)s has delivered your books. Enjoy reading!")
        % {"provider": isolated(delivery.provider_name)},
        button=writer.order_button(delivery.purchase_id),
    )


def _delivery_failed(facts: bytes, writer: _Writer) -> Content:
    _, delivery = writer.texts.gettext, msgspec.json.decode(facts, type=Delivery)
    return writer.content(
        _("Your order %(number)s could not be delivered") % {"number": delivery.purchase_id},
        _("%(provider)s could not deliver your books. We send them again, and write to you then.")
        % {"provider": isolated(delivery.provider_name)},
        button=writer.order_button(delivery.purchase_id),
    )


def _password_reset(facts: bytes, writer: _Writer) -> Content:
    _, reset = writer.texts.gettext, msgspec.json.decode(facts, type=PasswordReset)
    return writer.content(
        _("Choose a new password"),
        _("Somebody, probably you, has asked for a link to choose a new password."),
        button=Button(_("Choose a new password"), writer.links.reset),
        notes=(
            _("The link is good once, until %(time)s.")
            % {"time": moment(reset.expires_at, writer.language)},
            _("If it was not you, ignore this message: your password stays as it is."),
        ),
    )


def _new_device(facts: bytes, writer: _Writer) -> Content:
    _, device = writer.texts.gettext, msgspec.json.decode(facts, type=NewDevice)
    at = {"time": moment(device.signed_in_at, writer.language)}
    names = {"browser": device.browser, "system": device.system, **at}
    if device.browser and device.system:
        what = _("Somebody has signed in to your account with %(browser)s on %(system)s, %(time)s.")
    elif device.browser:
        what = _("Somebody has signed in to your account with %(browser)s, %(time)s.")
    elif device.system:
        what = _("Somebody has signed in to your account on %(system)s, %(time)s.")
    else:
        what = _("Somebody has signed in to your account from a new device, %(time)s.")
    return writer.content(
        _("A sign-in from a new device"),
        what % names,
        _("If it was you, you need not do anything."),
        _("If it was not you, choose a new password now: that signs everybody out."),
        button=Button(
            _("Choose a new password"),
            f"{writer.links.base}/{writer.language}/forgot-password",
        ),
    )


def _review_request(facts: bytes, writer: _Writer) -> Content:
    ngettext, asked = writer.texts.ngettext, msgspec.json.decode(facts, type=ReviewRequest)
    books = len(asked.books)
    pages = f"{writer.links.base}/{writer.language}/books"
    return writer.content(
        ngettext("How do you like your book?", "How do you like your books?", books),
        ngettext(
            "Some days ago your book arrived. What you write about it helps other readers.",
            "Some days ago your books arrived. What you write about them helps other readers.",
            books,
        ),
        notes=(writer.texts.gettext("If you have written a review already, thank you for it."),),
    )._replace(
        links=tuple(Button(isolated(book.title), f"{pages}/{book.book_id}") for book in asked.books)
    )


_WRITERS: dict[Kind, Callable[[bytes, _Writer], Content]] = {
    Kind.ORDER_PLACED: _order_placed,
    Kind.ORDER_PAID: _order_paid,
    Kind.ORDER_CANCELLED: _order_cancelled,
    Kind.ORDER_EXPIRED: _order_expired,
    Kind.ORDER_REFUNDED: _order_refunded,
    Kind.ORDER_ON_ITS_WAY: _order_on_its_way,
    Kind.ORDER_DELIVERED: _order_delivered,
    Kind.DELIVERY_FAILED: _delivery_failed,
    Kind.PASSWORD_RESET: _password_reset,
    Kind.NEW_DEVICE: _new_device,
    Kind.REVIEW_REQUEST: _review_request,
}


def content_of(kind: Kind, facts: bytes, recipient: Recipient, links: Links) -> Content:
    """The content of a mail. Raises `msgspec.ValidationError` for facts of another kind."""
    writer = _Writer(recipient, links)
    content, topic = _WRITERS[kind](facts, writer), TOPICS.get(kind)
    if topic is None or not links.unsubscribe:
        return content
    _ = writer.texts.gettext
    label = (
        _("No more mails about deliveries")
        if topic is Topic.DELIVERIES
        else _("No more mails that ask for reviews")
    )
    return content._replace(unsubscribe_url=links.unsubscribe, unsubscribe_label=label)
