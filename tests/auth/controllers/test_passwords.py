import asyncio
from typing import Any

import httpx
import pytest

from functions.auth import commands
from functions.auth.commands import password_resets
from functions.kit.base.settings import Secret
from functions.kit.events.internal_secret import RESET_LINKS, InternalSecret
from tests.auth.service import CLOSING, PASSWORD, Auth, open_auth
from tests.support.contracts import validator

NEW = "otra frase bastante larga"
REFUSED = "password-reset-invalid"


async def code_of(auth: Auth, token: str, password: str = NEW) -> str:
    response = await auth.reset(token, password)
    assert response.status_code == 400, response.text
    code: str = response.json()["code"]
    return code


async def test_a_forgotten_password_is_reset(auth: Auth) -> None:
    """The new one opens the account, and the old one does not."""
    ana = await auth.person()
    response = await auth.reset(await auth.reset_token(), NEW)

    assert (response.status_code, response.json()) == (200, {"message": "password actualizado"})
    assert (await auth.log_in(password=PASSWORD)).status_code == 401
    assert (await auth.log_in(password=NEW)).status_code == 200
    assert (await auth.call("GET", "/me", by=await auth.again(ana.id, ana.email, NEW))).json()[
        "roles"
    ] == ["customer"]


async def test_a_reset_ends_every_login(auth: Auth) -> None:
    """Access and refresh tokens, here at once and elsewhere by an event."""
    first = await auth.person()
    second = await auth.again(first.id, first.email)
    other = await auth.person("berta@example.com")
    token = await auth.reset_token()
    auth.clock.advance(seconds=1)
    await auth.reset(token, NEW)

    assert [await auth.is_in(each) for each in (first, second, other)] == [False, False, True]
    assert (await auth.refresh(first.refresh_token)).status_code == 401
    assert (await auth.refresh(other.refresh_token)).status_code == 200
    (told,) = await auth.published("bookstore.user.disabled.v1")
    assert (told["data"]["user_id"], told["data"]["disabled"]) == (first.id, False)


async def test_the_event_has_neither_address_nor_token(auth: Auth) -> None:
    """The language is the one that was asked for, else the one that the request prefers."""
    ana = await auth.person()
    await auth.forgot(language="en")
    await auth.call("POST", "/password/forgot", {"email": ana.email}, accept_language="en")
    await auth.forgot()
    events = (await auth.client.get("/internal/streams/accounts")).json()

    assert [event["data"]["language"] for event in events] == ["en", "en", "es"]
    for event in events:
        assert event["type"] == "bookstore.user.password_reset_requested.v1"
        assert event["subject"] == f"password-reset/{event['data']['reset_id']}"
        assert set(event["data"]) == {"reset_id", "user_id", "language", "expires_at"}
        assert event["data"]["user_id"] == ana.id
        assert list(validator(event["type"]).iter_errors(event["data"])) == []


async def test_the_mail_gets_address_and_link(auth: Auth) -> None:
    """A second call, of a mail that is tried again, gets another link."""
    ana = await auth.person()
    await auth.forgot(language="en")
    (request,) = await auth.requested()
    first, second = [await auth.create_link(request["reset_id"]) for _ in range(2)]
    given = first.json()

    link = given.pop("link")
    assert link.startswith("http://127.0.0.1:8000/en/reset-password?token=")
    assert len(link.partition("?token=")[2]) == 43
    assert given == {
        "user_id": ana.id,
        "email": "ana@example.com",
        "name": None,
        "language": "en",
        "expires_at": "2026-03-14T10:26:53.589793Z",
    }
    assert second.json()["link"] not in ("", link)


@pytest.mark.parametrize("used", [0, 1, 2])
async def test_every_link_of_a_request_works_until_one_is_used(auth: Auth, used: int) -> None:
    """Whichever mail arrives, its link works; the others are void then."""
    await auth.person()
    await auth.forgot()
    (request,) = await auth.requested()
    answers = [await auth.create_link(request["reset_id"]) for _ in range(3)]
    tokens = [answer.json()["link"].partition("?token=")[2] for answer in answers]

    assert (await auth.reset(tokens[used], NEW)).status_code == 200
    assert [await code_of(auth, token) for token in tokens] == [REFUSED] * 3
    assert await auth.rows("SELECT * FROM password_reset_links") == []


