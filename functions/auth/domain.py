"""Rules of accounts: what an email address is, what a password must be, how tries are counted."""

import re
import unicodedata
from collections.abc import Container, Sequence
from enum import StrEnum
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

from functions.auth.errors import EmailInvalid, PasswordRefused
from functions.kit.base.errors import FieldError, Text

MAX_EMAIL = 254
"""Characters; RFC 5321 with its errata."""
MIN_PASSWORD, MAX_PASSWORD = 8, 128
MIN_ADMIN_PASSWORD = 12
"""Of the first admin in production: it stands in an environment, and opens everything."""

_EMAIL_SHAPE = re.compile(r"[^\s@]+@[^\s@]+")


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


def parse_email(text: str, field: str = "email", *, development: bool = False) -> Email:
    """An address that mail can be sent to, in any script, with an international domain or not.

    `development` also takes domains that exist on no internet, such as `a@b`.
    Source: RFC 5321 and 6531 as email-validator reads them; no DNS is asked.
    Raises `EmailInvalid`.
    """
    address = text.strip()
    email = Email(address, email_key(address))
    reason = _email_problem(email, development=development)
    if reason is not None:
        problem = Text(
            f"no es una dirección de correo, como ana@example.com: {reason}",
            f"is not an email address, such as ana@example.com: {reason}",
        )
        raise EmailInvalid(
            Text(f"{field} {problem.es}", f"{field} {problem.en}"),
            errors=[FieldError(field, problem)],
        )
    return email


def _email_problem(email: Email, *, development: bool) -> str | None:
    from email_validator import (  # noqa: PLC0415 - a cold start need not wait for it
        EmailNotValidError,
        validate_email,
    )

    if len(email.address) > MAX_EMAIL or len(email.key) > MAX_EMAIL:
        return f"It is longer than {MAX_EMAIL} characters."
    # A name that no internet knows (localhost, shop.test) is one that could stand before another.
    tried = [email.address, *([f"{email.address}.example.com"] if development else [])]
    reason = None
    for address in tried:
        try:
            validate_email(address, check_deliverability=False, strict=True)
        except EmailNotValidError as error:
            reason = reason or str(error)
        except UnicodeError:  # a surrogate, of which there is no spelling on a wire
            return "It has characters that are no text."
        else:
            return None
    return reason


def looks_like_email(text: str) -> bool:
    """A glance at an address, for where there is no time for `parse_email`: at a start."""
    return _EMAIL_SHAPE.fullmatch(text.strip()) is not None


def email_key(text: str) -> str:
    """The form by which an account is found; whatever text it is, no error.

    Lower case, composed, and an international domain in its own script: `xn--and-6ma2c.es` and
    `ÑANDÚ.es` are one.
    """
    folded = unicodedata.normalize("NFC", text.strip().lower())
    local_part, at, domain = folded.rpartition("@")
    if domain.isascii() and "xn--" not in domain:
        return folded
    import idna  # noqa: PLC0415 - few addresses need it

    try:
        domain = idna.decode(idna.encode(domain, uts46=True), uts46=True)
    except UnicodeError:  # idna's own errors are of this kind; it is found as it is, or not at all
        return folded
    return f"{local_part}{at}{domain}"


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


NETWORK = 48
"""Bits that an IPv6 network of one site has in common: providers give out a /48 or a /56."""
ADDRESSES_OF_NETWORK = 4
"""A site may try as often as so many addresses."""


def network(host: str | None) -> str | None:
    """The network of one site that a visitor with an IPv6 address comes from.

    Whoever has a /48 has 65,536 networks of 64 bits to come from. None for IPv4.
    """
    try:
        address = ip_address(host or "")
    except ValueError:
        return None
    if not isinstance(address, IPv6Address) or address.ipv4_mapped is not None:
        return None
    return str(IPv6Network((int(address), NETWORK), strict=False))
