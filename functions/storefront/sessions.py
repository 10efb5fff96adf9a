"""The session: sealed into cookies, so that any pod can read it and none keeps it.

A cookie holds what AES-256-GCM has encrypted and authenticated (RFC 5116). One that was tampered
with, has expired or was sealed with a key that is no longer configured counts as missing.

There are three, and an answer sets only those whose part it has changed. Answers arrive in any
order: a page that was slow would otherwise bring back the tokens or the cart that the session had
when the page was asked for.
"""

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

import msgspec

from functions.kit.base.clock import Clock
from functions.storefront.domain.carts import Cart

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

T = TypeVar("T")

LIFETIME = timedelta(days=30)
"""Of a session that is not used."""
RESEALED_AFTER = timedelta(days=1)
"""Age at which a cookie that is used is sealed anew, so that its lifetime begins again."""
MAX_COOKIE = 3800
"""Bytes of the value: browsers store 4096 with the name and the attributes."""
MAX_SEALED = 6000
"""Characters of a cookie that are looked at."""
MAX_SAME = 5
"""Cookies of one name that are looked at."""
MAX_MESSAGES, MAX_MESSAGE = 3, 200
"""Messages that wait for the next page, and the characters of one."""

_NONCE = 12


class Part(StrEnum):
    """A part of the session: the name of its cookie, which has the prefix `__Host-` on https."""

    TOKENS = "session"
    """Who has signed in, and the token of a reset link."""
    CART = "cart"
    """The cart of a visitor who has not signed in."""
    NOTES = "notes"
    """The chosen language, and messages for the next page."""

    @property
    def context(self) -> bytes:
        """Authenticated with the content, so that one cookie is never read as another."""
        return f"bookstore storefront {self} 1".encode()


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

    @property
    def mark(self) -> str:
        """Tells its tokens from others, and gives nothing of them away: for an address."""
        return hashlib.sha256(self.access_token.encode()).hexdigest()[:16]

    def has_role(self, *roles: str) -> bool:
        return not set(self.roles).isdisjoint(roles)


class _Tokens(msgspec.Struct, array_like=True):
    """What the cookie of the tokens holds.

    The release before kept the whole session in it. Its cookies are read, and what belongs to the
    other parts moves there; its pods read these, because the members are the same.
    """

    version: int
    sealed_at: int
    language: str
    cart: list[tuple[int, int]]
    messages: list[tuple[str, str]]
    signed_in: SignedIn | None
    reset_token: str = ""


class _Cart(msgspec.Struct, array_like=True):
    version: int
    sealed_at: int
    lines: list[tuple[int, int]]
    added: list[bytes]


class _Notes(msgspec.Struct, array_like=True):
    version: int
    sealed_at: int
    language: str
    messages: list[tuple[str, str]]


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
    outdated: frozenset[Part] = frozenset()
    """Parts whose cookie is to be sealed anew: it is old, or sealed with the second key."""

    def tell(self, kind: str, text: str) -> None:
        """Show a message on the next page; the oldest gives way, and a long one is cut."""
        cut = text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1].rstrip() + "…"
        self.messages = [*self.messages, (kind, cut)][-MAX_MESSAGES:]

    def content(self, part: Part) -> tuple[object, ...]:
        """What a part holds, to be compared."""
        if part is Part.TOKENS:
            return self.signed_in, self.reset_token
        if part is Part.CART:
            return tuple(self.cart.lines.items()), self.cart.added
        return self.language, tuple(self.messages)


