"""A mail as it is sent: its headers, its two parts, and what people have typed into either."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.notifications.contents import Links, content_of
from functions.notifications.domain import Kind, Recipient
from functions.notifications.facts import (
    Book,
    Delivery,
    Item,
    NewDevice,
    Order,
    PasswordReset,
    Payment,
    ReviewRequest,
)
from functions.notifications.messages import BadAddress, Envelope, compose

WHEN = datetime(2026, 3, 14, 9, 41, tzinfo=UTC)
LINKS = Links(
    "https://shop.example",
    "https://shop.example/en/reset-password?token=t0ken",
    "https://shop.example/en/unsubscribe?token=t0ken",
)
HEADERS = {
    *("from", "to", "subject", "date", "message-id", "auto-submitted", "content-language"),
    *("mime-version", "content-type"),
}
UNSUBSCRIBING = {"list-unsubscribe", "list-unsubscribe-post"}


def order(title: str = "Rayuela") -> Order:
    return Order(
        purchase_id=7,
        user_id=1,
        items=[Item(title=title, quantity=2, unit_price_minor=1990)],
        delivery_fee_minor=500,
        total_minor=4480,
        currency="USD",
        expires_at=WHEN,
    )


DELIVERY = Delivery(purchase_id=7, provider_name="Correo Rápido", status="Assigned", user_id=1)
PAYMENT = Payment(purchase_id=7, user_id=1, amount_minor=4480, refunded_minor=2000, currency="USD")
DEVICE = NewDevice(user_id=1, browser="Firefox", system="Linux", signed_in_at=WHEN)
FACTS: dict[Kind, msgspec.Struct] = {
    **dict.fromkeys(
        (Kind.ORDER_PLACED, Kind.ORDER_PAID, Kind.ORDER_CANCELLED, Kind.ORDER_EXPIRED), order()
    ),
    **dict.fromkeys((Kind.ORDER_ON_ITS_WAY, Kind.ORDER_DELIVERED, Kind.DELIVERY_FAILED), DELIVERY),
    Kind.ORDER_REFUNDED: PAYMENT,
    Kind.PASSWORD_RESET: PasswordReset(reset_id=3, user_id=1, expires_at=WHEN),
    Kind.NEW_DEVICE: DEVICE,
    Kind.REVIEW_REQUEST: ReviewRequest(
        purchase_id=7,
        books=[Book(book_id=5, title="Rayuela"), Book(book_id=6, title="<b>Ficciones</b>")],
    ),
}


def composed(
    kind: Kind,
    *,
    email: str = "ana@example.com",
    name: str | None = "Ana",
    language: str = "en",
    facts: msgspec.Struct | None = None,
) -> Envelope:
    recipient = Recipient(email, name, language)
    encoded = msgspec.json.encode(FACTS[kind] if facts is None else facts)
    return compose(
        content_of(kind, encoded, recipient, LINKS),
        recipient,
        sender="Bookstore <shop@bookstore.example>",
        message_id="0190b5a4",
        written_at=WHEN,
    )


def read(envelope: Envelope) -> EmailMessage:
    """The message as the receiving side reads it."""
    message = message_from_bytes(envelope.message.as_bytes(), policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    content: str = found.get_content()
    return content


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, _: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize("kind", Kind)
def test_each_kind_says_the_same_in_both_parts(kind: Kind, language: str) -> None:
    """Every line of the text is in the HTML, which asks no host for anything."""
    message = read(composed(kind, language=language))
    html = _Tags()
    html.feed(part(message, "html"))
    shown = " ".join(html.text.split())
    lines = [" ".join(line.split()) for line in part(message, "plain").splitlines()]
    words = [line for line in lines if not line.startswith(("http", "--"))]
    said = [each for line in words for each in line.split(": ")]

    assert [each for each in said if each.rstrip(":") not in shown] == []
    assert html.tags.isdisjoint({"img", "script", "link", "iframe", "form", "style"})
    assert message["content-language"] == language
    assert message["from"] == "Bookstore <shop@bookstore.example>"


def test_an_order_lists_what_it_costs() -> None:
    """In the recipient's language, as CLDR writes amounts."""
    english = part(read(composed(Kind.ORDER_PAID)), "plain")
    spanish = part(read(composed(Kind.ORDER_PAID, language="es")), "plain")

    assert "2 × Rayuela: $39.80" in english
    assert "Total: $44.80" in english
    assert "https://shop.example/en/orders/7" in english
    assert "Envío: USD" in spanish
    assert "Hola, Ana:" in spanish


