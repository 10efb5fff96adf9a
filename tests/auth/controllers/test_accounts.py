import asyncio
from typing import Any

import pytest

from tests.auth.service import CLOSING, PASSWORD, Auth

NEW = "otra frase bastante larga"


async def test_registering_makes_a_customer(auth: Auth) -> None:
    """The response has the original's text; a name is optional."""
    body = {"email": " Ana@Example.com", "password": PASSWORD, "name": "Ana Ñúñez"}
    response = await auth.call("POST", "/register", body)

    assert response.status_code == 201
    user_id = response.json()["id"]
    assert response.json() == {"message": "usuario creado", "id": user_id}
    ana = await auth.again(user_id, "ana@example.com")
    assert (await auth.call("GET", "/me", by=ana)).json() == {
        "id": user_id,
        "email": "Ana@Example.com",
        "name": "Ana Ñúñez",
        "roles": ["customer"],
        "language": "es",
        "created_at": "2026-03-14T09:26:53.589793Z",
    }


async def test_an_address_has_one_account(auth: Auth) -> None:
    """Spellings of the same address are one account."""
    await auth.register()
    response = await auth.register("ANA@EXAMPLE.COM")

    assert response.status_code == 409
    assert response.json()["code"] == "email-already-registered"
    assert response.json()["error"] == "usuario ya existe"


async def test_of_concurrent_registrations_one_wins(auth: Auth) -> None:
    """The unique index decides, not the query before."""
    answers = await asyncio.gather(*(auth.register() for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert len(await auth.rows("SELECT id FROM users")) == 1
    assert len(await auth.rows("SELECT id FROM user_roles")) == 1


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"email": "ana"}, "email-invalid", "email"),
        ({"email": "a@" + "b" * 300}, "email-invalid", "email"),
        ({"email": "a@" + "b" * 320}, "invalid-input", "email"),
        ({"email": "ana\x00@example.com"}, "invalid-input", "email"),
        ({"email": 7}, "invalid-input", "email"),
        ({"password": "corto"}, "password-refused", "password"),
        ({"password": "x" * 129}, "password-refused", "password"),
        ({"password": "Password123"}, "password-refused", "password"),
        ({"email": "anamaria@example.com", "password": "AnaMaria"}, "password-refused", "password"),
        ({"password": 12345678}, "invalid-input", "password"),
        ({"name": "x" * 101}, "invalid-input", "name"),
        ({"name": "a\nb"}, "invalid-input", "name"),
        ({"roles": ["admin"]}, "invalid-input", "roles"),
        ({"id": 1}, "invalid-input", "id"),
        ({"disabled": False}, "invalid-input", "disabled"),
    ],
)
async def test_a_bad_registration_names_its_field(
    auth: Auth, body: dict[str, Any], code: str, field: str
) -> None:
    """No account is created, and neither role nor id can be set."""
    sent = {"email": "ana@example.com", "password": PASSWORD, **body}
    response = await auth.call("POST", "/register", sent)

    assert response.status_code == 400
    document = response.json()
    assert document["code"] == code
    assert [each["field"] for each in document["errors"]] == [field]
    assert await auth.rows("SELECT id FROM users") == []


@pytest.mark.parametrize("name", ["", "  ", None])
async def test_a_blank_name_counts_as_none(auth: Auth, name: str | None) -> None:
    """An empty or blank name, which clients of the original send, counts as none."""
    sent = {"email": "ana@example.com", "password": PASSWORD, "name": name}
    response = await auth.call("POST", "/register", sent)

    assert response.status_code == 201
    (row,) = await auth.rows("SELECT name FROM users")
    assert row["name"] is None


async def test_a_profile_changes_the_sent_members_only(auth: Auth) -> None:
    """Omitted members are kept; a null name is removed."""
    ana = await auth.person()
    named = await auth.call("PATCH", "/me", {"name": "Ana"}, by=ana)
    moved = await auth.call(
        "PATCH", "/me", {"email": "ana@example.org", "current_password": PASSWORD}, by=ana
    )
    unnamed = await auth.call("PATCH", "/me", {"name": None}, by=ana)
    same = await auth.call("PATCH", "/me", {}, by=ana)

    assert [each.status_code for each in (named, moved, unnamed, same)] == [200] * 4
    assert (named.json()["name"], named.json()["email"]) == ("Ana", "ana@example.com")
    assert (moved.json()["name"], moved.json()["email"]) == ("Ana", "ana@example.org")
    assert (unnamed.json()["name"], unnamed.json()["email"]) == (None, "ana@example.org")
    assert same.json() == unnamed.json()
    assert (await auth.log_in("ana@example.com")).status_code == 401
    assert (await auth.log_in("ana@example.org")).status_code == 200


async def test_a_new_address_needs_the_password(auth: Auth) -> None:
    """The address controls the account, so a stolen token alone cannot change it."""
    ana = await auth.person()
    new = {"email": "thief@example.org"}
    without = await auth.call("PATCH", "/me", new, by=ana)
    wrong = await auth.call("PATCH", "/me", {**new, "current_password": "guess"}, by=ana)
    same = await auth.call("PATCH", "/me", {"email": ana.email}, by=ana)

    assert (without.status_code, without.json()["code"]) == (400, "password-needed")
    assert [each["field"] for each in without.json()["errors"]] == ["current_password"]
    assert (wrong.status_code, wrong.json()["code"]) == (401, "invalid-credentials")
    assert (same.status_code, same.json()["email"]) == (200, ana.email)


async def test_tries_of_a_new_address_are_throttled_as_logins_are(auth: Auth) -> None:
    """A wrong current password counts as a try of a login."""
    ana = await auth.person()
    body = {"email": "thief@example.org", "current_password": "guess"}
    answers = [(await auth.call("PATCH", "/me", body, by=ana)).status_code for _ in range(11)]

    assert answers == [401] * 10 + [429]


