import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from functions.auth.commands import purge
from functions.auth.passwords import Verdict
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
    """`token` is the original's name for the access token; nothing on the way keeps it."""
    await auth.register()
    response = await auth.log_in("  ANA@example.com ")

    assert response.status_code == 200
    assert response.headers["cache-control"] == "private, no-store"
    answer = response.json()
    assert answer["message"] == "login exitoso"
    assert answer["token"] == answer["access_token"]
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 900)
    assert len(answer["refresh_token"]) == 43  # 256 bits


async def test_messages_are_english_for_who_asks(auth: Auth) -> None:
    """Spanish is the default, as the original spoke."""
    await auth.register()
    body = {"email": "ana@example.com", "password": PASSWORD}
    response = await auth.call("POST", "/login", body, accept_language="en-GB,en;q=0.8")

    assert response.json()["message"] == "logged in"


async def test_an_access_token_says_who_may_what_until_when(auth: Auth) -> None:
    """RFC 9068's type and claims; `iat` in whole seconds, the rest beside it."""
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
    """Accounts cannot be told apart by what a login answers."""
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
    """werkzeug's PBKDF2 opens once more, and is argon2id afterwards."""
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
    """The old access token lives on; the old refresh token does not."""
    ana = await auth.person()
    auth.clock.advance(days=29)
    response = await auth.refresh(ana.refresh_token)

    assert response.status_code == 200
    assert response.headers["cache-control"] == "private, no-store"
    answer = response.json()
    assert set(answer) == {"token", "access_token", "token_type", "expires_in", "refresh_token"}
    assert answer["refresh_token"] != ana.refresh_token
    assert await auth.is_in(ana._replace(token=answer["token"]))


async def test_reuse_ends_the_whole_family(auth: Auth) -> None:
    """Nobody knows whose hand is the thief's, so both are empty; other logins go on."""
    ana = await auth.person()
    elsewhere = await auth.again(ana.id, ana.email)
    second = (await auth.refresh(ana.refresh_token)).json()
    auth.clock.advance(seconds=11)
    reused = await auth.refresh(ana.refresh_token)

    assert reused.status_code == 401
    assert reused.json()["error"] == "refresh token inválido"
    assert (await auth.refresh(second["refresh_token"])).status_code == 401
    assert not await auth.is_in(ana)
    assert not await auth.is_in(ana._replace(token=second["token"]))
    assert await auth.is_in(elsewhere)
    assert (await auth.refresh(elsewhere.refresh_token)).status_code == 200


async def test_reuse_tells_of_the_tokens_that_still_live(auth: Auth) -> None:
    """Expired ones need no deny-list."""
    ana = await auth.person()
    auth.clock.advance(minutes=20)
    second = (await auth.refresh(ana.refresh_token)).json()
    auth.clock.advance(seconds=11)
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
    """Two tabs, two pods: the family goes on from one token, however many come at once."""
    ana = await auth.person()
    answers = await asyncio.gather(*(auth.refresh(ana.refresh_token) for _ in range(8)))

    assert [answer.status_code for answer in answers] == [200] * 8
    assert len({answer.text for answer in answers}) == 1
    assert len(await auth.rows("SELECT id FROM refresh_tokens")) == 2


async def test_a_lost_answer_is_given_again_for_ten_seconds(auth: Auth) -> None:
    """The same tokens, also where the successor has been used meanwhile; then it is theft."""
    ana = await auth.person()
    first = await auth.refresh(ana.refresh_token)
    auth.clock.advance(seconds=5)
    newer = await auth.refresh(first.json()["refresh_token"])
    auth.clock.advance(seconds=5)
    again = await auth.refresh(ana.refresh_token)

    assert (again.status_code, again.json()) == (200, first.json())
    assert await auth.is_in(ana._replace(token=newer.json()["token"]))
    auth.clock.advance(seconds=1)
    assert (await auth.refresh(ana.refresh_token)).status_code == 401
    assert not await auth.is_in(ana._replace(token=newer.json()["token"]))


async def test_a_login_that_has_ended_gives_nothing_again(auth: Auth) -> None:
    """A logout counts at once, also for tokens that were given a moment ago."""
    ana = await auth.person()
    answer = (await auth.refresh(ana.refresh_token)).json()
    await auth.call("POST", "/logout", {"token": answer["token"]})

    assert (await auth.refresh(ana.refresh_token)).status_code == 401


async def test_a_successor_is_kept_sealed_and_not_for_long(auth: Auth) -> None:
    """Nothing in the database opens it, and the background task takes it away."""
    ana = await auth.person()
    answer = (await auth.refresh(ana.refresh_token)).json()
    used = (await auth.rows("SELECT * FROM refresh_tokens ORDER BY id"))[0]

    assert used["successor"]
    assert answer["refresh_token"] not in str(used)
    auth.clock.advance(seconds=11)
    await purge(auth.database, auth.clock())
    rows = await auth.rows("SELECT successor, sealed_until FROM refresh_tokens")
    assert rows == [{"successor": None, "sealed_until": None}] * 2


