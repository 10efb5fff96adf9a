import asyncio
import base64
import hashlib
import json
from pathlib import Path

import pytest

from functions.auth import commands
from functions.auth.errors import SigningKeyUnreadable
from functions.auth.signing import KeySeal
from functions.kit.base.settings import Secret
from tests.auth.service import Auth, open_auth, sqlite_url

SECRET = "a secret of thirty-two characters"


def test_a_sealed_key_is_unsealed_with_its_secret_and_id() -> None:
    """Another secret, another id or a changed byte fails."""
    seal = KeySeal(Secret(SECRET))
    text = seal.seal("kid", b"private")
    raw = bytearray(base64.b64decode(text.partition(":")[2]))
    raw[-1] ^= 1
    damaged = f"aes-256-gcm:{base64.b64encode(raw).decode()}"

    assert seal.unseal("kid", text) == b"private"
    assert b"private" not in base64.b64decode(text.partition(":")[2])
    for other, kid, sealed in (
        (KeySeal(Secret("b" + SECRET[1:])), "kid", text),
        (KeySeal(Secret("")), "kid", text),
        (seal, "another", text),
        (seal, "kid", damaged),
        (seal, "kid", "aes-256-gcm:"),
        (seal, "kid", "rubbish"),
    ):
        with pytest.raises(SigningKeyUnreadable):
            other.unseal(kid, sealed)


def test_two_seals_of_one_key_differ() -> None:
    """Each has a new nonce."""
    seal = KeySeal(Secret(SECRET))

    assert seal.seal("kid", b"private") != seal.seal("kid", b"private")


async def test_without_a_secret_the_key_is_stored_unencrypted_with_a_warning(
    auth: Auth, caplog: pytest.LogCaptureFixture
) -> None:
    """In development a warning is logged; production refuses to start."""
    await auth.call("POST", "/admin/keys/rotate", by=await auth.admin())

    rows = await auth.rows("SELECT private_key FROM signing_keys")
    assert all(row["private_key"].startswith("plain:") for row in rows)
    assert "is stored unencrypted" in caplog.text


async def test_a_replica_with_the_secret_signs_with_the_sealed_key(database_url: str) -> None:
    """Replicas unseal each other's keys."""
    async with open_auth(database_url, KEY_ENCRYPTION_SECRET=SECRET) as auth:
        ana = await auth.person()
        (row,) = await auth.rows("SELECT private_key FROM signing_keys")
    assert row["private_key"].startswith("aes-256-gcm:")

    async with open_auth(database_url, clock=auth.clock, KEY_ENCRYPTION_SECRET=SECRET) as restarted:
        assert await restarted.is_in(ana)
        assert (await restarted.log_in()).status_code == 200


async def test_a_wrong_secret_is_answered_503_and_logged(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Issued tokens still verify; new ones are answered 503, and the log has the reason."""
    async with open_auth(database_url, KEY_ENCRYPTION_SECRET=SECRET) as auth:
        ana = await auth.person()

    with pytest.raises(SigningKeyUnreadable):
        async with open_auth(database_url, KEY_ENCRYPTION_SECRET="x" * 32):
            pass
    assert "sealed under another KEY_ENCRYPTION_SECRET" in capsys.readouterr().out

    async with open_auth(database_url, clock=auth.clock, KEY_ENCRYPTION_SECRET=SECRET) as other:
        other.app.state.services.dependencies.signer.seal = KeySeal(Secret("x" * 32))
        response = await other.log_in()
        assert response.status_code == 503
        assert response.headers["retry-after"] == "60"
        assert response.json()["code"] == "signing-key-unreadable"
        assert await other.is_in(ana)
        assert (await other.refresh(ana.refresh_token)).status_code == 503
        other.app.state.services.dependencies.signer.seal = KeySeal(Secret(SECRET))
        # The refusal has used up nothing.
        assert (await other.refresh(ana.refresh_token)).status_code == 200


async def test_concurrent_first_starts_create_one_key(tmp_path: Path) -> None:
    """Three apps on an empty database create one key."""
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


async def test_the_first_login_creates_a_missing_key(auth: Auth) -> None:
    """So does the first read of the key set; both publish the key."""
    await auth.register()
    await auth.rows("DELETE FROM signing_keys")
    assert (await auth.log_in()).status_code == 200
    (row,) = await auth.rows("SELECT kid FROM signing_keys")
    assert (await auth.published())[-1]["subject"] == f"key/{row['kid']}"

    await auth.rows("DELETE FROM signing_keys")
    (key,) = (await auth.call("GET", "/.well-known/jwks.json")).json()["keys"]
    assert (await auth.published())[-1]["subject"] == f"key/{key['kid']}"


async def test_a_keys_id_is_its_thumbprint(auth: Auth) -> None:
    """RFC 7638: SHA-256 of the required members in order."""
    (key,) = (await auth.call("GET", "/.well-known/jwks.json")).json()["keys"]
    required = {name: key[name] for name in ("crv", "kty", "x")}
    digest = hashlib.sha256(json.dumps(required, separators=(",", ":")).encode()).digest()

    assert key["kid"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


async def test_prepare_again_changes_nothing(auth: Auth) -> None:
    """It runs at each start and periodically."""
    before = await auth.rows("SELECT * FROM signing_keys")
    await commands.prepare(auth.database, auth.app.state.services.dependencies, auth.clock())

    assert await auth.rows("SELECT * FROM signing_keys") == before
