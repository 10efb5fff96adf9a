"""The tokens that a refresh token was exchanged for, encrypted and stored in its row for `GRACE`.

The key is derived from the refresh token itself, of which auth stores only a hash (`hash_of`). The
database alone therefore cannot decrypt them; the holder of the refresh token can.
"""

import base64
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from functions.auth.commands.shared import TokenPair
from functions.auth.signing import AccessToken

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

GRACE = timedelta(seconds=30)
"""How long after its use a refresh token returns the same successor again.

Longer than a page of the storefront takes (`PAGE_TIMEOUT_SECONDS`): until its answer arrives, the
browser goes on sending the used token."""

_NONCE = 12


class _Successor(msgspec.Struct, array_like=True, frozen=True):
    access_token: str
    token_id: str
    expires_at: datetime
    refresh_token: str


def seal(refresh_token: str, pair: TokenPair) -> str:
    access = pair.access
    successor = _Successor(access.text, access.token_id, access.expires_at, pair.refresh_token)
    text = msgspec.json.encode(successor)
    nonce = secrets.token_bytes(_NONCE)
    sealed = _cipher(refresh_token).encrypt(nonce, text, None)
    return base64.b64encode(nonce + sealed).decode()


def unseal(refresh_token: str, sealed: str) -> TokenPair:
    raw = base64.b64decode(sealed)
    text = _cipher(refresh_token).decrypt(raw[:_NONCE], raw[_NONCE:], None)
    successor = msgspec.json.decode(text, type=_Successor)
    access = AccessToken(successor.access_token, successor.token_id, successor.expires_at)
    return TokenPair(access, successor.refresh_token)


def _cipher(refresh_token: str) -> "AESGCM":
    # Imported late: a cold start does not need cryptography.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

    derive = HKDF(SHA256(), 32, salt=None, info=b"bookstore/auth/successors")
    return AESGCM(derive.derive(refresh_token.encode()))
