"""A mail as it is sent: headers, a text part and an HTML part (RFC 5322, 2046, 6532).

What people have chosen, such as their name, reaches one header only: the address of the recipient.
Control characters, and those that have a meaning in an address, are taken out of it before.
"""

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parseaddr
from typing import NamedTuple

from functions.notifications.domain import Recipient
from functions.notifications.rendering import Content, render

MAX_NAME = 100
"""Characters of a name in a header."""

# What has a meaning in an address (RFC 5322, section 3.2.3, `specials`) or makes an encoded word
# (RFC 2047). In quotation marks it would be a part of the name, but Python 3.11 leaves those out
# where it folds a long name, and a comma then separates two recipients.
_SPECIALS = str.maketrans(dict.fromkeys('()<>[]:;@\\,."=?', " "))


class BadAddress(ValueError):
    """An address that no mail can be sent to; the text is the reason, without the address."""


class Envelope(NamedTuple):
    """A message, and whom the SMTP server is told that it is from and for."""

    message: EmailMessage
    sender: str
    recipient: str


def compose(
    content: Content,
    recipient: Recipient,
    *,
    sender: str,
    message_id: str,
    written_at: datetime,
) -> Envelope:
    """The same arguments give the same headers, so that a server can recognise a repeated mail.

    Raises `BadAddress`.
    """
    address = _address(recipient)
    sender_name, sender_address = parseaddr(sender)
    # Without SMTPUTF8 a name is encoded (RFC 2047); only a local part cannot be.
    policy = SMTP if address.addr_spec.isascii() else SMTPUTF8
    message = EmailMessage(policy=policy)
    message["From"] = Address(sender_name, addr_spec=sender_address)
    message["To"] = address
    message["Subject"] = _one_line(content.subject)
    message["Date"] = format_datetime(written_at)
    message["Message-ID"] = f"<{message_id}@{sender_address.rpartition('@')[2]}>"
    # No answer of a machine (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    if content.unsubscribe_url:
        # One click in the mail program (RFC 8058).
        message["List-Unsubscribe"] = f"<{content.unsubscribe_url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(render(content, recipient.language, "txt"))
    message.add_alternative(render(content, recipient.language, "html"), subtype="html")
    message["Content-Language"] = recipient.language  # last, because `set_content` clears it
    return Envelope(message, sender_address, address.addr_spec)


def _address(recipient: Recipient) -> Address:
    """Raises `BadAddress`."""
    local_part, at, domain = recipient.email.rpartition("@")
    has_blanks = len(recipient.email.split()) != 1 or not recipient.email.isprintable()
    if not (local_part and at and domain) or has_blanks:
        raise BadAddress("the address is malformed")
    try:
        name = _one_line((recipient.name or "").translate(_SPECIALS))[:MAX_NAME]
        return Address(name, username=local_part, domain=_ascii_domain(domain))
    except (ValueError, UnicodeError, IndexError) as error:
        raise BadAddress("the address is malformed") from error


def _ascii_domain(domain: str) -> str:
    """The domain as DNS has it. Raises `UnicodeError`."""
    if domain.isascii():
        return domain
    import idna  # noqa: PLC0415 - few addresses need it

    encoded: bytes = idna.encode(domain, uts46=True)
    return encoded.decode("ascii")


def _one_line(text: str) -> str:
    """The text without control characters and surrogates; blanks are one space each."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
