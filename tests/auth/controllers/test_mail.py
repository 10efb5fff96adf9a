"""What mails need of auth: where and in which language, and sign-ins from new devices."""

from datetime import timedelta
from typing import Any

import pytest

from functions.auth import commands
from functions.auth.commands import devices
from functions.kit.base.settings import Secret
from functions.kit.events.internal_secret import CONTACTS, RESET_LINKS, InternalSecret
from tests.auth.service import CLOSING, PASSWORD, Auth, Person, open_auth
from tests.support.contracts import validator

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NEWER_FIREFOX = FIREFOX.replace("140", "141")
PHONE = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0"
    " Mobile Safari/537.36"
)


async def language_of(auth: Auth, person: Person) -> str:
    language: str = (await auth.call("GET", "/me", by=person)).json()["language"]
    return language


async def contact(auth: Auth, user_id: int, **headers: str) -> Any:
    return await auth.call("GET", f"/internal/users/{user_id}/contact", by=None, **headers)


@pytest.mark.parametrize(
    ("body", "headers", "language"),
    [
        ({}, {}, "es"),
        ({}, {"accept_language": "en-GB, es;q=0.5"}, "en"),
        ({"language": "es"}, {"accept_language": "en"}, "es"),
    ],
)
async def test_the_language_of_mails_is_that_of_the_registration(
    auth: Auth, body: dict[str, Any], headers: dict[str, str], language: str
) -> None:
    """The member, else what the request prefers, else Spanish."""
    given = {"email": "ana@example.com", "password": PASSWORD, **body}
    user_id = (await auth.call("POST", "/register", given, by=None, **headers)).json()["id"]

    assert (await contact(auth, user_id)).json()["language"] == language


async def test_a_login_names_the_language_where_none_is_known(auth: Auth) -> None:
    """A later login in another language changes nothing; `PATCH /me` does."""
    ana = await auth.person()
    login = {"email": ana.email, "password": PASSWORD}
    languages = [await language_of(auth, ana)]
    for header in ("en", "es"):
        await auth.call("POST", "/login", login, accept_language=header)
        languages.append(await language_of(auth, ana))
    changed = await auth.call("PATCH", "/me", {"language": "es"}, by=ana)
    refused = await auth.call("PATCH", "/me", {"language": "fr"}, by=ana)

    assert languages == ["es", "en", "en"]
    assert changed.json()["language"] == "es"
    assert refused.status_code == 400


async def test_a_contact_is_address_name_and_language(auth: Auth) -> None:
    """A closed account has none any more, and neither has an unknown one."""
    ana = await auth.person()
    await auth.call("PATCH", "/me", {"name": "Ana Ñúñez"}, by=ana)
    before = await contact(auth, ana.id)
    await auth.call("DELETE", "/me", CLOSING, by=ana)
    after = [await contact(auth, user_id) for user_id in (ana.id, 10**12)]

    assert before.json() == {
        "user_id": ana.id,
        "email": "ana@example.com",
        "name": "Ana Ñúñez",
        "language": "es",
    }
    assert [(each.status_code, each.json()["code"]) for each in after] == [
        (404, "user-not-found")
    ] * 2


async def test_a_contact_needs_its_own_token(database_url: str) -> None:
    """The token of reset links or of feeds does not open it."""
    text = "the secret that all of the services share"
    secret = InternalSecret(Secret(text))
    async with open_auth(database_url, INTERNAL_SECRET=text) as auth:
        ana = await auth.person()
        tokens = [{}, secret.headers, secret.headers_for(RESET_LINKS), secret.headers_for(CONTACTS)]
        answers = [await contact(auth, ana.id, **headers) for headers in tokens]

    assert [answer.status_code for answer in answers] == [401, 401, 401, 200]


async def new_devices(auth: Auth) -> list[dict[str, Any]]:
    """The data of every published sign-in from a new device."""
    events = (await auth.client.get("/internal/streams/accounts")).json()
    found = [event for event in events if event["type"] == "bookstore.user.new_device_signed_in.v1"]
    for event in found:
        assert event["subject"] == f"device/{event['data']['device_id']}"
        assert list(validator(event["type"]).iter_errors(event["data"])) == []
    return [event["data"] for event in found]


async def log_in(auth: Auth, agent: str, host: str = "198.51.100.7") -> None:
    ana = {"email": "ana@example.com", "password": PASSWORD}
    response = await auth.from_address(host, "POST", "/login", ana, more={"user-agent": agent})
    assert response.status_code == 200, response.text


async def test_a_sign_in_from_a_new_device_is_published(auth: Auth) -> None:
    """The first sign-in of an account is not; another browser, system or provider is."""
    user_id = (await auth.register()).json()["id"]
    await log_in(auth, FIREFOX)
    await log_in(auth, NEWER_FIREFOX, "198.51.200.9")
    assert await new_devices(auth) == []
    await log_in(auth, PHONE)
    await log_in(auth, PHONE)
    await log_in(auth, "curl/8.14", "2001:db8::1")
    found = await new_devices(auth)

    assert [(each["browser"], each["system"]) for each in found] == [
        ("Chrome", "Android"),
        ("", ""),
    ]
    assert {each["user_id"] for each in found} == {user_id}
    rows = await auth.rows("SELECT * FROM known_devices")
    assert {len(row["device_hash"]) for row in rows} == {64}
    assert not any(part in str(rows) for part in ("Firefox", "198.51", "ana@"))


async def test_a_wrong_password_records_no_device(auth: Auth) -> None:
    """Only who has the password signs in."""
    await auth.register()
    await auth.log_in(password="wrong")

    assert await auth.rows("SELECT * FROM known_devices") == []


async def test_devices_are_forgotten(auth: Auth, monkeypatch: pytest.MonkeyPatch) -> None:
    """After their time, beyond their number, and with the account."""
    monkeypatch.setattr(devices, "MAX_DEVICES", 2)
    ana = await auth.person()
    for number in range(4):
        auth.clock.advance(seconds=1)
        await log_in(auth, FIREFOX, f"198.{number}.0.1")
    kept = await auth.rows("SELECT * FROM known_devices")
    auth.clock.advance(days=181)
    await commands.purge(auth.database, auth.clock())
    purged = await auth.rows("SELECT * FROM known_devices")
    ana = await auth.again(ana.id, ana.email)
    await auth.call("DELETE", "/me", CLOSING, by=ana)

    assert len(kept) == 2
    assert timedelta(days=181) > devices.REMEMBERED
    assert purged == []
    assert await auth.rows("SELECT * FROM known_devices") == []