@pytest.mark.parametrize("token", ["", "x", "x" * 600, "ñ\x00", None, 7])
async def test_what_is_no_refresh_token_is_refused(auth: Auth, token: object) -> None:
    """400 where it cannot be one, 401 where it could."""
    response = await auth.call("POST", "/refresh", {"refresh_token": token})

    expected = 401 if token in {"x", "ñ\x00"} else 400
    assert response.status_code == expected


async def test_a_refresh_token_expires(auth: Auth) -> None:
    """After thirty days."""
    ana = await auth.person()
    auth.clock.advance(days=30)

    assert (await auth.refresh(ana.refresh_token)).status_code == 401


async def test_refresh_tokens_are_kept_as_hashes(auth: Auth) -> None:
    """Who reads the table cannot log in."""
    ana = await auth.person()
    (row,) = await auth.rows("SELECT * FROM refresh_tokens")

    assert row["token_hash"] == hashlib.sha256(ana.refresh_token.encode()).hexdigest()
    assert ana.refresh_token not in str(row)
    assert ana.token not in str(row)


@pytest.mark.parametrize("prefix", ["", "Bearer ", "bearer "])
async def test_a_good_token_is_valid_with_or_without_bearer(auth: Auth, prefix: str) -> None:
    """The original sent the word on, and refused what it had issued."""
    ana = await auth.person()
    response = await auth.call("POST", "/validate", {"token": prefix + ana.token})

    assert response.status_code == 200
    assert response.json() == {
        "valid": True,
        "user": {"id": ana.id, "email": "ana@example.com", "roles": ["customer"]},
    }


async def test_validate_says_why_not(auth: Auth) -> None:
    """The original's three texts, and `valid` beside them."""
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
async def test_a_token_is_not_good_for_a_user_who_came_after_it(
    auth: Auth, seconds: int, still_in: bool
) -> None:
    """Its own was lost with a database, and the id was given again. Clocks may differ a bit."""
    lost = await auth.person()
    auth.clock.advance(seconds=seconds)
    await auth.rows("UPDATE users SET created_at = {} WHERE id = {}", auth.clock(), lost.id)
    present = await auth.again(lost.id, lost.email)

    assert await auth.is_in(lost) is still_in
    assert await auth.is_in(present)


@pytest.mark.parametrize("in_body", [True, False])
async def test_a_logout_ends_the_token_and_its_family(auth: Auth, in_body: bool) -> None:
    """By body or header, as often as one likes; other logins go on."""
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


async def test_a_logout_with_an_old_token_ends_the_newer_ones(auth: Auth) -> None:
    """The login is what ends: also what was refreshed since."""
    ana = await auth.person()
    newer = (await auth.refresh(ana.refresh_token)).json()
    await auth.call("POST", "/logout", {"token": ana.token})

    assert not await auth.is_in(ana._replace(token=newer["token"]))
    assert (await auth.refresh(newer["refresh_token"])).status_code == 401


async def test_an_expired_token_still_logs_out(auth: Auth) -> None:
    """Its refresh token lives for days more; there is nothing to tell the others."""
    ana = await auth.person()
    auth.clock.advance(hours=1)
    response = await auth.call("POST", "/logout", {"token": ana.token})

    assert response.status_code == 200
    assert (await auth.refresh(ana.refresh_token)).status_code == 401
    assert await auth.published("bookstore.token.revoked.v1") == []


async def test_what_is_no_token_cannot_be_ended(auth: Auth) -> None:
    """400: the caller has mistaken something."""
    response = await auth.call("POST", "/logout", {"token": "abc"})

    assert response.status_code == 400
    assert response.json()["error"] == "Token inválido"


async def test_a_logout_survives_a_restart_and_holds_on_every_replica(database_url: str) -> None:
    """It is a row, not a set in memory."""
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
async def test_what_is_missing_is_said_in_the_originals_words(
    auth: Auth, path: str, body: object
) -> None:
    """Without a body, or with an empty one."""
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
    """Empty is missing, as it was for the original."""
    response = await auth.call("POST", path, body)

    assert response.status_code == 400
    document = response.json()
    assert document["code"] == "credentials-missing"
    assert document["error"] == "email y password requeridos"
    assert [each["field"] for each in document["errors"]] == fields


async def test_a_login_costs_the_slowest_older_hash_that_there_is(
    auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever logs in; nothing of it once every account has a hash of today."""
    asked: list[int] = []
    original = auth.app.state.services.dependencies.passwords.verify

    async def verify(hashed: str | None, password: str, *, rounds: int) -> Verdict:
        asked.append(rounds)
        verdict: Verdict = await original(hashed, password, rounds=rounds)
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
