"""The session: sealed into one cookie, so that any pod can read it and none keeps it.

`__Host-session` holds what AES-256-GCM has encrypted and authenticated (RFC 5116): tokens, the
cart of a visitor, messages for the next page, the token of a reset link. A cookie that was tampered
with, has expired or was sealed with a key that is no longer configured is an empty session.
"""

import base64
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from functions.kit.base.clock import Clock
from functions.storefront.domain.carts import Cart

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

LIFETIME = timedelta(days=30)
"""Of a session that is not used."""
RESEALED_AFTER = timedelta(days=1)
"""Age at which a cookie that is used is sealed anew, so that its lifetime begins again."""
MAX_COOKIE = 3800
"""Bytes of the value: browsers store 4096 with the name and the attributes."""
MAX_SEALED = 6000
"""Characters of a cookie that are looked at."""
MAX_MESSAGES, MAX_MESSAGE = 3, 200
"""Messages that wait for the next page, and the characters of one."""

_NONCE = 12
_CONTEXT = b"bookstore storefront session 1"


class SignedIn(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Who has signed in, with the tokens that auth gave."""

    user_id: int
    email: str
    name: str
    roles: list[str]
    access_token: str
    expires_at: float
    """Seconds since 1970."""
    refresh_token: str
    renew_at: float = 0.0
    """From when on it is renewed where auth answers; a session of before this field at once."""

    def has_role(self, *roles: str) -> bool:
        return not set(self.roles).isdisjoint(roles)


class _Stored(msgspec.Struct, array_like=True):
    """What is sealed."""

    version: int
    sealed_at: int
    language: str
    cart: list[tuple[int, int]]
    messages: list[tuple[str, str]]
    signed_in: SignedIn | None
    reset_token: str = ""  # the release before sealed sessions without it


@dataclass
class Session:
    """What the shop remembers of a visitor between two pages."""

    language: str = ""
    """The language that was chosen; empty where none was."""
    cart: Cart = field(default_factory=Cart)
    """Of a visitor who has not signed in; purchase keeps the cart of a customer."""
    messages: list[tuple[str, str]] = field(default_factory=list)
    """Kind and text of what the next page is to show once."""
    signed_in: SignedIn | None = None
    reset_token: str = ""
    """Of a link that resets a password, once it was opened."""
    outdated: bool = False
    """Whether its cookie is to be sealed anew: it is old, or sealed with the second key."""

    def tell(self, kind: str, text: str) -> None:
        """Show a message on the next page; the oldest gives way, and a long one is cut."""
        cut = text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1].rstrip() + "…"
        self.messages = [*self.messages, (kind, cut)][-MAX_MESSAGES:]


class Sessions:
    """Seals and opens sessions."""

    def __init__(self, keys: Sequence[str], clock: Clock) -> None:
        self._keys = [hashlib.sha256(key.encode()).digest() for key in keys] or [os.urandom(32)]
        self._clock = clock
        self._ciphers: dict[bytes, AESGCM] = {}

    def seal(self, session: Session) -> str:
        """The value of the cookie, of at most `MAX_COOKIE` characters.

        Where the session does not fit, its messages stay behind. Raises `ValueError` where it does
        not fit without them either.
        """
        text = self._seal(session, session.messages)
        if len(text) > MAX_COOKIE:
            text = self._seal(session, [])
        if len(text) > MAX_COOKIE:
            raise ValueError(f"a session of {len(text)} characters does not fit into a cookie")
        return text

    def _seal(self, session: Session, messages: list[tuple[str, str]]) -> str:
        stored = _Stored(
            1,
            int(self._clock().timestamp()),
            session.language,
            list(session.cart.lines.items()),
            messages,
            session.signed_in,
            session.reset_token,
        )
        content = msgspec.msgpack.encode(stored)
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._cipher(self._keys[0]).encrypt(nonce, content, _CONTEXT)
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open(self, text: str | None) -> Session:
        """The session of a cookie; an empty one where the cookie is missing or worthless."""
        opened = self._open(text) if text else None
        if opened is None:
            return Session()
        stored, key = opened
        age = self._clock().timestamp() - stored.sealed_at
        if stored.version != 1 or not -300 <= age <= LIFETIME.total_seconds():
            return Session()
        return Session(
            stored.language,
            Cart.of(stored.cart),
            list(stored.messages),
            stored.signed_in,
            stored.reset_token,
            outdated=key != self._keys[0] or age > RESEALED_AFTER.total_seconds(),
        )

    def _open(self, text: str) -> tuple[_Stored, bytes] | None:
        """What was sealed, and the key that opens it."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - with the first cookie

        if len(text) > MAX_SEALED or not text.isascii():
            return None
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except ValueError:
            return None
        nonce, content = sealed[:_NONCE], sealed[_NONCE:]
        for key in self._keys:
            try:
                opened = self._cipher(key).decrypt(nonce, content, _CONTEXT)
                return msgspec.msgpack.decode(opened, type=_Stored), key
            except (InvalidTag, ValueError, msgspec.MsgspecError):
                continue
        return None

    def _cipher(self, key: bytes) -> "AESGCM":
        if key not in self._ciphers:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

            self._ciphers[key] = AESGCM(key)
        return self._ciphers[key]