async def test_a_request_has_a_limited_number_of_links(
    auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Concurrent calls are counted one after the other: the row is locked."""
    monkeypatch.setattr(password_resets, "MAX_LINKS", 3)
    await auth.person()
    await auth.forgot()
    (request,) = await auth.requested()
    answers = await asyncio.gather(*(auth.create_link(request["reset_id"]) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 409, 409]
    assert {answer.json().get("code") for answer in answers} == {None, "reset-link-created"}


async def test_only_the_hash_of_a_token_is_stored(
    auth: Auth, capsys: pytest.CaptureFixture[str]
) -> None:
    """No table, event or log has the token, and the request's row has no address any more."""
    await auth.person()
    token = await auth.reset_token()
    (row,) = await auth.rows("SELECT * FROM password_resets")
    outbox = await auth.rows("SELECT * FROM outbox")
    await auth.reset(token, NEW)

    assert row["email_key"] is None
    assert len(row["token_hash"]) == 64
    assert token not in f"{row}{outbox}{capsys.readouterr()}"
    assert "ana@example.com" not in str(outbox)


async def test_a_token_is_good_once(auth: Auth) -> None:
    """Afterwards it is refused as an unknown one is."""
    await auth.person()
    token = await auth.reset_token()
    await auth.reset(token, NEW)

    assert await code_of(auth, token) == REFUSED
    assert await code_of(auth, "unknown") == REFUSED
    assert (await auth.log_in(password=NEW)).status_code == 200


async def test_concurrent_uses_of_a_token_have_one_winner(database_url: str) -> None:
    """Over all processes: the winner's password is the one that opens the account."""
    async with open_auth(database_url) as auth, open_auth(database_url, clock=auth.clock) as other:
        await auth.person()
        token = await auth.reset_token()
        passwords = [f"la frase numero {number}" for number in range(6)]
        answers = await asyncio.gather(
            *([auth, other][n % 2].reset(token, each) for n, each in enumerate(passwords))
        )
        statuses = [answer.status_code for answer in answers]
        winner = passwords[statuses.index(200)]
        logins = [(await auth.log_in(password=each)).status_code for each in passwords]

    assert sorted(statuses) == [200, 400, 400, 400, 400, 400]
    assert [each for each, status in zip(passwords, logins, strict=True) if status == 200] == [
        winner
    ]


async def test_a_link_expires_after_an_hour(auth: Auth) -> None:
    """The request does as well, and both are deleted then."""
    await auth.person()
    token = await auth.reset_token()
    auth.clock.advance(minutes=59)
    await auth.forgot("ana@example.com")
    late = (await auth.requested())[-1]["reset_id"]

    assert await code_of(auth, token) == REFUSED  # the second request has replaced it
    auth.clock.advance(hours=1, seconds=1)
    assert (await auth.create_link(late)).json()["code"] == "password-reset-not-found"
    await commands.purge(auth.database, auth.clock())
    assert await auth.rows("SELECT * FROM password_resets") == []


async def test_the_last_minute_of_a_link_counts(auth: Auth) -> None:
    """It works until its hour is over, and not a moment longer."""
    await auth.person()
    token = await auth.reset_token()
    auth.clock.advance(minutes=60)
    assert await code_of(auth, token) == REFUSED
    auth.clock.advance(seconds=-1)

    assert (await auth.reset(token, NEW)).status_code == 200


async def test_a_new_request_makes_earlier_links_void(auth: Auth) -> None:
    """The newest link is the one that works."""
    await auth.person()
    first = await auth.reset_token()
    second = await auth.reset_token()

    assert await code_of(auth, first) == REFUSED
    assert (await auth.reset(second, NEW)).status_code == 200


@pytest.mark.parametrize("change", ["password", "email", "closed", "admin"])
async def test_a_changed_account_makes_its_links_void(auth: Auth, change: str) -> None:
    """A link to a former address, or from before the password changed, opens nothing."""
    ana = await auth.person()
    token = await auth.reset_token()
    if change == "password":
        body = {"current_password": PASSWORD, "new_password": "la frase que vale ahora"}
        assert (await auth.call("POST", "/me/password", body, by=ana)).status_code == 200
    elif change == "email":
        body = {"current_password": PASSWORD, "email": "ana@example.net"}
        assert (await auth.call("PATCH", "/me", body, by=ana)).status_code == 200
    elif change == "closed":
        assert (await auth.call("DELETE", "/me", CLOSING, by=ana)).status_code == 200
    else:
        await auth.admin(ana.email)

    assert await code_of(auth, token) == REFUSED


async def test_a_disabled_account_stays_disabled(auth: Auth) -> None:
    """It gets no link, and a link from before sets no password, also once it is enabled again."""
    ana, admin = await auth.person(), await auth.admin()
    token = await auth.reset_token()
    await auth.call("PATCH", f"/users/{ana.id}", {"disabled": True}, by=admin)
    asked_before = len(await auth.requested())
    assert (await auth.forgot()).status_code == 202

    assert len(await auth.requested()) == asked_before
    assert await code_of(auth, token) == REFUSED
    assert (await auth.log_in(password=NEW)).status_code == 401
    await auth.call("PATCH", f"/users/{ana.id}", {"disabled": False}, by=admin)
    assert await code_of(auth, token) == REFUSED
    assert (await auth.log_in(password=PASSWORD)).status_code == 200


async def test_a_disabled_accounts_link_is_not_created(auth: Auth) -> None:
    """Also where the event was published before."""
    ana, admin = await auth.person(), await auth.admin()
    await auth.forgot()
    await auth.call("PATCH", f"/users/{ana.id}", {"disabled": True}, by=admin)
    (request,) = await auth.requested()

    assert (await auth.create_link(request["reset_id"])).status_code == 404


@pytest.mark.parametrize("password", ["corto", "x" * 129, "password123", "ana@example.com"])
async def test_a_refused_password_leaves_the_link_as_it_is(auth: Auth, password: str) -> None:
    """The rules are those of registration."""
    await auth.person()
    token = await auth.reset_token()
    response = await auth.reset(token, password)

    assert (response.status_code, response.json()["code"]) == (400, "password-refused")
    assert [each["field"] for each in response.json()["errors"]] == ["password"]
    assert (await auth.reset(token, NEW)).status_code == 200


async def test_a_token_shows_nothing_about_passwords(auth: Auth) -> None:
    """An unknown token is refused before the password is looked at."""
    assert await code_of(auth, "x" * 43, "corto") == REFUSED


async def test_requests_are_limited_by_account_and_by_address(database_url: str) -> None:
    """Unknown addresses alike; the refusal names the time to wait."""
    limits: dict[str, Any] = {
        "PASSWORD_RESETS_PER_ACCOUNT": "2",
        "PASSWORD_RESETS_PER_ADDRESS": "5",
    }

    async def ask(auth: Auth, email: str, host: str) -> httpx.Response:
        return await auth.from_address(host, "POST", "/password/forgot", {"email": email})

    async with open_auth(database_url, **limits) as auth:
        await auth.person()
        for email in ("ana@example.com", "Nobody@Example.com"):
            answers = [await ask(auth, email, f"198.51.100.{n}") for n in range(3)]

            assert [answer.status_code for answer in answers] == [202, 202, 429]
            assert answers[2].headers["retry-after"] == "3600"
        crowd = [await ask(auth, f"u{n}@example.com", "203.0.113.9") for n in range(6)]
        auth.clock.advance(hours=1)
        later = await ask(auth, "ana@example.com", "203.0.113.9")

    assert [answer.status_code for answer in crowd] == [202] * 5 + [429]
    assert later.status_code == 202


async def test_processes_count_requests_together(database_url: str) -> None:
    """The tries are rows of the database."""
    async with open_auth(database_url) as auth, open_auth(database_url, clock=auth.clock) as other:
        answers = await asyncio.gather(*([auth, other][n % 2].forgot() for n in range(12)))

    assert sorted(answer.status_code for answer in answers) == [202] * 5 + [429] * 7


async def test_guesses_of_tokens_are_limited_by_address(database_url: str) -> None:
    """A link that works is not counted against its address."""
    async with open_auth(database_url, LOGIN_TRIES_PER_ADDRESS="2") as auth:
        await auth.person()
        for _ in range(3):
            assert (await auth.reset(await auth.reset_token(), NEW)).status_code == 200
        answers = [(await auth.reset("x" * 43, NEW)).status_code for _ in range(3)]

    assert answers == [400, 400, 429]


async def test_wrong_tries_do_not_outlast_a_reset(database_url: str) -> None:
    """After a reset the user can log in, also from the address where the tries were used up."""
    async with open_auth(database_url, LOGIN_TRIES="2", LOGIN_TRIES_PER_ACCOUNT="2") as auth:
        await auth.person()
        for _ in range(2):
            await auth.log_in(password="wrong")
        assert (await auth.log_in()).status_code == 429
        await auth.reset(await auth.reset_token(), NEW)
        elsewhere = await auth.from_address(
            "203.0.113.9", "POST", "/login", {"email": "ana@example.com", "password": NEW}
        )

        assert (await auth.log_in(password=NEW)).status_code == 200
        assert elsewhere.status_code == 200


async def test_what_a_killed_process_left_is_announced_later(
    auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request is stored before it is answered, and a background task announces it."""

    async def dies(*_: object) -> None:
        raise ConnectionError("the process was killed here")

    await auth.person()
    with monkeypatch.context() as patched:
        patched.setattr(commands, "announce_resets", dies)
        assert (await auth.forgot()).status_code == 202
    assert await auth.requested() == []
    dependencies = auth.app.state.services.dependencies
    await asyncio.gather(
        *(commands.announce_resets(auth.database, dependencies, auth.clock()) for _ in range(3))
    )

    assert len(await auth.requested()) == 1


async def test_a_later_request_wins_in_any_order(
    auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes may announce two requests of one account the other way round."""

    async def waits(*_: object) -> None: ...

    await auth.person()
    monkeypatch.setattr(commands, "announce_resets", waits)
    for _ in range(2):
        await auth.forgot()
    waiting = await auth.rows("SELECT id, email_key FROM password_resets ORDER BY id")
    for row in reversed(waiting):
        await password_resets._announce(
            auth.database,
            auth.app.state.services.dependencies,
            row["id"],
            row["email_key"],
            auth.clock(),
        )

    assert [each["reset_id"] for each in await auth.requested()] == [waiting[1]["id"]]
    assert len(await auth.rows("SELECT id FROM password_resets")) == 1


async def test_unknown_addresses_leave_nothing_behind(auth: Auth) -> None:
    """Neither an event nor a row with an address."""
    assert (await auth.forgot("nobody@example.com")).status_code == 202
    assert await auth.requested() == []
    assert await auth.rows("SELECT * FROM password_resets") == []


async def test_the_snapshot_has_the_requests_whose_link_is_to_come(auth: Auth) -> None:
    """A mail that was sent is not sent again."""
    for name in ("ana", "berta", "carla"):
        await auth.person(f"{name}@example.com")
    await auth.reset_token("ana@example.com")
    await auth.forgot("berta@example.com")
    auth.clock.advance(minutes=50)
    await auth.forgot("carla@example.com")
    first = await auth.client.get("/internal/snapshots/accounts")
    auth.clock.advance(minutes=15)
    second = await auth.client.get("/internal/snapshots/accounts")
    requests = await auth.requested()

    assert [requests[n]["reset_id"] for n in (1, 2)] == _ids(first)
    assert [requests[2]["reset_id"]] == _ids(second)


def _ids(snapshot: httpx.Response) -> list[int]:
    lines = [httpx.Response(200, text=line).json() for line in snapshot.text.splitlines()]
    return [line["data"]["reset_id"] for line in lines if "data" in line]


SECRET = "a-secret-that-all-services-of-this-test-share"
PRODUCTION: dict[str, Any] = {
    "ENVIRONMENT": "production",
    "KEY_ENCRYPTION_SECRET": "k" * 32,
    "STOREFRONT_URL": "https://shop.example",
}


async def test_production_gives_links_to_services_only(database_url: str) -> None:
    """The token for feeds opens no account, and without a secret nobody gets a link."""
    path, secret = "/internal/password-resets/1/link", InternalSecret(Secret(SECRET))
    async with open_auth(database_url, INTERNAL_SECRET=SECRET, **PRODUCTION) as auth:
        await auth.person()
        await auth.forgot()
        answers = [
            await auth.client.post(path, headers=headers)
            for headers in (
                {},
                {"authorization": f"Bearer {SECRET}"},
                secret.headers,
                secret.headers_for(RESET_LINKS),
            )
        ]
    async with open_auth(database_url, **PRODUCTION) as without:
        refused = await without.client.post(path)

    assert [answer.status_code for answer in answers] == [401, 401, 401, 200]
    assert answers[3].json()["link"].startswith("https://shop.example/es/reset-password?token=")
    assert (refused.status_code, refused.json()["code"]) == (401, "internal-secret-needed")


async def test_without_the_storefronts_address_no_link_is_promised(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Production says so at its start and in its answer."""
    environ = {**PRODUCTION, "STOREFRONT_URL": ""}
    async with open_auth(database_url, **environ) as auth:
        answer = await auth.forgot()

    assert (answer.status_code, answer.json()["code"]) == (503, "password-reset-off")
    assert "STOREFRONT_URL" in answer.json()["detail"]
    assert answer.headers["retry-after"] == "3600"
    assert "STOREFRONT_URL is not set" in capsys.readouterr().out