def test_a_request_for_reviews_leads_to_the_page_of_each_book() -> None:
    """In the recipient's language, and in both parts; a title is no markup."""
    for language in ("en", "es"):
        message = read(composed(Kind.REVIEW_REQUEST, language=language))
        plain, html = part(message, "plain"), part(message, "html")
        plain = plain.replace("\r\n", "\n")

        for number, title in ((5, "Rayuela"), (6, "<b>Ficciones</b>")):
            url = f"https://shop.example/{language}/books/{number}"
            assert f"{title}:\n{url}\n" in plain
            assert f'<a href="{url}"' in html
    assert "<b>Ficciones" not in html


def test_a_partial_refund_names_both_amounts() -> None:
    """A whole one names one."""
    partly = part(read(composed(Kind.ORDER_REFUNDED)), "plain")
    whole = msgspec.structs.replace(PAYMENT, refunded_minor=4480)
    wholly = part(read(composed(Kind.ORDER_REFUNDED, facts=whole)), "plain")

    assert "Of the $44.80 that you paid we refund $20.00 in total." in partly
    assert "We refund the $44.80 that you paid." in wholly


@pytest.mark.parametrize("kind", Kind)
def test_only_updates_of_deliveries_and_requests_for_reviews_can_be_ended(kind: Kind) -> None:
    """By one click, whose address is https in production."""
    names = {name.lower() for name in read(composed(kind))}
    optional = kind in {Kind.ORDER_ON_ITS_WAY, Kind.ORDER_DELIVERED, Kind.DELIVERY_FAILED}
    optional = optional or kind is Kind.REVIEW_REQUEST

    assert names == (HEADERS | UNSUBSCRIBING if optional else HEADERS)


def test_a_repeated_mail_has_the_same_headers() -> None:
    """So that a server can drop the second one."""
    first, second = (composed(Kind.ORDER_PAID).message for _ in range(2))

    assert first["message-id"] == "<0190b5a4@bookstore.example>"
    for name in ("message-id", "date", "subject", "to"):
        assert first[name] == second[name]


@given(name=st.text(max_size=200), title=st.text(min_size=1, max_size=200))
def test_what_people_type_adds_no_header_and_no_markup(name: str, title: str) -> None:
    """Neither a name nor a title: any characters, line ends and surrogates among them."""
    facts = order(title.encode("utf-8", "replace").decode())
    name = name.encode("utf-8", "replace").decode()
    message = read(composed(Kind.ORDER_PAID, name=name, facts=facts))
    html = _Tags()
    html.feed(part(message, "html"))

    names = [name.lower() for name in message]

    assert sorted(names) == sorted(HEADERS)
    assert [address for _, address in getaddresses([str(message["to"])])] == ["ana@example.com"]
    assert message["subject"] == "Your order 7 is paid"
    assert html.tags == {*("html", "head", "meta", "title", "body", "table", "tr", "td", "p", "a")}


@pytest.mark.parametrize(
    "name",
    ["Ana\r\nBcc: thief@example.com", "Ana\nX: y", "Ana\x00", "<thief@example.com>", '",'],
)
def test_a_name_stays_a_name(name: str) -> None:
    """Also one that looks like a header or an address."""
    envelope = composed(Kind.ORDER_PAID, name=name)
    (found,) = read(envelope)["to"].addresses

    assert (found.addr_spec, envelope.recipient) == ("ana@example.com", "ana@example.com")
    assert b"\nBcc:" not in envelope.message.as_bytes()


SPECIALS = '()<>[]:;@\\,."'


PIECES = st.lists(st.sampled_from([*SPECIALS, *" ?=a", "=?utf-8?q?=2C?=", "ñ"]), max_size=12).map(
    "".join
)


@given(before=PIECES, after=PIECES)
def test_a_long_name_is_one_name(before: str, after: str) -> None:
    """A header is folded at 78 characters; what separates recipients separates none there."""
    name = f"{before}{'Amigos del Libro ' * 4}{after}"
    (found,) = read(composed(Kind.ORDER_PAID, name=name))["to"].addresses

    assert found.addr_spec == "ana@example.com"


