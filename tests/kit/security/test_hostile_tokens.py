"""Forged and manipulated tokens are refused as invalid."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from functions.kit.security.verifier import MAX_TOKEN
from tests.support.tokens import Issuer

Make = Callable[[Issuer], str]


def part(content: object) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def header_of(issuer: Issuer, **members: Any) -> dict[str, Any]:
    header = {"alg": "EdDSA", "typ": "at+jwt", "kid": issuer.kid, **members}
    return {name: value for name, value in header.items() if value is not None}


def signed(issuer: Issuer, header: object, payload: object | None = None) -> str:
    """A token with any header, truly signed by the shop's key."""
    claims = issuer.claims(issuer.token()) if payload is None else payload
    message = f"{part(header)}.{part(claims)}"
    return f"{message}.{part(issuer.private_key.sign(message.encode()))}"


def hs256(issuer: Issuer, secret: bytes) -> str:
    """RFC 8725, section 2.1: the public key, which anybody has, as an HMAC's secret."""
    message = f"{part(header_of(issuer, alg='HS256'))}.{part(issuer.claims(issuer.token()))}"
    return f"{message}.{part(hmac.digest(secret, message.encode(), hashlib.sha256))}"


def foreign(issuer: Issuer, key: Any, algorithm: str, **header: Any) -> str:
    claims = issuer.claims(issuer.token())
    return jwt.encode(claims, key, algorithm, headers=header_of(issuer, alg=algorithm, **header))


def pem(issuer: Issuer) -> bytes:
    return issuer.private_key.public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )


def raw(issuer: Issuer) -> bytes:
    return issuer.private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def own_key(issuer: Issuer) -> dict[str, Any]:
    """A JWK of the attacker's, under the shop's key id."""
    return Issuer(issuer.clock, kid=issuer.kid).jwk


def with_own_key(issuer: Issuer, **header: Any) -> str:
    return foreign(issuer, Ed25519PrivateKey.generate(), "EdDSA", **header)


def claim(**claims: Any) -> Make:
    return lambda issuer: issuer.token(**claims)


def header(**members: Any) -> Make:
    return lambda issuer: signed(issuer, header_of(issuer, **members))


def payload(change: Callable[[dict[str, Any]], object]) -> Make:
    """Claims that Python's own encoder would not write."""
    return lambda issuer: signed(issuer, header_of(issuer), change(issuer.claims(issuer.token())))


def swapped(issuer: Issuer) -> str:
    """The signature of one token under the claims of another."""
    head, _, signature = issuer.token(1).split(".")
    return f"{head}.{issuer.token(2, 'admin').split('.')[1]}.{signature}"


