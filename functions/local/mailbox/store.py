"""The mails that arrived, in memory: the newest of them, as text.

They are gone with the process. Nothing is written, because a mail may have a link that resets a
password.
"""

from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import NamedTuple

MAX_MAILS = 200
MAX_BYTES = 1024 * 1024
"""Of one mail."""


class Summary(NamedTuple):
    number: int
    received_at: datetime
    sender: str
    recipients: tuple[str, ...]
    subject: str


class Mail(NamedTuple):
    summary: Summary
    headers: tuple[tuple[str, str], ...]
    text: str
    html: str
    """Empty where the mail has no HTML part."""


def now() -> datetime:
    return datetime.now(UTC)


class Store:
    """At most `MAX_MAILS`; a new one takes the place of the oldest."""

    def __init__(self, clock: Callable[[], datetime] = now) -> None:
        self._mails: OrderedDict[int, Mail] = OrderedDict()
        self._clock = clock
        self._last = 0

    def add(self, recipients: tuple[str, ...], content: bytes) -> int:
        """The number of the mail. A part that cannot be decoded is shown as far as it can be."""
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)  # noqa: S101 - what this policy makes
        self._last += 1
        headers = tuple((name, _header(message, name)) for name in dict.fromkeys(message.keys()))
        found = {name.lower(): value for name, value in headers}
        summary = Summary(
            self._last,
            self._clock(),
            found.get("from", ""),
            recipients,
            found.get("subject", ""),
        )
        mail = Mail(summary, headers, _part(message, "plain"), _part(message, "html"))
        self._mails[self._last] = mail
        while len(self._mails) > MAX_MAILS:
            self._mails.popitem(last=False)
        return self._last

    def listing(self) -> list[Summary]:
        """Newest first."""
        return [mail.summary for mail in reversed(self._mails.values())]

    def get(self, number: int) -> Mail | None:
        return self._mails.get(number)


def _header(message: EmailMessage, name: str) -> str:
    try:
        return ", ".join(str(value) for value in message.get_all(name, []))
    except Exception:  # noqa: BLE001 - the parser of headers raises anything for a broken one
        return "?"


def _part(message: EmailMessage, kind: str) -> str:
    """The first part of a kind; empty where there is none."""
    for part in message.walk():
        if part.get_content_type() == f"text/{kind}" and not part.is_multipart():
            payload = part.get_payload(decode=True)
            body = payload if isinstance(payload, bytes) else b""
            try:
                return body.decode(part.get_content_charset("utf-8"), "replace")
            except (LookupError, ValueError):  # no charset, or a codec that is strict
                return body.decode("utf-8", "replace")
    return ""
