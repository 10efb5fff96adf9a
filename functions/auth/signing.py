"""The keys that sign access tokens: made here, kept sealed in the database, published as a JWKS.

One key signs at a time; the table's unique index decides which, so two replicas that start
together agree. A retired key stays published until the last token that it signed has expired.
"""

import base64
import hashlib
import logging
import secrets
import uuid
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from functions.auth import events
from functions.auth.errors import SigningKeyUnreadable
from functions.auth.settings import AuthSettings
from functions.auth.tables import SigningKey
from functions.kit.base.errors import Text
from functions.kit.base.settings import Secret
from functions.kit.data.database import Database, transactional
from functions.kit.events.outbox import Outbox
from functions.kit.security.verifier import ALGORITHM, ISSUED_MICROS, TYPE

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

logger = logging.getLogger(__name__)

MARGIN = timedelta(minutes=1)
"""A retired key is published for so much longer than its last token lives: for a login that was
under way, and for clocks that differ."""

_SEALED, _PLAIN = "aes-256-gcm:", "plain:"
_NONCE = 12
_KEY = 32


class AccessToken(NamedTuple):
    text: str
    token_id: str
    expires_at: datetime


class Seal:
    """AES-256-GCM under a key derived from a secret; a key's id is bound to what is sealed."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    @property
    def locks(self) -> bool:
        """Whether there is a secret to seal with; without one a key is kept as it is."""
        return bool(self._secret)

    def close(self, kid: str, private_key: bytes) -> str:
        if not self.locks:
            return _PLAIN + base64.b64encode(private_key).decode()
        nonce = secrets.token_bytes(_NONCE)
        sealed = self._cipher().encrypt(nonce, private_key, kid.encode())
        return _SEALED + base64.b64encode(nonce + sealed).decode()

    def open(self, kid: str, text: str) -> bytes:
        """Raises `SigningKeyUnreadable`."""
        if text.startswith(_PLAIN):
            return base64.b64decode(text.removeprefix(_PLAIN))
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as in _cipher

        try:
            raw = base64.b64decode(text.removeprefix(_SEALED))
            return self._cipher().decrypt(raw[:_NONCE], raw[_NONCE:], kid.encode())
        except (InvalidTag, ValueError) as error:
            logger.error(  # noqa: TRY400 - the reason is known; a traceback would hide it
                "signing key %s was sealed under another KEY_ENCRYPTION_SECRET than the one that"
                " is set; put the old one back, or delete the key's row: then a new key is made,"
                " and the tokens of this one are refused",
                kid,
            )
            raise SigningKeyUnreadable(
                Text(
                    "No se puede emitir ningún token; el registro del servicio dice por qué.",
                    "No token can be issued; the service's log says why.",
                ),
                retry_after=60,
            ) from error

    def _cipher(self) -> "AESGCM":
        # Imported here: a cold start need not wait for cryptography.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

        derive = HKDF(SHA256(), _KEY, salt=None, info=b"bookstore/auth/signing-keys")
        return AESGCM(derive.derive(self._secret.reveal().encode()))


class Signer:
    """Makes access tokens, and the keys for them."""

    def __init__(self, settings: AuthSettings, outbox: Outbox) -> None:
        self.seal = Seal(settings.key_encryption_secret)
        self.issuer = settings.token_issuer
        self.audience = settings.token_audience
        self.lifetime = timedelta(seconds=settings.access_token_seconds)
        self.outbox = outbox
        self._opened: tuple[str, Any] = ("", None)

    async def access_token(
        self, database: Database, user_id: int, roles: Collection[str], now: datetime
    ) -> AccessToken:
        """A signed token (RFC 9068).

        Raises `SigningKeyUnreadable`.
        """
        import jwt  # noqa: PLC0415 - brings cryptography, which a cold start need not wait for

        kid, private_key = await self._signing_key(database, now)
        token_id = str(uuid.uuid4())
        expires_at = (now + self.lifetime).replace(microsecond=0)
        claims = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": str(user_id),
            "jti": token_id,
            "iat": int(now.timestamp()),
            ISSUED_MICROS: now.microsecond,
            "exp": int(expires_at.timestamp()),
            "roles": sorted(roles),
        }
        text = jwt.encode(
            claims, private_key, algorithm=ALGORITHM, headers={"typ": TYPE, "kid": kid}
        )
        return AccessToken(text, token_id, expires_at)

    async def ensure_key(self, database: Database, now: datetime) -> None:
        """Make the first key, where there is none; of several processes one makes it."""
        if await _active(database) is None:
            try:
                await _create_key(database, self, now)
            except Exception as error:
                if not database.is_duplicate(error):
                    raise

    async def check_key(self, database: Database) -> None:
        """Raises `SigningKeyUnreadable` where this process could not sign."""
        row = await _active(database)
        if row is not None:
            self.seal.open(row["kid"], row["private_key"])

    async def _signing_key(self, database: Database, now: datetime) -> tuple[str, Any]:
        # The row is read each time: another replica may have retired the key a moment ago.
        while (row := await _active(database)) is None:
            await self.ensure_key(database, now)
        kid = row["kid"]
        if self._opened[0] != kid:
            from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
                Ed25519PrivateKey,
            )

            raw = self.seal.open(kid, row["private_key"])
            self._opened = (kid, Ed25519PrivateKey.from_private_bytes(raw))
        return self._opened


async def rotate_key(database: Database, signer: Signer, now: datetime) -> str:
    """Let a new key sign from now on; answers its id. The old one verifies until `not_after`."""
    while True:
        try:
            return await _rotate_key(database, signer, now)
        except Exception as error:
            # Somebody else has just done the same, and its key is there now: take over from that.
            if not database.is_duplicate(error):
                raise


@transactional
async def _rotate_key(database: Database, signer: Signer, now: datetime) -> str:
    old = await _active(database, locked=True)
    if old is not None:
        not_after = now + signer.lifetime + MARGIN
        await database.execute(
            SigningKey.update(
                {
                    SigningKey.active: None,
                    SigningKey.retired_at: now,
                    SigningKey.not_after: not_after,
                }
            ).where(SigningKey.kid == old["kid"])
        )
        public_key = msgspec.json.decode(old["public_jwk"])
        await signer.outbox.add(database, events.key_rotated(old["kid"], public_key, not_after))
    return await _create_key(database, signer, now)


@transactional
async def _create_key(database: Database, signer: Signer, now: datetime) -> str:
    kid, public_jwk, private_key = _new_key()
    await database.execute(
        SigningKey.insert(
            SigningKey(
                kid=kid,
                public_jwk=msgspec.json.encode(public_jwk).decode(),
                private_key=signer.seal.close(kid, private_key),
                active=True,
                created_at=now,
            )
        )
    )
    await signer.outbox.add(database, events.key_rotated(kid, public_jwk, None))
    if not signer.seal.locks:
        logger.warning(
            "KEY_ENCRYPTION_SECRET is not set: signing key %s lies unsealed in the database", kid
        )
    return kid


def _new_key() -> tuple[str, dict[str, Any], bytes]:
    """An id, a public JWK and a private key in its 32 bytes; the id is the JWK's thumbprint.

    Source: RFC 8037 for the JWK, RFC 7638 for its thumbprint.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )

    private_key = Ed25519PrivateKey.generate()
    point = private_key.public_key().public_bytes_raw()
    required = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(point)}
    kid = _base64url(hashlib.sha256(msgspec.json.encode(required)).digest())
    jwk = {**required, "kid": kid, "use": "sig", "alg": ALGORITHM}
    return kid, jwk, private_key.private_bytes_raw()


async def _active(database: Database, *, locked: bool = False) -> Mapping[str, Any] | None:
    select = SigningKey.select(SigningKey.kid, SigningKey.public_jwk, SigningKey.private_key).where(
        SigningKey.active.eq(True)
    )
    rows = await database.locked(select) if locked else (await database.execute(select)).rows
    return rows[0] if rows else None


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
