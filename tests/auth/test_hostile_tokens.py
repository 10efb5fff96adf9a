import base64
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.auth.service import Auth, Person, open_auth, sqlite_url

pytestmark = pytest.mark.asyncio(loop_scope="module")


def encode(part: Any) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Forger:
    """Knows a good token and the public key, as everybody may; the private key too, where a test
    asks what a claim alone is worth."""

    def __init__(self, good: str, jwk: dict[str, Any], private_key: Ed25519PrivateKey) -> None:
        self.good = good
        self.jwk = jwk
        self.private_key = private_key
        self.header: dict[str, Any] = jwt.get_unverified_header(good)
        self.claims: dict[str, Any] = jwt.decode(good, options={"verify_signature": False})

    def signed(self, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """Signed with the shop's key; None leaves a claim out."""
        changed = {**self.claims, **claims}
        body = encode({name: value for name, value in changed.items() if value is not None})
        head = {**self.header, **(header or {})}
        text = f"{encode({n: v for n, v in head.items() if v is not None})}.{body}"
        return f"{text}.{encode(self.private_key.sign(text.encode()))}"

    def foreign(self, **header: Any) -> str:
        """Signed with a key of the forger's own."""
        text = f"{encode({**self.header, **header})}.{encode(self.claims)}"
        return f"{text}.{encode(Ed25519PrivateKey.generate().sign(text.encode()))}"

    def hmac_with_public_key(self) -> str:
        text = f"{encode({**self.header, 'alg': 'HS256'})}.{encode(self.claims)}"
        secret = base64.urlsafe_b64decode(self.jwk["x"] + "=")
        return f"{text}.{encode(hmac.digest(secret, text.encode(), 'sha256'))}"

    def hmac_with_pem(self) -> str:
        pem = self.private_key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        text = f"{encode({**self.header, 'alg': 'HS256'})}.{encode(self.claims)}"
        return f"{text}.{encode(hmac.digest(pem, text.encode(), 'sha256'))}"

    def other_algorithm(self, algorithm: str) -> str:
        key: Any = (
            rsa.generate_private_key(65537, 2048)
            if algorithm == "RS256"
            else ec.generate_private_key(ec.SECP256R1())
        )
        headers = {"typ": "at+jwt", "kid": self.header["kid"]}
        return jwt.encode(self.claims, key, algorithm=algorithm, headers=headers)

    @property
    def parts(self) -> list[str]:
        return self.good.split(".")


FAR = time.time() + 10**9

FORGERIES: dict[str, Callable[[Forger], str]] = {
    "empty": lambda f: "",
    "a word": lambda f: "token",
    "two parts": lambda f: ".".join(f.parts[:2]),
    "no signature": lambda f: ".".join([*f.parts[:2], ""]),
    "four parts": lambda f: f.good + ".x",
    "cut": lambda f: f.good[:-4],
    "another's signature": lambda f: f.foreign(),
    "header changed": lambda f: ".".join([encode({**f.header, "x": 1}), *f.parts[1:]]),
    "claims changed": lambda f: ".".join(
        [f.parts[0], encode({**f.claims, "roles": ["admin"]}), f.parts[2]]
    ),
    "alg none": lambda f: f"{encode({**f.header, 'alg': 'none'})}.{encode(f.claims)}.",
    "alg None": lambda f: f"{encode({**f.header, 'alg': 'None'})}.{encode(f.claims)}.",
    "alg none, signed": lambda f: f.signed({"alg": "none"}),
    "alg missing": lambda f: f.signed({"alg": None}),
    "alg a list": lambda f: f.signed({"alg": ["EdDSA"]}),
    "alg HS256 over the public key": lambda f: f.hmac_with_public_key(),
    "alg HS256 over the PEM": lambda f: f.hmac_with_pem(),
    "alg RS256": lambda f: f.other_algorithm("RS256"),
    "alg ES256": lambda f: f.other_algorithm("ES256"),
    "typ JWT": lambda f: f.signed({"typ": "JWT"}),
    "typ missing": lambda f: f.signed({"typ": None}),
    "kid missing": lambda f: f.signed({"kid": None}),
    "kid unknown": lambda f: f.signed({"kid": "unknown"}),
    "kid a path": lambda f: f.signed({"kid": "../../etc/passwd"}),
    "kid an injection": lambda f: f.signed({"kid": "x' OR '1'='1"}),
    "kid a number": lambda f: f.signed({"kid": 7}),
    "kid very long": lambda f: f.signed({"kid": "k" * 3000}),
    "jku": lambda f: f.foreign(jku="https://evil.example/jwks.json"),
    "x5u": lambda f: f.foreign(x5u="https://evil.example/cert.pem"),
    "a jwk inside": lambda f: f.foreign(jwk=f.jwk),
    "crit": lambda f: f.signed({"crit": ["exp"]}),
    "b64 false": lambda f: f.signed({"b64": False, "crit": ["b64"]}),
    "wrong iss": lambda f: f.signed(iss="https://evil.example"),
    "no iss": lambda f: f.signed(iss=None),
    "wrong aud": lambda f: f.signed(aud="another shop"),
    "no aud": lambda f: f.signed(aud=None),
    "no sub": lambda f: f.signed(sub=None),
    "sub a name": lambda f: f.signed(sub="admin"),
    "sub negative": lambda f: f.signed(sub="-1"),
    "sub of nobody": lambda f: f.signed(sub="999"),
    "no jti": lambda f: f.signed(jti=None),
    "jti an injection": lambda f: f.signed(jti="' OR 1=1 --"),
    "no iat": lambda f: f.signed(iat=None),
    "iat in the future": lambda f: f.signed(iat=FAR, exp=FAR + 60),
    "iat a text": lambda f: f.signed(iat="now"),
    "no exp": lambda f: f.signed(exp=None),
    "exp passed": lambda f: f.signed(exp=f.claims["iat"] - 1),
    "exp a text": lambda f: f.signed(exp="9999999999"),
    "exp beyond time": lambda f: f.signed(exp=1e300),
    "exp true": lambda f: f.signed(exp=True),
    "roles a text": lambda f: f.signed(roles="admin"),
    "no roles": lambda f: f.signed(roles=None),
    "claims a list": lambda f: f"{f.parts[0]}.{encode([1])}.{f.parts[2]}",
    "claims no JSON": lambda f: f"{f.parts[0]}.{encode(b'{')}.{f.parts[2]}",
    "header nested": lambda f: f"{encode(b'[' * 900)}.{f.parts[1]}.{f.parts[2]}",
    "very long": lambda f: f.good + "A" * 5000,
}


# Signed by the shop and well formed, though they open nothing: these can be logged out.
GENUINE = {"exp passed", "sub of nobody"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def auth(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Auth]:
    """One service for all of them: a forgery changes nothing."""
    async with open_auth(sqlite_url(tmp_path_factory.mktemp("auth"))) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def forger(auth: Auth) -> tuple[Forger, Person]:
    ana = await auth.person()
    (row,) = await auth.rows("SELECT public_jwk, private_key FROM signing_keys")
    raw = base64.b64decode(row["private_key"].partition(":")[2])
    key = Ed25519PrivateKey.from_private_bytes(raw)
    return Forger(ana.token, json.loads(row["public_jwk"]), key), ana


async def test_the_unmodified_token_is_accepted(auth: Auth, forger: tuple[Forger, Person]) -> None:
    """The unmodified token is accepted, so that the refusals below prove something."""
    forged, ana = forger

    assert await auth.is_in(ana)
    assert await auth.is_in(ana._replace(token=forged.signed()))
    assert datetime.fromtimestamp(forged.claims["iat"]).timestamp() == forged.claims["iat"]  # noqa: DTZ006


@pytest.mark.parametrize("name", FORGERIES)
async def test_a_forged_token_is_refused(
    auth: Auth, forger: tuple[Forger, Person], name: str
) -> None:
    """401 at a guarded route and at `/validate`, 400 at `/logout`."""
    forged, ana = forger
    token = FORGERIES[name](forged)
    guarded = await auth.call("GET", "/me", authorization=f"Bearer {token}")
    validated = await auth.call("POST", "/validate", {"token": token})

    assert guarded.status_code == 401
    assert guarded.headers["www-authenticate"] == "Bearer"
    assert validated.status_code == (401 if token else 400)
    if name not in GENUINE:
        logged_out = await auth.call("POST", "/logout", {"token": token})
        assert logged_out.status_code == 400
    assert await auth.is_in(ana)


async def test_a_token_signed_before_the_password_changed_is_refused(
    auth: Auth, forger: tuple[Forger, Person]
) -> None:
    """Its `iat` decides, although its `jti` is unknown."""
    forged, ana = forger
    stray = ana._replace(token=forged.signed(jti="never-issued-1"))
    assert await auth.is_in(stray)
    auth.clock.advance(microseconds=1)
    body = {"current_password": "una frase bastante larga", "new_password": "otra bastante larga"}
    await auth.call("POST", "/me/password", body, by=ana)

    assert not await auth.is_in(stray)
