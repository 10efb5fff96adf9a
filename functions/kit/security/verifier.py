"""Verifies access tokens: signature, claims and revocation. It cannot sign.

Keys (`remote_keys.py`) and revocations (`revocations.py`) are in the service's own database. A
request waits for auth only if its token's key is unknown. `http/guards.py` calls it.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol

from functions.kit.base.clock import Clock
from functions.kit.base.errors import Text, Unauthenticated
from functions.kit.base.money import MAX_ID
from functions.kit.security.principal import ROLES, Principal

ALGORITHM = "EdDSA"
TYPE = "at+jwt"
MAX_TOKEN = 4096
CACHED_TOKENS = 1024
"""Tokens whose verified signature is cached; each takes half a KiB."""
CLOCK_SKEW = timedelta(seconds=30)
"""How far in the future a token's `iat` may be, because the clocks of the services differ."""

ISSUED_MICROS = "iat_us"
"""Claim with the microseconds of `iat`, which has whole seconds as most clients expect. They are
needed to compare `iat` with `tokens_not_before` (`bookstore.user.disabled.v1`)."""

# Base64url without padding, which PyJWT would accept (RFC 7515, section 2).
_JWT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
_KID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_JTI = re.compile(r"[A-Za-z0-9-]{1,64}")
_SUB = re.compile(r"[1-9][0-9]{0,18}")


NOT_OURS = Text(
    "Este token no lo emitió esta tienda.",
    "This token was not issued by this shop.",
)


class TokenMissing(Unauthenticated):
    code = "token-missing"
    error = Text("Token requerido", "Token required")


class TokenInvalid(Unauthenticated):
    code = "token-invalid"
    error = Text("Token inválido", "Invalid token")


class TokenExpired(Unauthenticated):
    code = "token-expired"
    error = Text("Token expirado", "Token expired")


class TokenRevoked(Unauthenticated):
    code = "token-revoked"
    error = Text("Token invalidado", "Token revoked")


class PublicKey(NamedTuple):
    """A public key, and its end of use."""

    jwk: Mapping[str, Any]
    not_after: datetime | None = None
    """When the last token that it signed expires; None while it signs new ones."""

    def has_ended(self, now: datetime) -> bool:
        return self.not_after is not None and self.not_after <= now


class Keys(Protocol):
    """A source of public keys."""

    async def find(self, kid: str) -> Mapping[str, Any] | None:
        """The key as a JWK; None if it is unknown or its use has ended."""


IsRevoked = Callable[[Principal], Awaitable[bool]]
"""Whether a token was revoked, or its user disabled."""


class Verifier:
    """Verifies access tokens.

    Sources: RFC 9068 for the type and the claims, RFC 8725 for the checks.
    """

    def __init__(
        self, keys: Keys, is_revoked: IsRevoked, *, issuer: str, audience: str, clock: Clock
    ) -> None:
        self.keys = keys
        self.is_revoked = is_revoked
        self.issuer = issuer
        self.audience = audience
        self.clock = clock
        self._checked: dict[bytes, _Checked] = {}

    async def authenticate(self, token: str | None) -> Principal:
        """The principal of a valid token.

        Raises `TokenMissing`, `TokenInvalid`, `TokenExpired` or `TokenRevoked`.
        """
        if token is None:
            raise TokenMissing(
                Text(
                    "Envíe Authorization: Bearer <token>; lo da POST /login de auth.",
                    "Send Authorization: Bearer <token>; POST /login on auth gives one.",
                )
            )
        principal = await self.verify_signature(token)
        if principal.expires_at <= self.clock():
            raise TokenExpired(
                Text(
                    "Pida otro con POST /refresh o POST /login de auth.",
                    "Get a new one with POST /refresh or POST /login on auth.",
                )
            )
        if await self.is_revoked(principal):
            raise TokenRevoked(
                Text(
                    "Este token fue revocado. Inicie sesión de nuevo.",
                    "This token was revoked. Log in again.",
                )
            )
        return principal

    async def verify_signature(self, token: str) -> Principal:
        """The principal of a token that auth has issued; the token may be expired or revoked.

        Raises `TokenInvalid`.
        """
        # For a token in the cache only the key is looked up again. If it is the same, so is the
        # result of the verification.
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        checked = self._checked.get(digest)
        if checked is None or await self.keys.find(checked.kid) != checked.jwk:
            checked = await self._check(token)
            self._checked.pop(digest, None)
            if len(self._checked) >= CACHED_TOKENS:
                del self._checked[next(iter(self._checked))]
            self._checked[digest] = checked
        if checked.principal.issued_at > self.clock() + CLOCK_SKEW:
            raise TokenInvalid(NOT_OURS)
        return checked.principal

    async def _check(self, token: str) -> "_Checked":
        import jwt  # noqa: PLC0415 - imports cryptography, which a cold start does not need

        invalid = TokenInvalid(NOT_OURS)
        if len(token) > MAX_TOKEN or not _JWT.fullmatch(token):
            raise invalid
        try:
            header = jwt.get_unverified_header(token)
            kid = header.get("kid")
            if (
                header.get("alg") != ALGORITHM
                or str(header.get("typ")).lower() != TYPE
                or not isinstance(kid, str)
                or not _KID.fullmatch(kid)
                or "crit" in header
            ):
                raise invalid
            jwk = await self.keys.find(kid)
            if jwk is None:
                raise invalid
            claims = jwt.decode(
                token,
                key=jwt.PyJWK(dict(jwk), algorithm=ALGORITHM),
                algorithms=[ALGORITHM],
                audience=self.audience,
                issuer=self.issuer,
                options={
                    "require": ["iss", "aud", "sub", "jti", "iat", "exp"],
                    # Checked by the callers, with the injected clock.
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
            principal = _principal(claims)
        except (
            jwt.PyJWTError,
            ValueError,
            TypeError,
            OverflowError,
            RecursionError,
        ) as error:
            raise invalid from error
        return _Checked(kid, jwk, principal)


class _Checked(NamedTuple):
    """A token whose signature and claims are valid. Expiry and revocation are not part of it."""

    kid: str
    jwk: Mapping[str, Any]
    principal: Principal


def _principal(claims: Mapping[str, Any]) -> Principal:
    subject, token_id, roles = claims["sub"], claims["jti"], claims.get("roles")
    if not isinstance(subject, str) or not _SUB.fullmatch(subject) or int(subject) > MAX_ID:
        raise ValueError("sub")
    if not isinstance(token_id, str) or not _JTI.fullmatch(token_id):
        raise ValueError("jti")
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise ValueError("roles")
    if any(type(claims[name]) not in {int, float} for name in ("iat", "exp")):
        raise ValueError("iat, exp")
    issued_at = datetime.fromtimestamp(claims["iat"], UTC)
    micros = claims.get(ISSUED_MICROS, 0)
    if type(micros) is not int or not 0 <= micros < 1_000_000:
        raise ValueError(ISSUED_MICROS)
    return Principal(
        int(subject),
        frozenset(roles) & ROLES,
        token_id,
        issued_at + timedelta(microseconds=micros),
        datetime.fromtimestamp(claims["exp"], UTC),
    )
