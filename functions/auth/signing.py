"""The keys that sign access tokens: created here, stored encrypted, published as a JWKS.

One key is active at a time. A unique index enforces that, so replicas that start together agree. A
retired key stays published until the last token that it signed has expired.
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
from functions.auth.errors import KeyNotActive, SigningKeyUnreadable
from functions.auth.settings import AuthSettings
from functions.auth.tables import SigningKeyRow
from functions.kit.base.errors import Text
from functions.kit.base.settings import Secret
from functions.kit.data.database import Database, transactional
from functions.kit.events.outbox import Outbox
from functions.kit.security.verifier import ALGORITHM, ISSUED_MICROS, TYPE

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

logger = logging.getLogger(__name__)

MARGIN = timedelta(minutes=1)
"""How much longer than its last token a retired key is published, for logins in progress and clock
skew."""

_SEALED, _PLAIN = "aes-256-gcm:", "plain:"
_NONCE = 12
_KEY = 32


class AccessToken(NamedTuple):
    text: str
    token_id: str
    expires_at: datetime


class KeySeal:
    """AES-256-GCM with a key derived from a secret; the key's id is the associated data."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    @property
    def has_secret(self) -> bool:
        """Without a secret, keys are stored unencrypted."""
        return bool(self._secret)

    def seal(self, kid: str, private_key: bytes) -> str:
        if not self.has_secret:
            return _PLAIN + base64.b64encode(private_key).decode()
        nonce = secrets.token_bytes(_NONCE)
        sealed = self._cipher().encrypt(nonce, private_key, kid.encode())
        return _SEALED + base64.b64encode(nonce + sealed).decode()

    def unseal(self, kid: str, text: str) -> bytes:
        """Raises `SigningKeyUnreadable`."""
        if text.startswith(_PLAIN):
            return base64.b64decode(text.removeprefix(_PLAIN))
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as in _cipher

        try:
            raw = base64.b64decode(text.removeprefix(_SEALED))
            return self._cipher().decrypt(raw[:_NONCE], raw[_NONCE:], kid.encode())
        except (InvalidTag, ValueError) as error:
            logger.error(  # noqa: TRY400 - the cause is known, and a traceback would bury it
                "signing key %s was sealed under another KEY_ENCRYPTION_SECRET; restore that"
                " secret, or delete the key's row: a new key is created then, and tokens of this"
                " one are refused",
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
        # Imported late: a cold start does not need cryptography.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

        derive = HKDF(SHA256(), _KEY, salt=None, info=b"bookstore/auth/signing-keys")
        return AESGCM(derive.derive(self._secret.reveal().encode()))


class Signer:
    """Issues access tokens, and creates their keys."""

    def __init__(self, settings: AuthSettings, outbox: Outbox) -> None:
        self.seal = KeySeal(settings.key_encryption_secret)
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
        import jwt  # noqa: PLC0415 - imports cryptography, which a cold start does not need

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
        """Create the first key where there is none; concurrent processes create only one."""
        if await _active_key(database) is None:
            try:
                await _create_key(database, self, now)
            except Exception as error:
                if not database.is_duplicate(error):
                    raise

    async def check_key(self, database: Database) -> None:
        """Raises `SigningKeyUnreadable` where the active key cannot be unsealed."""
        row = await _active_key(database)
        if row is not None:
            self.seal.unseal(row["kid"], row["private_key"])

    async def _signing_key(self, database: Database, now: datetime) -> tuple[str, Any]:
        # Read each time: another replica may have retired the key.
        while (row := await _active_key(database)) is None:
            await self.ensure_key(database, now)
        kid = row["kid"]
        if self._opened[0] != kid:
            from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
                Ed25519PrivateKey,
            )

            raw = self.seal.unseal(kid, row["private_key"])
            self._opened = (kid, Ed25519PrivateKey.from_private_bytes(raw))
        return self._opened


async def rotate_key(
    database: Database, signer: Signer, now: datetime, *, replaces: str | None = None
) -> str:
    """Activate a new key. Returns its id. The retired one verifies until its `not_after`.

    With the id of the key that it replaces, a repetition rotates nothing and returns the active
    key's id. Raises `KeyNotActive` if there is no such key.
    """
    while True:
        try:
            kid = await _rotate_key(database, signer, now, replaces)
            if kid is not None:
                return kid
        except Exception as error:
            # A concurrent rotation has activated its key; this one retires that key.
            if not database.is_duplicate(error):
                raise


@transactional
async def _rotate_key(
    database: Database, signer: Signer, now: datetime, replaces: str | None
) -> str | None:
    """None if a concurrent rotation has retired the key meanwhile, so that it must be read anew."""
    old = await _active_key(database, locked=True)
    if replaces is not None and (old is None or old["kid"] != replaces):
        known = await database.execute(
            SigningKeyRow.select(SigningKeyRow.kid).where(SigningKeyRow.kid == replaces)
        )
        if not known.rows:
            raise KeyNotActive(
                Text(
                    "Esa clave no firma. Mire en GET /admin/keys cuál firma ahora.",
                    "That key does not sign. GET /admin/keys says which one does.",
                )
            )
        # A repetition: the key was replaced before.
        return old["kid"] if old is not None else None
    if old is not None:
        not_after = now + signer.lifetime + MARGIN
        await database.execute(
            SigningKeyRow.update(
                {
                    SigningKeyRow.active: None,
                    SigningKeyRow.retired_at: now,
                    SigningKeyRow.not_after: not_after,
                }
            ).where(SigningKeyRow.kid == old["kid"])
        )
        public_key = msgspec.json.decode(old["public_jwk"])
        await signer.outbox.add(database, events.key_rotated(old["kid"], public_key, not_after))
    return await _create_key(database, signer, now)


@transactional
async def _create_key(database: Database, signer: Signer, now: datetime) -> str:
    kid, public_jwk, private_key = _new_key()
    await database.execute(
        SigningKeyRow.insert(
            SigningKeyRow(
                kid=kid,
                public_jwk=msgspec.json.encode(public_jwk).decode(),
                private_key=signer.seal.seal(kid, private_key),
                active=True,
                created_at=now,
            )
        )
    )
    await signer.outbox.add(database, events.key_rotated(kid, public_jwk, None))
    if not signer.seal.has_secret:
        logger.warning(
            "KEY_ENCRYPTION_SECRET is not set: signing key %s is stored unencrypted", kid
        )
    return kid


def _new_key() -> tuple[str, dict[str, Any], bytes]:
    """A key id, a public JWK and a private key of 32 bytes; the id is the JWK's thumbprint.

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


async def _active_key(database: Database, *, locked: bool = False) -> Mapping[str, Any] | None:
    select = SigningKeyRow.select(
        SigningKeyRow.kid, SigningKeyRow.public_jwk, SigningKeyRow.private_key
    ).where(SigningKeyRow.active.eq(True))
    rows = await database.locked(select) if locked else (await database.execute(select)).rows
    return rows[0] if rows else None


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
