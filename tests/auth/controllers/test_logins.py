import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from functions.auth.commands import purge
from functions.auth.passwords import Verification
from tests.auth.service import PASSWORD, Auth, open_auth

MESSAGES = {
    "/register": "email y password requeridos",
    "/login": "email y password requeridos",
    "/validate": "token requerido",
    "/logout": "token requerido",
}


def read_unverified(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


async def test_a_login_gives_tokens(auth: Auth) -> None:
    """`token` is the original's name of the access token; the response may not be cached."""
    await auth.register()
    response = await auth.log_in("  ANA@example.com ")

    assert response.status_code == 200
    assert response.headers["cache-control"] == "private, no-store"
    answer = response.json()
    assert answer["message"] == "login exitoso"
    assert answer["token"] == answer["access_token"]
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 900)
    assert len(answer["refresh_token"]) == 43  # 256 bits


async def test_messages_follow_accept_language(auth: Auth) -> None:
    """Spanish is the default, as in the original."""
    await auth.register()
    body = {"email": "ana@example.com", "password": PASSWORD}
    response = await auth.call("POST", "/login", body, accept_language="en-GB,en;q=0.8")

    assert response.json()["message"] == "logged in"


async def test_an_access_token_has_the_claims_of_rfc_9068(auth: Auth) -> None:
    """It has RFC 9068's type and claims; `iat` is in whole seconds, with a claim for the rest."""
    ana = await auth.person()
    header, claims = jwt.get_unverified_header(ana.token), read_unverified(ana.token)

    (key,) = (await auth.call("GET", "/.well-known/jwks.json")).json()["keys"]
    assert header == {"alg": "EdDSA", "typ": "at+jwt", "kid": key["kid"]}
    assert claims["iss"] == "https://auth.bookstore.example"
    assert claims["aud"] == "bookstore"
    assert claims["sub"] == str(ana.id)
    assert claims["roles"] == ["customer"]
    assert type(claims["iat"]) is int
    assert claims["iat"] == int(auth.clock().timestamp())
    assert claims["iat_us"] == auth.clock().microsecond
    assert claims["exp"] == int((auth.clock() + timedelta(minutes=15)).timestamp())
    other = await auth.again(ana.id, ana.email)
    assert read_unverified(other.token)["jti"] != claims["jti"]


async def test_unknown_wrong_and_disabled_are_answered_alike(auth: Auth) -> None:
    """Responses to logins do not reveal which accounts exist."""
    await auth.register()
    bruno = await auth.person("bruno@example.com")
    admin = await auth.admin()
    await auth.call("PATCH", f"/users/{bruno.id}", {"disabled": True}, by=admin)
    answers = [
        await auth.log_in("nobody@example.com"),
        await auth.log_in("no address at all"),
        await auth.log_in(password="not the password"),
        await auth.log_in(password="x" * 1000),
        await auth.log_in("bruno@example.com"),
    ]

    assert [answer.status_code for answer in answers] == [401] * 5
    documents = [answer.json() for answer in answers]
    for document in documents:
        del document["trace_id"]
    assert documents == [documents[0]] * 5
    assert documents[0]["error"] == "credenciales inválidas"


