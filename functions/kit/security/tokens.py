"""Bearer token → `Principal`, and the guards that ask for one. It verifies; it cannot sign.

Everything is decided here, from the token, the keys and the deny-list that this process can
reach (`denylist.py`): no request waits for auth, unless its key was never seen before.
"""

import asyncio
import hashlib
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from functions.kit.base.clock import Clock
from functions.kit.base.errors import Forbidden, Text, Unauthenticated
from functions.kit.base.money import MAX_ID

ALGORITHM = "EdDSA"
TYPE = "at+jwt"
MAX_TOKEN = 4096
REMEMBERED = 1024
"""Tokens whose signature need not be checked again; each takes half a KiB."""
CLOCK_SKEW = timedelta(seconds=30)
"""How far into the future a token's `iat` may lie: clocks of one shop differ."""

ISSUED_MICROS = "iat_us"
"""Claim: the microseconds of `iat`, which is whole seconds as most clients expect. A user's tokens
count from a moment on (`bookstore.user.disabled.v1`), and within a second there may be some of
before it and some of after it."""

CUSTOMER, STAFF, ADMIN = "customer", "staff", "admin"
ROLES = frozenset({CUSTOMER, STAFF, ADMIN})

# Three parts in base64url without padding, which PyJWT would take too (RFC 7515, section 2).
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


class Principal(NamedTuple):
    """Who asks: what a verified access token says."""

    user_id: int
    roles: frozenset[str]
    token_id: str
    issued_at: datetime
    expires_at: datetime

    @property
    def is_staff(self) -> bool:
        return not self.roles.isdisjoint({STAFF, ADMIN})


class PublicKey(NamedTuple):
    """A key that verifies tokens, and until when."""

    jwk: Mapping[str, Any]
    not_after: datetime | None = None
    """When the last token that it signed has expired; None while it signs."""

    def has_ended(self, now: datetime) -> bool:
        return self.not_after is not None and self.not_after <= now


class Keys(Protocol):
    """Where public keys come from."""

    async def find(self, kid: str) -> Mapping[str, Any] | None:
        """The key as a JWK, or None where nobody knows it."""


Denied = Callable[[Principal], Awaitable[bool]]
"""Whether a token was revoked, or its user shut out."""


def bearer(header: str | None) -> str | None:
    """The token of an Authorization header, with or without the word Bearer."""
    if header is None:
        return None
    scheme, _, rest = header.strip().partition(" ")
    token = rest.strip() if scheme.lower() == "bearer" else header.strip()
    return token or None


class Verifier:
    """Checks access tokens.

    Source: RFC 9068 for the type and the claims, RFC 8725 for what must not be trusted.
    """

    def __init__(
        self, keys: Keys, denied: Denied, *, issuer: str, audience: str, clock: Clock
    ) -> None:
        self.keys = keys
        self.denied = denied
        self.issuer = issuer
        self.audience = audience
        self.clock = clock
        self._checked: dict[bytes, _Checked] = {}

    async def verify(self, token: str | None) -> Principal:
        """Raises `TokenMissing`, `TokenInvalid`, `TokenExpired` or `TokenRevoked`."""
        if token is None:
            raise TokenMissing(
                Text(
                    "Envíe Authorization: Bearer <token>; lo da POST /login de auth.",
                    "Send Authorization: Bearer <token>; POST /login on auth gives one.",
                )
            )
        principal = await self.read(token)
        if principal.expires_at <= self.clock():
            raise TokenExpired(
                Text(
                    "Pida otro con POST /refresh o POST /login de auth.",
                    "Take a new one with POST /refresh or POST /login on auth.",
                )
            )
        if await self.denied(principal):
            raise TokenRevoked(
                Text(
                    "Este token fue terminado. Inicie sesión de nuevo.",
                    "This token was ended. Log in again.",
                )
            )
        return principal

    async def read(self, token: str) -> Principal:
        """What a token says that this shop has issued, though it may have ended since.

        Raises `TokenInvalid`.
        """
        # Of a token that was checked before, by its hash, only the key is looked up again: while
        # that is the same, the signature and the claims are too.
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        checked = self._checked.get(digest)
        if checked is None or await self.keys.find(checked.kid) != checked.jwk:
            checked = await self._check(token)
            self._checked.pop(digest, None)
            if len(self._checked) >= REMEMBERED:
                del self._checked[next(iter(self._checked))]
            self._checked[digest] = checked
        if checked.principal.issued_at > self.clock() + CLOCK_SKEW:
            raise TokenInvalid(NOT_OURS)
        return checked.principal

    async def _check(self, token: str) -> "_Checked":
        import jwt  # noqa: PLC0415 - brings cryptography, which a cold start need not wait for

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
                    # Looked at below, by the clock that was passed in.
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
    """A token that its key has signed; whether it has ended is asked each time."""

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


class CachedKeys:
    """Keys of another source, kept for a while, so that few requests look them up.

    A key's end counts also while it is kept here. That a key has one at all is known `keep` seconds
    after the source knows, which is sooner than any key ends: auth gives it at least the life of
    an access token, which is a minute or more, and a minute beyond.

    What nobody knows is not kept: forged key ids would fill the memory. The source bounds how
    often it asks further away (`denylist.py`).
    """

    def __init__(
        self,
        source: Callable[[str], Awaitable[PublicKey | None]],
        *,
        clock: Clock,
        keep: float = 30.0,
    ) -> None:
        self.source = source
        self.clock = clock
        self.keep = keep
        self._known: dict[str, tuple[float, PublicKey]] = {}
        self._asking: dict[str, asyncio.Task[PublicKey | None]] = {}

    async def find(self, kid: str) -> Mapping[str, Any] | None:
        until, key = self._known.get(kid, (0.0, None))
        if key is None or until <= time.monotonic():
            # All who ask for a key at once wait for one answer: a cold start meets many of them.
            asking = self._asking.get(kid)
            if asking is None:
                asking = self._asking[kid] = asyncio.create_task(self._ask(kid))
                asking.add_done_callback(lambda _: self._asking.pop(kid, None))
            key = await asyncio.shield(asking)
        return None if key is None or key.has_ended(self.clock()) else key.jwk

    async def _ask(self, kid: str) -> PublicKey | None:
        key = await self.source(kid)
        if key is None:
            self._known.pop(kid, None)
        else:
            self._known[kid] = (time.monotonic() + self.keep, key)
        return key


class TokenBucket:
    """A bounded rate with a burst."""

    def __init__(self, *, per_second: float, burst: int) -> None:
        self.per_second = per_second
        self.burst = burst
        self._left = float(burst)
        self._looked = time.monotonic()

    def take(self) -> bool:
        """Whether one more is within the rate; then it counts."""
        now = time.monotonic()
        self._left = min(self.burst, self._left + (now - self._looked) * self.per_second)
        self._looked = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Requires:
    """A guard: somebody with one of the roles, or with any valid token where none is named."""

    def __init__(self, *roles: str) -> None:
        self.roles = frozenset(roles)

    async def __call__(
        self, connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler
    ) -> None:
        verifier: Verifier = connection.app.state.verifier
        principal = await verifier.verify(bearer(connection.headers.get("authorization")))
        if self.roles and self.roles.isdisjoint(principal.roles):
            named = sorted(self.roles)
            raise Forbidden(
                Text(
                    f"Hace falta el rol {' o '.join(named)}.",
                    f"This needs the role {' or '.join(named)}.",
                )
            )
        connection.scope["user"] = principal


signed_in = Requires()
staff = Requires(STAFF, ADMIN)
admin = Requires(ADMIN)
