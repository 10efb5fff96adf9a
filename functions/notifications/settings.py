"""What notifications reads besides the variables of every service (`kit/base/settings.py`)."""

from collections.abc import Iterator
from email.utils import parseaddr
from typing import Annotated

from msgspec import Meta

from functions.kit.base.settings import Secret, ServiceSettings, Url
from functions.kit.base.urls import http_problem
from functions.notifications import smtp_url
from functions.notifications.smtp_url import OFF, SMTPServer

LOCAL_STOREFRONT = "http://127.0.0.1:8000"
"""Where `nox -s dev` serves the storefront by default."""
LOCAL_SENDER = "Bookstore <shop@bookstore.example>"


class NotificationsSettings(ServiceSettings, frozen=True, kw_only=True):
    purchase_internal_url: Url = "http://127.0.0.1:5002"
    """Where purchase's internal API is: the feed of the orders."""

    smtp_url: Secret = Secret("")
    """The server that mails are sent to: `smtps://user:password@host:465` (TLS),
    `smtp://user:password@host:587` (STARTTLS), or `smtp+plain://host:25` without either. `off`: no
    mail is sent. Empty: `off` in development; production refuses to start its internal API."""

    mail_from: str = ""
    """The sender, such as `Bookstore <shop@example.org>`. Empty, in development or with
    `SMTP_URL=off` only: an address that does not exist."""

    smtp_timeout_seconds: Annotated[float, Meta(gt=0, le=300)] = 30.0
    """How long each answer of the SMTP server may take. A mail has three times as long."""

    storefront_url: str = ""
    """Public address of the storefront, which the links in mails begin with; in production https.
    Empty, in development or with `SMTP_URL=off` only: `http://127.0.0.1:8000`."""

    @property
    def server(self) -> SMTPServer | None:
        """The SMTP server; None where no mail is sent."""
        url = self.smtp_url.reveal()
        return None if url in ("", OFF) else smtp_url.parse(url)

    @property
    def sender(self) -> str:
        return self.mail_from or LOCAL_SENDER

    @property
    def link_base(self) -> str:
        return self.storefront_url or LOCAL_STOREFRONT

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        url = self.smtp_url.reveal()
        if url not in ("", OFF):
            try:
                smtp_url.parse(url)
            except ValueError as error:
                yield f"SMTP_URL: {error}"
        if self.mail_from and not _is_sender(self.mail_from):
            yield "MAIL_FROM: must be one address, such as Bookstore <shop@example.org>"
        yield from self._storefront_problems()
        if self.production and self.exposed_api.internal and url != OFF:
            yield from self._missing()

    def _storefront_problems(self) -> Iterator[str]:
        if self.storefront_url:
            problem = http_problem(self.storefront_url, base=True)
            if problem is None and self.production and not self.storefront_url.startswith("https:"):
                problem = "must begin with https:// in production, since mails have links to it"
            if problem is not None:
                yield f"STOREFRONT_URL: {problem}"

    def _missing(self) -> Iterator[str]:
        """What a process that sends mails needs."""
        if not self.smtp_url:
            yield (
                "SMTP_URL: production needs one, such as smtps://user:password@smtp.example.org:465;"
                " `off` sends no mail"
            )
        if not self.mail_from:
            yield "MAIL_FROM: production needs one, such as Bookstore <shop@example.org>"
        if not self.storefront_url:
            yield "STOREFRONT_URL: production needs one, since mails have links to it"


def _is_sender(text: str) -> bool:
    _, address = parseaddr(text)
    local, at, domain = address.rpartition("@")
    return (
        text.isascii()
        and text.isprintable()
        and bool(local and at and domain)
        and " " not in address
    )
