"""A connection to the SMTP server, and what its answers mean for a mail.

A server that refuses one recipient or one message for good (5xx) has decided: the mail is put
aside. What concerns the connection, the login or the sender would meet every mail: they wait, and
an operator hears of it by their age.

The text of an answer is kept with the mail and logged, so `readable` takes out whom it names.
"""

import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from functions.notifications.messages import Envelope
from functions.notifications.smtp_url import Protection, SMTPServer

if TYPE_CHECKING:
    import aiosmtplib

PERMANENT = 500
"""The first code of a final refusal (RFC 5321, section 4.2.1)."""

MAX_REASON = 500
"""Characters of an answer that are kept."""

_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"']+@[^\s<>()\[\],;:\"']+")
_SHORTEST_NAME = 3
"""Characters of a local part that is taken out where it stands alone: a shorter one is in words
such as `no` too."""


class MailRefused(Exception):
    """The server has refused this mail for good; the text is its reason."""


class MailDeferred(Exception):
    """The server cannot take this mail now, but maybe others; the text is its reason."""


class ServerAway(Exception):
    """The server takes no mail at the moment; the text says why."""


@asynccontextmanager
async def connected(server: SMTPServer, timeout: float) -> AsyncIterator["aiosmtplib.SMTP"]:  # noqa: ASYNC109 - of each answer
    """A connection that is encrypted and logged in, as the server's settings ask for.

    Raises `ServerAway`.
    """
    import aiosmtplib  # noqa: PLC0415 - with the first mail

    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        username=server.user or None,
        password=server.password or None,
        use_tls=server.protection is Protection.TLS,
        start_tls=server.protection is Protection.STARTTLS,
        timeout=timeout,
    )
    try:
        await client.connect()
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        client.close()
        raise ServerAway(_reason(error)) from error
    try:
        yield client
    finally:
        client.close()


async def send(client: "aiosmtplib.SMTP", envelope: Envelope) -> None:
    """Hand a mail over; it is accepted once this returns.

    Raises `MailRefused`, `MailDeferred` or `ServerAway`.
    """
    import aiosmtplib  # noqa: PLC0415 - loaded already

    try:
        await client.send_message(
            envelope.message, sender=envelope.sender, recipients=[envelope.recipient]
        )
    except aiosmtplib.SMTPRecipientsRefused as error:
        refusal = error.recipients[0]
        _decide(refusal.code, readable(refusal.message, envelope.recipient))
    except aiosmtplib.SMTPDataError as error:
        _decide(error.code, readable(error.message, envelope.recipient))
    except aiosmtplib.SMTPNotSupported:
        raise MailRefused("the server does not take addresses with such letters") from None
    except (aiosmtplib.SMTPException, OSError, ssl.SSLError) as error:
        raise ServerAway(_reason(error, envelope.recipient)) from None


def readable(answer: str, recipient: str = "") -> str:
    """An answer of a server on one line, without addresses and without the recipient's local part.

    `answer` is as aiosmtplib decodes it: bytes that are not UTF-8 are surrogates. Such bytes are
    read as Latin-1, which servers that answer in their own language mostly mean.
    """
    raw = answer.encode("utf-8", "surrogateescape")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    text = _ADDRESS.sub("[address]", text)
    local_part = recipient.rpartition("@")[0]
    if len(local_part) >= _SHORTEST_NAME:
        whole = rf"(?<!\w){re.escape(local_part)}(?!\w)"
        text = re.sub(whole, "[address]", text, flags=re.IGNORECASE)
    return text[:MAX_REASON]


def _decide(code: int, message: str) -> None:
    # Not chained to aiosmtplib's error: a traceback would show its text, with the address.
    reason = f"{code} {message}".rstrip()
    if code >= PERMANENT:
        raise MailRefused(reason) from None
    raise MailDeferred(reason) from None


def _reason(error: Exception, recipient: str = "") -> str:
    code = getattr(error, "code", None)
    message = getattr(error, "message", None) or str(error) or type(error).__name__
    text = readable(str(message), recipient)
    return f"{code} {text}".rstrip() if code is not None and code > 0 else text
