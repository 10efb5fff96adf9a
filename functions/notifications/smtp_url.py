"""Reads `SMTP_URL`: where mails are sent, and how the connection is protected.

| scheme | port | protection |
| --- | --- | --- |
| `smtps://` | 465 | TLS from the first byte |
| `smtp://` | 587 | STARTTLS, without which nothing is sent |
| `smtp+plain://` | 25 | none, for a relay in the same network; without a password |
"""

from enum import StrEnum
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

OFF = "off"
"""The value of `SMTP_URL` with which no mail is sent."""


class Protection(StrEnum):
    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"


class SMTPServer(NamedTuple):
    host: str
    port: int
    protection: Protection
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"SMTPServer({self.host}:{self.port}, {self.protection})"


_SCHEMES = {
    "smtps": (Protection.TLS, 465),
    "smtp": (Protection.STARTTLS, 587),
    "smtp+plain": (Protection.NONE, 25),
}


def parse(url: str) -> SMTPServer:
    """Raises `ValueError`, whose text has no part of the URL that may be a password."""
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in _SCHEMES:
        raise ValueError(
            "must begin with smtps:// (TLS), smtp:// (STARTTLS) or smtp+plain:// (neither), or be"
            f" `{OFF}`"
        )
    if any(not "\x21" <= character <= "\x7e" for character in url):
        raise ValueError("has a space or another character that is not allowed in a URL")
    protection, default_port = _SCHEMES[scheme]
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(
            "has a host or a port that cannot be read; write `/`, `@`, `:` and `%` of a password as"
            " %2F, %40, %3A and %25"
        ) from None
    if not parts.hostname or port == 0 or parts.netloc.endswith(":"):
        raise ValueError("must name a host, such as smtps://user:password@smtp.example.org:465")
    if parts.path not in ("", "/") or "?" in url or "#" in url:
        raise ValueError(
            "must end after the port; write `/`, `?` and `#` of a password as %2F etc."
        )
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if bool(user) != bool(password):
        raise ValueError("needs both a user and a password, or neither")
    if protection is Protection.NONE and password:
        raise ValueError(
            "smtp+plain:// would send the password unencrypted: use smtp:// or smtps://"
        )
    return SMTPServer(parts.hostname, port or default_port, protection, user, password)