FORGED: dict[str, Make] = {
    "alg none": lambda it: f"{part(header_of(it, alg='none'))}.{part(it.claims(it.token()))}.",
    "alg None": lambda it: f"{part(header_of(it, alg='None'))}.{part(it.claims(it.token()))}.",
    "alg missing": header(alg=None),
    "alg lower case": header(alg="eddsa"),
    "alg a list": header(alg=["EdDSA"]),
    "HS256 with the PEM": lambda it: hs256(it, pem(it)),
    "HS256 with the raw key": lambda it: hs256(it, raw(it)),
    "HS256 with the JWK": lambda it: hs256(it, json.dumps(it.jwk).encode()),
    "HS256 with nothing": lambda it: hs256(it, b""),
    "HS256 with the original's secret": lambda it: hs256(it, b"supersecretkey"),
    "RS256": lambda it: foreign(it, rsa.generate_private_key(65537, 2048), "RS256"),
    "ES256": lambda it: foreign(it, ec.generate_private_key(ec.SECP256R1()), "ES256"),
    "another Ed25519 key": with_own_key,
    "own key in jwk": lambda it: with_own_key(it, jwk=own_key(it)),
    "own key at jku": lambda it: with_own_key(it, jku="http://evil.test/jwks.json"),
    "own key at x5u": lambda it: with_own_key(it, x5u="http://evil.test/cert.pem"),
    "own key in x5c": lambda it: with_own_key(it, x5c=["MIIB"]),
    "kid missing": header(kid=None),
    "kid empty": header(kid=""),
    "kid a path": header(kid="../../../../dev/null"),
    "kid SQL": header(kid="x' UNION SELECT 'AAAA"),
    "kid a URL": header(kid="http://evil.test/key"),
    "kid with a line break": lambda it: signed(it, header_of(it, kid=f"{it.kid}\n")),
    "kid too long": header(kid="k" * 65),
    "kid unknown": header(kid="unknown"),
    "kid a number": header(kid=7),
    "kid a list": header(kid=["test-key"]),
    "typ missing": header(typ=None),
    "typ JWT": header(typ="JWT"),
    "typ a list": header(typ=["at+jwt"]),
    "typ of a refresh token": header(typ="rt+jwt"),
    "crit": header(crit=["exp"], exp=1),
    "crit empty": header(crit=[]),
    "b64 false": header(b64=False, crit=["b64"]),
    "header a list": lambda it: signed(it, [header_of(it)]),
    "header no JSON": lambda it: signed(it, b"{"),
    "header nested": lambda it: signed(it, b"[" * 2000),
    "aud another": claim(aud="elsewhere"),
    "aud missing": claim(aud=None),
    "aud a number": claim(aud=7),
    "aud among others'": claim(aud=["elsewhere", "nowhere"]),
    "iss another": claim(iss="https://evil.test"),
    "iss missing": claim(iss=None),
    "iss a prefix": claim(iss="https://auth.bookstore.example.evil.test"),
    "sub missing": claim(sub=None),
    "sub a word": claim(sub="admin"),
    "sub empty": claim(sub=""),
    "sub negative": claim(sub="-1"),
    "sub zero": claim(sub="0"),
    "sub beyond any column": claim(sub=str(2**63)),
    "sub endless": claim(sub="9" * 2000),
    "sub with a space": claim(sub="1 OR 1=1"),
    "sub in other digits": claim(sub="١"),
    "sub with a line break": claim(sub="1\n"),
    "jti missing": claim(jti=None),
    "jti a number": payload(lambda claims: {**claims, "jti": 7}),
    "jti SQL": claim(jti="' OR ''='"),
    "jti too long": claim(jti="a" * 65),
    "jti with a line break": claim(jti="a\n"),
    "exp missing": claim(exp=None),
    "exp a text": payload(lambda claims: {**claims, "exp": "9999999999"}),
    "exp true": payload(lambda claims: {**claims, "exp": True}),
    "exp NaN": payload(lambda claims: {**claims, "exp": float("nan")}),
    "exp Infinity": payload(lambda claims: {**claims, "exp": float("inf")}),
    "exp huge": payload(lambda claims: {**claims, "exp": 10**30}),
    "exp far beyond": payload(lambda claims: {**claims, "exp": 10**400}),
    "exp an object": payload(lambda claims: {**claims, "exp": {}}),
    "iat missing": claim(iat=None),
    "iat a text": payload(lambda claims: {**claims, "iat": "0"}),
    "iat NaN": payload(lambda claims: {**claims, "iat": float("nan")}),
    "iat negative huge": payload(lambda claims: {**claims, "iat": -(10**30)}),
    "iat in the future": lambda it: it.token(iat=it.clock().timestamp() + 31),
    "roles missing": claim(roles=None),
    "roles a text": payload(lambda claims: {**claims, "roles": "admin"}),
    "roles an object": payload(lambda claims: {**claims, "roles": {"admin": True}}),
    "roles of lists": payload(lambda claims: {**claims, "roles": [["admin"]]}),
    "claims a list": payload(lambda claims: [claims]),
    "claims a text": payload(lambda claims: "admin"),
    "claims no JSON": payload(lambda claims: b"{"),
    "claims no UTF-8": payload(lambda claims: b"\xff"),
    "claims swapped": swapped,
    "signature missing": lambda it: it.token().rpartition(".")[0] + ".",
    "signature cut": lambda it: it.token()[:-2],
    "signature padded": lambda it: it.token() + "==",
    "signature doubled": lambda it: it.token() + it.token().rpartition(".")[2],
    "two parts": lambda it: it.token().rpartition(".")[0],
    "four parts": lambda it: it.token() + ".x",
    "five parts, as if encrypted": lambda it: it.token() + ".x.y",
    "dots": lambda it: "..",
    "one dot": lambda it: ".",
    "a word": lambda it: "token",
    "not ASCII": lambda it: it.token().replace(".", "․"),
    "NUL": lambda it: it.token() + "\x00",
    "too long": lambda it: it.token(name="x" * MAX_TOKEN),
    "the scheme of another": lambda it: "Basic YWRtaW46YWRtaW4=",
}
"""How each is made, by what is wrong with it."""


@pytest.mark.parametrize("name", FORGED)
async def test_a_hostile_token_is_refused(
    client: httpx.AsyncClient, issuer: Issuer, name: str
) -> None:
    """With 401 and the original's text, whatever the manipulation."""
    token = FORGED[name](issuer)
    headers = [(b"authorization", f"Bearer {token}".encode())]
    response = await client.get("/notes/1", headers=headers)

    assert (response.status_code, response.json()["error"]) == (401, "Token inválido")
    assert response.headers["www-authenticate"] == "Bearer"


async def test_the_unmanipulated_token_is_accepted(
    client: httpx.AsyncClient, issuer: Issuer
) -> None:
    """So the refusals above are for what is wrong with each."""
    token = signed(issuer, header_of(issuer), issuer.claims(issuer.token(1, "staff")))
    response = await client.get("/notes/1", headers={"authorization": f"Bearer {token}"})

    assert response.status_code == 200


async def test_a_duplicated_claim_gains_nothing(client: httpx.AsyncClient, issuer: Issuer) -> None:
    """Only the shop's key signs, so nobody can add a second `roles` before the first."""
    claims = json.dumps(issuer.claims(issuer.token())).encode()
    doubled = claims[:-1] + b', "roles": ["admin"]}'
    head, _, signature = issuer.token().split(".")
    response = await client.get(
        "/notes/1", headers={"authorization": f"Bearer {head}.{part(doubled)}.{signature}"}
    )

    assert response.status_code == 401