async def test_a_new_address_revokes_the_other_logins(auth: Auth) -> None:
    """They are revoked here and by events; the login that changed it is kept."""
    ana = await auth.person()
    elsewhere = await auth.again(ana.id, ana.email)
    body = {"email": "ana@example.org", "current_password": PASSWORD}
    moved = await auth.call("PATCH", "/me", body, by=ana)

    assert moved.status_code == 200
    assert await auth.is_in(ana)
    assert not await auth.is_in(elsewhere)
    assert (await auth.refresh(elsewhere.refresh_token)).status_code == 401
    assert (await auth.refresh(ana.refresh_token)).status_code == 200
    assert len(await auth.published("bookstore.token.revoked.v1")) == 1


async def test_an_address_of_another_account_is_refused(auth: Auth) -> None:
    """It is answered 409, and nothing of the request is done."""
    await auth.register("bruno@example.com")
    ana = await auth.person()
    body = {"name": "Bruno", "email": "BRUNO@example.com", "current_password": PASSWORD}
    response = await auth.call("PATCH", "/me", body, by=ana)

    assert response.status_code == 409
    assert (await auth.call("GET", "/me", by=ana)).json()["name"] is None


@pytest.mark.parametrize("body", [{"email": "x"}, {"email": None}, {"roles": []}, {"name": 7}, []])
async def test_a_bad_profile_is_refused(auth: Auth, body: object) -> None:
    """It is answered 400."""
    ana = await auth.person()

    assert (await auth.call("PATCH", "/me", body, by=ana)).status_code == 400


async def test_a_new_password_revokes_the_other_logins(auth: Auth) -> None:
    """The caller gets new tokens; every earlier token is revoked, here and by events."""
    ana = await auth.person()
    thief = await auth.again(ana.id, ana.email)
    auth.clock.advance(seconds=1)
    body = {"current_password": PASSWORD, "new_password": NEW}
    response = await auth.call("POST", "/me/password", body, by=ana)

    assert response.status_code == 200
    assert response.json()["message"] == "password actualizado"
    assert await auth.is_in(ana._replace(token=response.json()["token"]))
    assert (await auth.refresh(response.json()["refresh_token"])).status_code == 200
    for old in (ana, thief):
        assert not await auth.is_in(old)
        assert (await auth.refresh(old.refresh_token)).status_code == 401
    assert (await auth.log_in()).status_code == 401
    assert (await auth.log_in(password=NEW)).status_code == 200
    (event,) = await auth.published("bookstore.user.disabled.v1")
    assert (event["subject"], event["revision"]) == (f"user/{ana.id}", "1")
    assert event["data"] == {
        "user_id": ana.id,
        "disabled": False,
        "tokens_not_before": "2026-03-14T09:26:54.589793Z",
    }


async def test_the_current_password_is_required(auth: Auth) -> None:
    """A token alone does not change the password, and no login is revoked."""
    ana = await auth.person()
    body = {"current_password": "not the password", "new_password": NEW}
    response = await auth.call("POST", "/me/password", body, by=ana)

    assert response.status_code == 401
    assert response.json()["error"] == "credenciales inválidas"
    assert await auth.is_in(ana)


@pytest.mark.parametrize("new", ["corto", "password123", "ana@example.com"])
async def test_a_new_password_obeys_the_rules(auth: Auth, new: str) -> None:
    """The refusal names the field `new_password`."""
    ana = await auth.person()
    body = {"current_password": PASSWORD, "new_password": new}
    response = await auth.call("POST", "/me/password", body, by=ana)

    assert response.status_code == 400
    assert [each["field"] for each in response.json()["errors"]] == ["new_password"]


async def test_a_deleted_account_keeps_its_id_only(auth: Auth) -> None:
    """Email, name and password are removed, every token is refused, and the address is free."""
    ana = await auth.person()
    await auth.call("PATCH", "/me", {"name": "Ana"}, by=ana)
    auth.clock.advance(seconds=1)
    response = await auth.call("DELETE", "/me", CLOSING, by=ana)

    assert response.status_code == 200
    assert response.json() == {"message": "usuario eliminado"}
    assert not await auth.is_in(ana)
    assert (await auth.refresh(ana.refresh_token)).status_code == 401
    assert (await auth.log_in()).status_code == 401
    (row,) = await auth.rows("SELECT * FROM users")
    assert row["id"] == ana.id
    assert (row["email"], row["email_key"], row["name"], row["password_hash"]) == (None,) * 4
    (event,) = await auth.published("bookstore.user.disabled.v1")
    assert event["data"]["disabled"] is True
    validated = await auth.call("POST", "/validate", {"token": ana.token})
    assert validated.json()["error"] == "Token invalidado"
    again = await auth.person()
    assert again.id != ana.id


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (None, 400, "password-needed"),
        ({}, 400, "password-needed"),
        ({"current_password": "otra frase bastante larga"}, 401, "invalid-credentials"),
    ],
)
async def test_an_account_is_closed_with_its_password_only(
    auth: Auth, body: dict[str, str] | None, status: int, code: str
) -> None:
    """A stolen token alone cannot close it."""
    ana = await auth.person()
    response = await auth.call("DELETE", "/me", body, by=ana)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert await auth.is_in(ana)


async def test_the_last_admin_cannot_close_the_account(auth: Auth) -> None:
    """The last admin cannot close the account; one of two can."""
    admin = await auth.admin()
    response = await auth.call("DELETE", "/me", CLOSING, by=admin)

    assert response.status_code == 409
    assert response.json()["code"] == "last-admin"
    await auth.admin("second@example.com")
    assert (await auth.call("DELETE", "/me", CLOSING, by=admin)).status_code == 200
