import asyncio
import base64
import hashlib
import json
from pathlib import Path

import pytest

from functions.auth import commands
from functions.auth.errors import SigningKeyUnreadable
from functions.auth.signing import Seal
from functions.kit.base.settings import Secret
from tests.auth.service import Auth, open_auth, sqlite_url

SECRET = "a secret of thirty-two characters"


def test_a_sealed_key_opens_with_its_secret_and_its_id() -> None:
    """Another secret, another id, a changed byte: none of them opens it."""
    seal = Seal(Secret(SECRET))
    text = seal.close("kid", b"private")
    raw = bytearray(base64.b64decode(text.partition(":")[2]))
    raw[-1] ^= 1
    damaged = f"aes-256-gcm:{base64.b64encode(raw).decode()}"

    assert seal.open("kid", text) == b"private"
    assert b"private" not in base64.b64decode(text.partition(":")[2])
    for other, kid, sealed in (
        (Seal(Secret("b" + SECRET[1:])), "kid", text),
        (Seal(Secret("")), "kid", text),
        (seal, "another", text),
        (seal, "kid", damaged),
        (seal, "kid", "aes-256-gcm:"),
        (seal, "kid", "rubbish"),
    ):
        with pytest.raises(SigningKeyUnreadable):
            other.open(kid, sealed)


def test_two_seals_of_one_key_differ() -> None:
    """A nonce of its own each time."""
    seal = Seal(Secret(SECRET))

    assert seal.close("kid", b"private") != seal.close("kid", b"private")


async def test_without_a_secret_the_key_lies_open_and_that_is_said(
    auth: Auth, caplog: pytest.LogCaptureFixture
) -> None:
    """In development only; production refuses to start so."""
    await auth.call("POST", "/admin/keys/rotate", by=await auth.admin())

    rows = await auth.rows("SELECT private_key FROM signing_keys")
    assert all(row["private_key"].startswith("plain:") for row in rows)
    assert "lies unsealed in the database" in caplog.text


async def test_a_replica_with_the_secret_signs_with_the_sealed_key(database_url: str) -> None:
    """What one has sealed another opens."""
    async with open_auth(database_url, KEY_ENCRYPTION_SECRET=SECRET) as auth:
        ana = await auth.person()
        (row,) = await auth.rows("SELECT private_key FROM signing_keys")
    assert row["private_key"].startswith("aes-256-gcm:")

    async with open_auth(database_url, clock=auth.clock, KEY_ENCRYPTION_SECRET=SECRET) as restarted:
        assert await restarted.is_in(ana)
        assert (await restarted.log_in()).status_code == 200


async def test_a_wrong_secret_is_a_503_and_a_clear_line(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It runs on: tokens that were issued verify, new ones cannot be made, and the log says why."""
    async with open_auth(database_url, KEY_ENCRYPTION_SECRET=SECRET) as auth:
        ana = await auth.person()

    with pytest.raises(SigningKeyUnreadable):
        async with open_auth(database_url, KEY_ENCRYPTION_SECRET="x" * 32):
            pass
    assert "sealed under another KEY_ENCRYPTION_SECRET" in capsys.readouterr().out

    async with open_auth(database_url, clock=auth.clock, KEY_ENCRYPTION_SECRET=SECRET) as other:
        other.app.state.services.dependencies.signer.seal = Seal(Secret("x" * 32))
        response = await other.log_in()
        assert response.status_code == 503
        assert response.headers["retry-after"] == "60"
        assert response.json()["code"] == "signing-key-unreadable"
        assert await other.is_in(ana)
        assert (await other.refresh(ana.refresh_token)).status_code == 503
        other.app.state.services.dependencies.signer.seal = Seal(Secret(SECRET))
        # The refusal has used up nothing.
        assert (await other.refresh(ana.refresh_token)).status_code == 200


async def test_first_starts_at_once_agree_on_one_key(tmp_path: Path) -> None:
    """Three processes' worth of apps on an empty database."""
    url = sqlite_url(tmp_path)
    async with open_auth(url) as first, open_auth(url) as second, open_auth(url) as third:
        everybody = (first, second, third)
        await first.rows("DELETE FROM signing_keys")
        await asyncio.gather(
            *(
                auth.app.state.services.dependencies.signer.ensure_key(auth.database, auth.clock())
                for auth in everybody
            )
        )

        assert len(await first.rows("SELECT kid FROM signing_keys")) == 1


async def test_the_first_login_makes_the_key_where_there_is_none(auth: Auth) -> None:
    """Also the first look at the key set does; both are told of."""
    await auth.register()
    await auth.rows("DELETE FROM signing_keys")
    assert (await auth.log_in()).status_code == 200
    (row,) = await auth.rows("SELECT kid FROM signing_keys")
    assert (await auth.published())[-1]["subject"] == f"key/{row['kid']}"

    await auth.rows("DELETE FROM signing_keys")
    (key,) = (await auth.call("GET", "/.well-known/jwks.json")).json()["keys"]
    assert (await auth.published())[-1]["subject"] == f"key/{key['kid']}"


async def test_a_keys_id_is_its_thumbprint(auth: Auth) -> None:
    """RFC 7638: SHA-256 over the required members in order."""
    (key,) = (await auth.call("GET", "/.well-known/jwks.json")).json()["keys"]
    required = {name: key[name] for name in ("crv", "kty", "x")}
    digest = hashlib.sha256(json.dumps(required, separators=(",", ":")).encode()).digest()

    assert key["kid"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


async def test_prepare_again_changes_nothing(auth: Auth) -> None:
    """It is done at each start, and now and then."""
    before = await auth.rows("SELECT * FROM signing_keys")
    await commands.prepare(auth.database, auth.app.state.services.dependencies, auth.clock())

    assert await auth.rows("SELECT * FROM signing_keys") == before