async def test_a_hash_of_the_original_is_replaced_at_login(auth: Auth) -> None:
    """A login with a PBKDF2 hash of werkzeug stores an argon2id hash."""
    await auth.register()
    digest = hashlib.pbkdf2_hmac("sha256", b"viejo", b"salsalsal", 1000).hex()
    await auth.rows(
        "UPDATE users SET password_hash = {} WHERE email_key = 'ana@example.com'",
        f"pbkdf2:sha256:1000$salsalsal${digest}",
    )

    assert (await auth.log_in()).status_code == 401
    assert (await auth.log_in(password="viejo")).status_code == 200
    (row,) = await auth.rows("SELECT password_hash FROM users")
    assert row["password_hash"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert (await auth.log_in(password="viejo")).status_code == 200


async def test_a_refresh_token_gives_new_tokens_once(auth: Auth) -> None:
    """The earlier access token stays valid; the earlier refresh token does not."""
    ana = await auth.person()
    auth.clock.advance(days=29)
    response = await auth.refresh(ana.refresh_token)

    assert response.status_code == 200
    assert response.headers["cache-control"] == "private, no-store"
    answer = response.json()
    assert set(answer) == {"token", "access_token", "token_type", "expires_in", "refresh_token"}
    assert answer["refresh_token"] != ana.refresh_token
    assert await auth.is_in(ana._replace(token=answer["token"]))


async def test_reuse_revokes_the_whole_family(auth: Auth) -> None:
    """A reused refresh token may be stolen, so its login is revoked; other logins are kept."""
    ana = await auth.person()
    elsewhere = await auth.again(ana.id, ana.email)
    second = (await auth.refresh(ana.refresh_token)).json()
    auth.clock.advance(seconds=31)
    reused = await auth.refresh(ana.refresh_token)

    assert reused.status_code == 401
    assert reused.json()["error"] == "refresh token inválido"
    assert (await auth.refresh(second["refresh_token"])).status_code == 401
    assert not await auth.is_in(ana)
    assert not await auth.is_in(ana._replace(token=second["token"]))
    assert await auth.is_in(elsewhere)
    assert (await auth.refresh(elsewhere.refresh_token)).status_code == 200


async def test_reuse_publishes_the_unexpired_tokens(auth: Auth) -> None:
    """Events are published for unexpired access tokens only."""
    ana = await auth.person()
    auth.clock.advance(minutes=20)
    second = (await auth.refresh(ana.refresh_token)).json()
    auth.clock.advance(seconds=31)
    await auth.refresh(ana.refresh_token)

    (event,) = await auth.published("bookstore.token.revoked.v1")
    claims = read_unverified(second["token"])
    assert event["subject"] == f"token/{claims['jti']}"
    assert event["revision"] == "1"
    assert event["data"] == {
        "token_id": claims["jti"],
        "user_id": ana.id,
        "expires_at": datetime.fromtimestamp(claims["exp"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


async def test_concurrent_refreshes_have_one_successor(auth: Auth) -> None:
    """Concurrent requests of several tabs or replicas get the same tokens."""
    ana = await auth.person()
    answers = await asyncio.gather(*(auth.refresh(ana.refresh_token) for _ in range(8)))

    assert [answer.status_code for answer in answers] == [200] * 8
    assert len({answer.text for answer in answers}) == 1
    assert len(await auth.rows("SELECT id FROM refresh_tokens")) == 2


async def test_a_lost_response_is_repeated_for_thirty_seconds(auth: Auth) -> None:
    """The same tokens are returned, also after the successor was used; later use is theft."""
    ana = await auth.person()
    first = await auth.refresh(ana.refresh_token)
    auth.clock.advance(seconds=15)
    newer = await auth.refresh(first.json()["refresh_token"])
    auth.clock.advance(seconds=15)
    again = await auth.refresh(ana.refresh_token)

    assert (again.status_code, again.json()) == (200, first.json())
    assert await auth.is_in(ana._replace(token=newer.json()["token"]))
    auth.clock.advance(seconds=1)
    assert (await auth.refresh(ana.refresh_token)).status_code == 401
    assert not await auth.is_in(ana._replace(token=newer.json()["token"]))


async def test_a_revoked_login_repeats_no_tokens(auth: Auth) -> None:
    """After a logout no tokens are repeated."""
    ana = await auth.person()
    answer = (await auth.refresh(ana.refresh_token)).json()
    await auth.call("POST", "/logout", {"token": answer["token"]})

    assert (await auth.refresh(ana.refresh_token)).status_code == 401


async def test_a_successor_is_encrypted_and_deleted_soon(auth: Auth) -> None:
    """The database alone cannot decrypt it, and a background task deletes it."""
    ana = await auth.person()
    answer = (await auth.refresh(ana.refresh_token)).json()
    used = (await auth.rows("SELECT * FROM refresh_tokens ORDER BY id"))[0]

    assert used["successor"]
    assert answer["refresh_token"] not in str(used)
    auth.clock.advance(seconds=31)
    await purge(auth.database, auth.clock())
    rows = await auth.rows("SELECT successor, sealed_until FROM refresh_tokens")
    assert rows == [{"successor": None, "sealed_until": None}] * 2


@pytest.mark.parametrize("token", ["", "x", "x" * 600, "ñ\x00", None, 7])
async def test_an_invalid_refresh_token_is_refused(auth: Auth, token: object) -> None:
    """400 for malformed ones, 401 for unknown ones."""
    response = await auth.call("POST", "/refresh", {"refresh_token": token})

    expected = 401 if token in {"x", "ñ\x00"} else 400
    assert response.status_code == expected


async def test_a_refresh_token_expires(auth: Auth) -> None:
    """It is refused after thirty days."""
    ana = await auth.person()
    auth.clock.advance(days=30)

    assert (await auth.refresh(ana.refresh_token)).status_code == 401


async def test_refresh_tokens_are_stored_as_hashes(auth: Auth) -> None:
    """The table contains nothing that logs in."""
    ana = await auth.person()
    (row,) = await auth.rows("SELECT * FROM refresh_tokens")

    assert row["token_hash"] == hashlib.sha256(ana.refresh_token.encode()).hexdigest()
    assert ana.refresh_token not in str(row)
    assert ana.token not in str(row)


@pytest.mark.parametrize("prefix", ["", "Bearer ", "bearer "])
async def test_a_valid_token_is_accepted_with_or_without_bearer(auth: Auth, prefix: str) -> None:
    """Clients of the original send the word along."""
    ana = await auth.person()
    response = await auth.call("POST", "/validate", {"token": prefix + ana.token})

    assert response.status_code == 200
    assert response.json() == {
        "valid": True,
        "user": {"id": ana.id, "email": "ana@example.com", "roles": ["customer"]},
    }


async def test_validate_gives_the_reason(auth: Auth) -> None:
    """The response has the original's text for each reason, and `valid`."""
    ana = await auth.person()
    bruno = await auth.person("bruno@example.com")
    await auth.call("POST", "/logout", {"token": ana.token})
    refused = {
        "Token invalidado": ana.token,
        "Token inválido": "abc",
    }
    for error, token in refused.items():
        response = await auth.call("POST", "/validate", {"token": token})
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        assert response.json()["valid"] is False
        assert response.json()["error"] == error
    auth.clock.advance(minutes=15)
    response = await auth.call("POST", "/validate", {"token": bruno.token})

    assert response.status_code == 401
    assert (response.json()["valid"], response.json()["error"]) == (False, "Token expirado")


@pytest.mark.parametrize(("seconds", "still_in"), [(30, True), (31, False)])
async def test_a_token_older_than_its_user_is_refused(
    auth: Auth, seconds: int, still_in: bool
) -> None:
    """A restored database may assign a lost user's id again; clock skew is tolerated."""
    lost = await auth.person()
    auth.clock.advance(seconds=seconds)
    await auth.rows("UPDATE users SET created_at = {} WHERE id = {}", auth.clock(), lost.id)
    present = await auth.again(lost.id, lost.email)

    assert await auth.is_in(lost) is still_in
    assert await auth.is_in(present)


@pytest.mark.parametrize("in_body", [True, False])
async def test_a_logout_revokes_the_token_and_its_family(auth: Auth, in_body: bool) -> None:
    """By body or header, any number of times; other logins are kept."""
    ana = await auth.person()
    elsewhere = await auth.again(ana.id, ana.email)
    for _ in range(2):
        if in_body:
            response = await auth.call("POST", "/logout", {"token": ana.token})
        else:
            response = await auth.call("POST", "/logout", by=ana)
        assert response.status_code == 200
        assert response.json() == {"message": "logout exitoso"}

    assert not await auth.is_in(ana)
    assert (await auth.refresh(ana.refresh_token)).status_code == 401
    assert len(await auth.published("bookstore.token.revoked.v1")) == 1
    assert await auth.is_in(elsewhere)


async def test_a_logout_with_an_earlier_token_revokes_later_ones(auth: Auth) -> None:
    """The whole login is revoked, with tokens that were refreshed since."""
    ana = await auth.person()
    newer = (await auth.refresh(ana.refresh_token)).json()
    await auth.call("POST", "/logout", {"token": ana.token})

    assert not await auth.is_in(ana._replace(token=newer["token"]))
    assert (await auth.refresh(newer["refresh_token"])).status_code == 401


async def test_an_expired_token_still_logs_out(auth: Auth) -> None:
    """Its refresh token is revoked, and no event is published for the expired token."""
    ana = await auth.person()
    auth.clock.advance(hours=1)
    response = await auth.call("POST", "/logout", {"token": ana.token})

    assert response.status_code == 200
    assert (await auth.refresh(ana.refresh_token)).status_code == 401
    assert await auth.published("bookstore.token.revoked.v1") == []


async def test_a_logout_with_a_foreign_token_is_refused(auth: Auth) -> None:
    """It is answered 400."""
    response = await auth.call("POST", "/logout", {"token": "abc"})

    assert response.status_code == 400
    assert response.json()["error"] == "Token inválido"


async def test_a_logout_survives_a_restart_and_holds_on_every_replica(database_url: str) -> None:
    """The revocation is a row of the database."""
    async with open_auth(database_url) as auth:
        ana = await auth.person()
        async with open_auth(database_url, clock=auth.clock) as replica:
            assert await replica.is_in(ana)
            await auth.call("POST", "/logout", by=ana)
            assert not await replica.is_in(ana)

    async with open_auth(database_url, clock=auth.clock) as restarted:
        assert not await restarted.is_in(ana)


@pytest.mark.parametrize("path", MESSAGES)
@pytest.mark.parametrize("body", [None, {}])
async def test_a_missing_token_has_the_originals_text(auth: Auth, path: str, body: object) -> None:
    """A missing and an empty body are answered with the original's text."""
    response = await auth.call("POST", path, body)

    assert response.status_code == 400
    assert response.json()["error"] == MESSAGES[path]


@pytest.mark.parametrize("path", ["/register", "/login"])
@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"email": "ana@example.com"}, ["password"]),
        ({"password": PASSWORD}, ["email"]),
        ({"email": "", "password": None}, ["email", "password"]),
        ({"password": PASSWORD, "other": 1}, ["email", "other"]),
    ],
)
async def test_missing_credentials_are_named(
    auth: Auth, path: str, body: dict[str, Any], fields: list[str]
) -> None:
    """Empty values count as missing, as in the original."""
    response = await auth.call("POST", path, body)

    assert response.status_code == 400
    document = response.json()
    assert document["code"] == "credentials-missing"
    assert document["error"] == "email y password requeridos"
    assert [each["field"] for each in document["errors"]] == fields


async def test_a_login_costs_as_much_as_the_slowest_legacy_hash(
    auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every login costs as much as the slowest legacy hash, until none is left."""
    asked: list[int] = []
    original = auth.app.state.services.dependencies.passwords.verify

    async def verify(hashed: str | None, password: str, *, rounds: int) -> Verification:
        asked.append(rounds)
        verdict: Verification = await original(hashed, password, rounds=rounds)
        return verdict

    monkeypatch.setattr(auth.app.state.services.dependencies.passwords, "verify", verify)
    await auth.person()
    for number, rounds in enumerate((900, 1000, 20)):
        email = f"old{number}@example.com"
        await auth.register(email)
        digest = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), b"salt", rounds).hex()
        await auth.rows(
            "UPDATE users SET password_hash = {} WHERE email_key = {}",
            f"pbkdf2:sha256:{rounds}$salt${digest}",
            email,
        )
    emails = ("ana@example.com", "nobody@example.com", "old1@example.com", "old0@example.com")
    answers = [(await auth.log_in(email)).status_code for email in emails]
    await auth.log_in("old2@example.com")
    await auth.log_in("nobody@example.com")

    assert answers == [200, 401, 200, 200]
    assert asked == [0, 1000, 1000, 1000, 900, 20, 0]