def test_a_name_has_no_signs_in_its_header() -> None:
    """The greeting has them."""
    message = read(composed(Kind.ORDER_PAID, name='Amigos del Libro, S.A. ("Lima")'))

    assert str(message["to"]) == "Amigos del Libro S A Lima <ana@example.com>"
    assert 'Hello Amigos del Libro, S.A. ("Lima"),' in part(message, "plain")


@pytest.mark.parametrize(
    ("email", "recipient"),
    [
        ("ana@ñandú.example", "ana@xn--and-6ma2c.example"),
        ("josé@example.com", "josé@example.com"),
        ("josé@ñandú.example", "josé@xn--and-6ma2c.example"),
        ("o'brien+x@example.com", "o'brien+x@example.com"),
    ],
)
def test_addresses_of_every_script_are_understood(email: str, recipient: str) -> None:
    """The domain as DNS has it; a local part that is not ASCII stays, for SMTPUTF8."""
    envelope = composed(Kind.ORDER_PAID, email=email)

    assert envelope.recipient == recipient
    assert (envelope.message.policy is policy.SMTPUTF8) is not recipient.isascii()
    assert recipient in str(read(envelope)["to"])


@pytest.mark.parametrize(
    "email",
    ["", "ana", "@example.com", "ana@", "a\nb@example.com", "ana@exa mple.com", "a@-.\ud800"],
)
def test_a_malformed_address_is_refused(email: str) -> None:
    """The mail is put aside; the reason does not show the address."""
    with pytest.raises(BadAddress) as refused:
        composed(Kind.ORDER_PAID, email=email)

    assert str(refused.value) == "the address is malformed"


@pytest.mark.parametrize(
    ("browser", "system", "words"),
    [
        ("Firefox", "Linux", "with Firefox on Linux"),
        ("Firefox", "", "with Firefox, "),
        ("", "Linux", "on Linux"),
        ("", "", "from a new device"),
    ],
)
def test_a_new_device_is_named_as_far_as_it_is_known(browser: str, system: str, words: str) -> None:
    """With the time in UTC, which is the same everywhere."""
    facts = msgspec.structs.replace(DEVICE, browser=browser, system=system)
    text = part(read(composed(Kind.NEW_DEVICE, facts=facts)), "plain")

    assert words in text
    assert "14 Mar 2026, 9:41 UTC" in text
    assert "https://shop.example/en/forgot-password" in text


BIDI_CONTROLS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("שלום 2", "\u2068שלום 2\u2069"),
        ("1984 (رواية)", "\u20681984 (رواية)\u2069"),
        ("Rayuela\u202e", "Rayuela"),
        (f"Ray{BIDI_CONTROLS}uela", "Rayuela"),
        (f"ש{BIDI_CONTROLS}לום", "\u2068שלום\u2069"),
        ("Война и мир", "Война и мир"),
    ],
)
def test_a_title_moves_nothing_beside_it(title: str, shown: str) -> None:
    """An amount after a Hebrew title would be shown before it; a control would turn it round."""
    facts = msgspec.json.encode(order(title))
    recipient = Recipient("ana@example.org", title, "en")
    content = content_of(Kind.ORDER_PAID, facts, recipient, LINKS)

    assert content.items[0].label == f"2 × {shown}"
    assert content.greeting == f"Hello {shown},"


def test_names_of_others_move_nothing_beside_them() -> None:
    """Of a delivery provider, and of books to review."""
    recipient = Recipient("ana@example.org", "Ana", "en")
    delivery = msgspec.structs.replace(DELIVERY, provider_name="دي إتش إل\u202e")
    asked = ReviewRequest(purchase_id=7, books=[Book(book_id=5, title="שלום")])
    sent = content_of(Kind.ORDER_DELIVERED, msgspec.json.encode(delivery), recipient, LINKS)
    request = content_of(Kind.REVIEW_REQUEST, msgspec.json.encode(asked), recipient, LINKS)

    assert sent.paragraphs[0].startswith("\u2068دي إتش إل\u2069 has delivered")
    assert request.links[0].label == "\u2068שלום\u2069"
