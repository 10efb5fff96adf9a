"""Rules of accounts: email addresses, passwords, and the limits of tries."""

import re
import unicodedata
from collections.abc import Container, Sequence
from enum import StrEnum
from ipaddress import IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from functions.auth.errors import EmailInvalid, PasswordRefused
from functions.kit.base.errors import FieldError, Text

MAX_EMAIL = 254
"""Characters (RFC 5321 with its errata)."""
MIN_PASSWORD, MAX_PASSWORD = 8, 128
MIN_ADMIN_PASSWORD = 12
"""Of the first admin in production, whose password is an environment variable."""

_EMAIL_SHAPE = re.compile(r"[^\s@]+@[^\s@]+")


NO_EMAIL = Text(
    "no es una dirección de correo como ana@example.com, en letras de ASCII",
    "is not an email address such as ana@example.com, in letters of ASCII",
)


class Role(StrEnum):
    CUSTOMER = "customer"
    SELLER = "seller"
    STAFF = "staff"
    ADMIN = "admin"


class Language(StrEnum):
    """Of a mail."""

    SPANISH = "es"
    ENGLISH = "en"


class Email(NamedTuple):
    """An address as typed, and the key that is equal for addresses of the same account."""

    address: str
    key: str


def parse_email(text: str, field: str = "email", *, development: bool = False) -> Email:
    """Parse an address of any script, with an international domain or not.

    `development` also accepts domains that no internet has, such as `a@b`.
    Source: RFC 5321 and 6531, by email-validator, without DNS.
    Raises `EmailInvalid`.
    """
    address = text.strip()
    email = Email(address, email_key(address))
    reason = _email_problem(email, development=development)
    if reason is not None:
        problem = Text(
            "no es una dirección de correo, como ana@example.com",  # the reason is in English only
            f"is not an email address, such as ana@example.com: {reason}",
        )
        raise EmailInvalid(
            Text(f"{field} {problem.es}", f"{field} {problem.en}"),
            errors=[FieldError(field, problem)],
        )
    return email


def _email_problem(email: Email, *, development: bool) -> str | None:
    from email_validator import (  # noqa: PLC0415 - not needed by a cold start
        EmailNotValidError,
        validate_email,
    )

    if len(email.address) > MAX_EMAIL or len(email.key) > MAX_EMAIL:
        return f"It is longer than {MAX_EMAIL} characters."
    # A local domain (localhost, shop.test) is valid as a subdomain of another one.
    candidates = [email.address, *([f"{email.address}.example.com"] if development else [])]
    reason = None
    for address in candidates:
        try:
            validate_email(address, check_deliverability=False, strict=True)
        except EmailNotValidError as error:
            reason = reason or str(error)
        except UnicodeError:  # a surrogate, which has no encoding
            return "It has characters that cannot be encoded."
        else:
            return None
    return reason


def has_email_shape(text: str) -> bool:
    """A cheap check for a start, which has no time for `parse_email`."""
    return _EMAIL_SHAPE.fullmatch(text.strip()) is not None


def email_key(text: str) -> str:
    """The key of an account's address; defined for any text.

    Lower case, NFC, with international domains decoded: `xn--and-6ma2c.es` and `ÑANDÚ.es` have the
    same key.
    """
    folded = unicodedata.normalize("NFC", text.strip().lower())
    local_part, at, domain = folded.rpartition("@")
    if domain.isascii() and "xn--" not in domain:
        return folded
    import idna  # noqa: PLC0415 - few addresses need it

    try:
        domain = idna.decode(idna.encode(domain, uts46=True), uts46=True)
    except UnicodeError:  # idna's errors are subclasses; such a domain is compared as it is
        return folded
    return f"{local_part}{at}{domain}"


def canonical_password(password: str) -> str:
    """NFC, so that identical-looking passwords match: keyboards differ in how they send "ñ".

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
    """Check length and guessability; no composition rules (NIST SP 800-63B, section 5.1.1.2).

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
            "is one of the most common ones, which attackers try first",
        )
    elif folded in {email.key, email.key.partition("@")[0]}:
        problem = Text("no debe ser la dirección de correo", "must not be the email address")
    if problem is not None:
        raise PasswordRefused(
            Text(f"La contraseña {problem.es}.", f"The password {problem.en}."),
            errors=[FieldError(field, problem)],
        )


class TryLimit(NamedTuple):
    """At most `tries` tries in any window of `window` seconds."""

    tries: int
    window: int


def seconds_to_wait(tries: Sequence[float], limit: TryLimit, now: float) -> float:
    """Seconds until another try is allowed; 0 where it is allowed now.

    `tries` are times in seconds, oldest first.
    """
    recent = [moment for moment in tries if moment > now - limit.window]
    if len(recent) < limit.tries:
        return 0.0
    return recent[-limit.tries] + limit.window - now


def origin(host: str | None) -> str:
    """The client's IPv4 address, or its IPv6 /64 network: a client has all addresses of a /64."""
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
"""Prefix length of a site's IPv6 network: providers assign a /48 or a /56."""
ADDRESSES_OF_NETWORK = 4
"""A site may make as many tries as this number of addresses."""


def network(host: str | None) -> str | None:
    """The /48 network of an IPv6 client: a site with one has 65,536 /64 networks. None for IPv4."""
    try:
        address = ip_address(host or "")
    except ValueError:
        return None
    if not isinstance(address, IPv6Address) or address.ipv4_mapped is not None:
        return None
    return str(IPv6Network((int(address), NETWORK), strict=False))


class Device(NamedTuple):
    """What a sign-in shows of its device: names of families, never a version or an address."""

    browser: str
    """Such as `Firefox`; empty where it is none of `_BROWSERS`."""
    system: str
    """Such as `Android`; empty where it is none of `_SYSTEMS`."""
    region: str
    """The provider's network, which stays the same at home and mostly on the road."""


# The first that a User-Agent contains counts: browsers also claim to be the ones after them.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iOS"),
    ("iPad", "iOS"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_MAX_AGENT = 400
"""Characters of a User-Agent that are looked at."""


def device(user_agent: str | None, host: str | None) -> Device:
    """The device of a sign-in. `host` is the client's address."""
    text = (user_agent or "")[:_MAX_AGENT]
    return Device(_first(_BROWSERS, text), _first(_SYSTEMS, text), _region(host))


def _first(families: Sequence[tuple[str, str]], text: str) -> str:
    return next((name for mark, name in families if mark in text), "")


def _region(host: str | None) -> str:
    """The /16 of an IPv4 address, the /32 of an IPv6 one: about a provider in a region."""
    try:
        address = ip_address(host or "")
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    prefix = 32 if isinstance(address, IPv6Address) else 16
    return str(ip_network((address.packed, prefix), strict=False))