class Sessions:
    """Seals and opens sessions."""

    def __init__(self, keys: Sequence[str], clock: Clock) -> None:
        self._keys = [hashlib.sha256(key.encode()).digest() for key in keys] or [os.urandom(32)]
        self._clock = clock
        self._ciphers: dict[bytes, AESGCM] = {}

    def seal(self, session: Session, part: Part) -> str:
        """The value of a part's cookie, of at most `MAX_COOKIE` characters; empty for an empty
        part.

        Raises `ValueError` where the part does not fit.
        """
        if session.content(part) == Session().content(part):
            return ""
        text = self._seal(session, part)
        if len(text) > MAX_COOKIE:
            raise ValueError(f"{part} of {len(text)} characters does not fit into a cookie")
        return text

    def _seal(self, session: Session, part: Part) -> str:
        now = int(self._clock().timestamp())
        stored: _Tokens | _Cart | _Notes
        if part is Part.TOKENS:
            stored = _Tokens(1, now, "", [], [], session.signed_in, session.reset_token)
        elif part is Part.CART:
            stored = _Cart(1, now, list(session.cart.lines.items()), list(session.cart.added))
        else:
            stored = _Notes(1, now, session.language, session.messages)
        content = msgspec.msgpack.encode(stored)
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._cipher(self._keys[0]).encrypt(nonce, content, part.context)
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open(self, cookies: Mapping[Part, Sequence[str]]) -> Session:
        """The session of its cookies; what is missing or worthless is empty.

        Of several cookies of one name, which other paths and domains may add, the first that opens
        counts.
        """
        session, outdated = Session(), set[Part]()
        if (tokens := self._open(cookies, Part.TOKENS, _Tokens)) is not None:
            stored, with_first_key, is_old = tokens
            session.signed_in, session.reset_token = stored.signed_in, stored.reset_token
            session.language, session.messages = stored.language, list(stored.messages)
            session.cart = Cart.of(stored.cart)
            if stored.language or stored.cart or stored.messages:
                outdated |= set(Part)
            # Old tokens are renewed when they are used. Sealed anew on any other page they could
            # overwrite the newer ones that another answer has brought.
            if not with_first_key or (is_old and stored.signed_in is None):
                outdated.add(Part.TOKENS)
        if (cart := self._open(cookies, Part.CART, _Cart)) is not None:
            kept, with_first_key, is_old = cart
            session.cart = Cart.of([*session.cart.lines.items(), *kept.lines], kept.added)
            if not with_first_key or is_old:
                outdated.add(Part.CART)
        if (notes := self._open(cookies, Part.NOTES, _Notes)) is not None:
            noted, with_first_key, is_old = notes
            session.language = noted.language or session.language
            session.messages = [*session.messages, *noted.messages][-MAX_MESSAGES:]
            if not with_first_key or is_old:
                outdated.add(Part.NOTES)
        session.outdated = frozenset(outdated)
        return session

    def _open(
        self, cookies: Mapping[Part, Sequence[str]], part: Part, kind: type[T]
    ) -> tuple[T, bool, bool] | None:
        """What was sealed, whether with the first key, and whether it is old."""
        found = (self._read(text, part, kind) for text in cookies.get(part, ())[:MAX_SAME] if text)
        return next((each for each in found if each is not None), None)

    def _read(self, text: str, part: Part, kind: type[T]) -> tuple[T, bool, bool] | None:
        opened = self._decrypted(text, part)
        if opened is None:
            return None
        content, key = opened
        try:
            version, sealed_at = msgspec.msgpack.decode(content)[:2]
            age = self._clock().timestamp() - sealed_at
            if version != 1 or not -300 <= age <= LIFETIME.total_seconds():
                return None
            stored = msgspec.msgpack.decode(content, type=kind)
        except (msgspec.MsgspecError, TypeError, ValueError):
            return None
        return stored, key == self._keys[0], age > RESEALED_AFTER.total_seconds()

    def _decrypted(self, text: str, part: Part) -> tuple[bytes, bytes] | None:
        """The content of a cookie, and the key that opens it."""
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
                return self._cipher(key).decrypt(nonce, content, part.context), key
            except (InvalidTag, ValueError):
                continue
        return None

    def _cipher(self, key: bytes) -> "AESGCM":
        if key not in self._ciphers:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

            self._ciphers[key] = AESGCM(key)
        return self._ciphers[key]
