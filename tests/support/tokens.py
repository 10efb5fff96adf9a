"""An issuer of access tokens for tests, and a wire on which its public keys can be read."""

import json
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from functions.kit.base.clock import Clock
from functions.kit.data.database import Database
from functions.kit.events.cloudevents import Event
from functions.kit.security.remote_keys import SigningKey, record_key

ISSUER = "https://auth.bookstore.example"
AUDIENCE = "bookstore"


class Issuer:
    """Signs tokens as auth does, with a key made for this test."""

    def __init__(self, clock: Clock, kid: str = "test-key") -> None:
        self.clock = clock
        self.kid = kid
        self.private_key = Ed25519PrivateKey.generate()

    @property
    def jwk(self) -> dict[str, Any]:
        jwk = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(self.private_key.public_key()))
        return {**jwk, "kid": self.kid, "use": "sig", "alg": "EdDSA"}

    def token(
        self,
        user_id: int = 1,
        *roles: str,
        lifetime: timedelta = timedelta(minutes=15),
        headers: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """An access token; keyword arguments replace claims, None leaves one out."""
        now: datetime = self.clock()
        payload = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "jti": str(uuid.uuid4()),
            "iat": now.timestamp(),
            "exp": (now + lifetime).timestamp(),
            "roles": list(roles or ("customer",)),
            **claims,
        }
        return jwt.encode(
            {name: value for name, value in payload.items() if value is not None},
            self.private_key,
            algorithm="EdDSA",
            headers={"typ": "at+jwt", "kid": self.kid, **(headers or {})},
        )

    def bearer(self, user_id: int = 1, *roles: str, **options: Any) -> dict[str, str]:
        """The header that a caller sends."""
        return {"authorization": f"Bearer {self.token(user_id, *roles, **options)}"}

    def wire(
        self, other: Callable[[httpx.Request], httpx.Response] | None = None
    ) -> httpx.AsyncClient:
        """A client on whose wire auth answers with this issuer's keys; `other` answers the rest."""

        def answer(request: httpx.Request) -> httpx.Response:
            if request.url.path == "/.well-known/jwks.json":
                return httpx.Response(200, json={"keys": [self.jwk]})
            return other(request) if other is not None else httpx.Response(503)

        return httpx.AsyncClient(transport=httpx.MockTransport(answer))

    def claims(self, token: str) -> dict[str, Any]:
        """What one of this issuer's tokens says."""
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
        return claims

    async def make_known(self, database: Database) -> None:
        """Write the public key into a service's database, where it looks before it asks auth."""
        await record_key(
            database,
            Event(id=self.kid, source="", type="", revision=1),
            SigningKey(kid=self.kid, public_key=self.jwk),
        )
