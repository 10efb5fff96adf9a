"""Rules of accounts: what an email address is, what a password must be, how tries are counted."""

import re
import unicodedata
from collections.abc import Container, Sequence
from enum import StrEnum
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

from functions.auth.errors import EmailInvalid, PasswordRefused
from functions.kit.errors import FieldError, Text

MAX_EMAIL = 254
"""Characters; RFC 5321 with its errata."""
MAX_LOCAL_PART = 64
MIN_PASSWORD, MAX_PASSWORD = 8, 128
MIN_ADMIN_PASSWORD = 12
"""Of the first admin in production: it stands in an environment, and opens everything."""

# What browsers take in <input type=email>: the HTML standard, "valid email address".
_EMAIL = re.compile(
    r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
    r"(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*"
)


NO_EMAIL = Text(
    "no es una dirección de correo como ana@example.com, en letras de ASCII",
    "is not an email address such as ana@example.com, in letters of ASCII",
)


class Role(StrEnum):
    CUSTOMER = "customer"
    STAFF = "staff"
    ADMIN = "admin"


class Email(NamedTuple):
    """An address as it was typed, and the form in which two are the same account."""

    address: str
    key: str


def parse_email(text: str, field: str = "email") -> Email:
    """Raises `EmailInvalid`."""
    address = text.strip()
    local_part = address.partition("@")[0]
    if (
        len(address) > MAX_EMAIL
        or len(local_part) > MAX_LOCAL_PART
        or not _EMAIL.fullmatch(address)
    ):
        raise EmailInvalid(
            Text(f"{field} {NO_EMAIL.es}.", f"{field} {NO_EMAIL.en}."),
            errors=[FieldError(field, NO_EMAIL)],
        )
    return Email(address, email_key(address))


def email_key(text: str) -> str:
    """The form by which an account is found; whatever text it is, no error."""
    return text.strip().lower()


def canonical_password(password: str) -> str:
    """One form for one look: some keyboards send "ñ" as a letter, others as two.

    Source: RFC 8265, section 4.2.
    """
    return unicodedata.normalize("NFC", password)


def check_password(
    password: str,
    email: Email,
    common: Container[str],
    *,
    minimum: int = MIN_PASSWORD,
    field: str = "password",
) -> None:
    """Length and guessability, no composition rules (NIST SP 800-63B, section 5.1.1.2).

    Raises `PasswordRefused`.
    """
    text = canonical_password(password)
    folded = text.lower()
    problem = None
    if not minimum <= len(text) <= MAX_PASSWORD:
        problem = Text(
            f"debe tener de {minimum} a {MAX_PASSWORD} caracteres",
            f"must have {minimum} to {MAX_PASSWORD} characters",
        )
    elif folded in common:
        problem = Text(
            "está entre las más comunes, que se prueban primero",
            "is among the commonest, which are tried first",
        )
    elif folded in {email.key, email.key.partition("@")[0]}:
        problem = Text("no debe ser la dirección de correo", "must not be the email address")
    if problem is not None:
        raise PasswordRefused(
            Text(f"La contraseña {problem.es}.", f"The password {problem.en}."),
            errors=[FieldError(field, problem)],
        )


class Limit(NamedTuple):
    """At most so many tries in any window of so many seconds."""

    tries: int
    window: int


def seconds_to_wait(tries: Sequence[float], limit: Limit, now: float) -> float:
    """How long until one more try is allowed; 0 where it is now.

    `tries` are moments in seconds, oldest first.
    """
    recent = [moment for moment in tries if moment > now - limit.window]
    if len(recent) < limit.tries:
        return 0.0
    return recent[-limit.tries] + limit.window - now


def origin(host: str | None) -> str:
    """What one visitor can come from: an IPv4 address, or an IPv6 network of 64 bits.

    Whoever has one IPv6 address has 2**64 of them.
    """
    try:
        address = ip_address(host or "")
    except ValueError:
        return host or "unknown"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(IPv6Network((int(address), 64), strict=False))
    return str(address)
