import asyncio
from datetime import timedelta
from typing import Any

import jwt
import pytest

from functions.auth import commands
from tests.auth.service import CLOSING, Auth, Person, open_auth


async def change(auth: Auth, admin: Person, user_id: int, **body: Any) -> dict[str, Any]:
    response = await auth.call("PATCH", f"/users/{user_id}", body, by=admin)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def test_users_are_listed_page_by_page(auth: Auth) -> None:
    """Oldest first, each once, also when one is deleted meanwhile; the last page has no `Link`."""
    admin = await auth.admin()
    people = [await auth.person(f"user{number}@example.com") for number in range(4)]
    await auth.call("DELETE", "/me", CLOSING, by=people[1])
    seen: list[int] = []
    path: str | None = "/users?limit=2"
    while path is not None:
        page = await auth.call("GET", path, by=admin)
        assert page.status_code == 200
        seen += [user["id"] for user in page.json()]
        link = page.headers.get("link")
        path = link.partition(">")[0].lstrip("<") if link else None

    assert seen == [admin.id, people[0].id, people[2].id, people[3].id]


@pytest.mark.parametrize("sort", ["id", "created", "email"])
async def test_users_are_listed_in_each_order(auth: Auth, sort: str) -> None:
    """Forwards and backwards, page by page; of equal ones by id. A closed account is in none."""
    admin = await auth.admin()
    people = [admin]
    for number, name in enumerate(("Zoe", "ana", "carla", "bea")):
        auth.clock.advance(minutes=number % 2)
        people.append(await auth.person(f"{name}@example.com"))
    await auth.call("DELETE", "/me", CLOSING, by=people[2])
    found = {each["id"]: each for each in await walk(auth, admin, "/users?limit=100")}
    key = {"id": "id", "created": "created_at", "email": "email"}[sort]
    ordered = sorted(found, key=lambda i: (str(found[i][key]).lower() if key != "id" else i, i))
    up = await walk(auth, admin, f"/users?limit=1&sort={sort}")
    down = await walk(auth, admin, f"/users?limit=2&sort=-{sort}")

    assert people[2].id not in found
    assert len(found) == len(people) - 1
    assert [each["id"] for each in up] == ordered
    assert [each["id"] for each in down] == ordered[::-1]


async def test_a_cursor_is_of_one_order_of_users(auth: Auth) -> None:
    """In another one it would leave accounts out."""
    admin = await auth.admin()
    await auth.person()
    for sort in ("id", "-id", "created", "-created", "email", "-email"):
        page = await auth.call("GET", f"/users?limit=1&sort={sort}", by=admin)
        link = page.headers["link"].partition(">")[0].lstrip("<")
        for other in ("id", "-id", "created", "-created", "email", "-email"):
            answer = await auth.call("GET", link.replace(f"sort={sort}", f"sort={other}"), by=admin)

            assert answer.status_code == (200 if other == sort else 400), (sort, other)


async def walk(auth: Auth, admin: Person, path: str | None) -> list[dict[str, Any]]:
    """Everything that the pages of a list have."""
    found: list[dict[str, Any]] = []
    while path is not None:
        page = await auth.call("GET", path, by=admin)
        assert page.status_code == 200, page.text
        found += page.json()
        link = page.headers.get("link")
        path = link.partition(">")[0].lstrip("<") if link else None
    return found


async def test_a_listed_user_shows_no_secret(auth: Auth) -> None:
    """Responses have neither hash nor key; the filter by address ignores case."""
    admin = await auth.admin()
    ana = await auth.person()
    (found,) = (await auth.call("GET", "/users?email=ANA@example.com", by=admin)).json()

    assert found == {
        "id": ana.id,
        "email": "ana@example.com",
        "name": None,
        "roles": ["customer"],
        "disabled": False,
        "language": "es",
        "created_at": "2026-03-14T09:26:53.589793Z",
    }
    assert (await auth.call("GET", "/users?email=nobody@example.com", by=admin)).json() == []


async def test_users_are_found_by_text_role_and_state(auth: Auth) -> None:
    """A text is a part of the address or the name; its signs stand for themselves."""
    admin = await auth.admin()
    ana = await auth.person("ana_p@example.com")
    eva = await auth.person("eva@example.com")
    for body in ({"roles": ["staff"]}, {"disabled": True}):
        await change(auth, admin, eva.id, **body)
    await auth.call("PATCH", "/me", {"name": "Ana 100% López"}, by=ana)

    async def found(query: str) -> list[int]:
        answer = await auth.call("GET", f"/users?{query}", by=admin)
        return [user["id"] for user in answer.json()]

    assert await found("q=NA_p") == [ana.id]
    assert await found("q=100%25") == [ana.id]
    assert await found("q=%25") == [ana.id]
    assert await found("q=a_a") == []
    assert await found("role=staff") == [eva.id]
    assert await found("disabled=true") == [eva.id]
    assert await found("disabled=false&role=customer") == [ana.id]


@pytest.mark.parametrize(
    "query",
    [
        "role=owner",
        "disabled=maybe",
        "q=",
        "limit=0",
        "limit=101",
        "limit=x",
        "after=x",
        "after=W10",
        "after=WzEyMzQ1Njc4OTAxMjM0NTY3ODkwMTJd",
    ],
)
async def test_an_invalid_page_is_refused(auth: Auth, query: str) -> None:
    """Limits out of bounds and foreign cursors are answered 400."""
    admin = await auth.admin()

    assert (await auth.call("GET", f"/users?{query}", by=admin)).status_code == 400


async def test_an_added_role_is_in_the_next_tokens(auth: Auth) -> None:
    """Adding a role revokes no token and publishes no event."""
    admin = await auth.admin()
    ana = await auth.person()
    told = len(await auth.published())
    answer = await change(auth, admin, ana.id, roles=["staff", "customer"])

    assert answer["roles"] == ["customer", "staff"]
    assert await auth.is_in(ana)
    assert len(await auth.published()) == told
    token = (await auth.refresh(ana.refresh_token)).json()["token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["roles"] == ["customer", "staff"]


async def test_a_removed_role_revokes_access_tokens(auth: Auth) -> None:
    """Access tokens are revoked here and by an event; the login is kept with the other roles."""
    admin = await auth.admin()
    ana = await auth.person()
    await change(auth, admin, ana.id, roles=["staff", "customer"])
    ana = await auth.again(ana.id, ana.email)
    auth.clock.advance(seconds=1)
    await change(auth, admin, ana.id, roles=["customer"])

    assert not await auth.is_in(ana)
    (event,) = await auth.published("bookstore.user.disabled.v1")
    assert event["data"]["disabled"] is False
    refreshed = await auth.refresh(ana.refresh_token)
    assert await auth.is_in(ana._replace(token=refreshed.json()["token"]))


async def test_a_disabled_user_cannot_log_in_until_enabled(auth: Auth) -> None:
    """Tokens and logins are revoked for good; once enabled the user may log in again."""
    admin = await auth.admin()
    ana = await auth.person()
    auth.clock.advance(seconds=1)
    assert (await change(auth, admin, ana.id, disabled=True))["disabled"] is True
    assert not await auth.is_in(ana)
    assert (await auth.refresh(ana.refresh_token)).status_code == 401
    assert (await auth.log_in()).status_code == 401
    auth.clock.advance(seconds=1)
    await change(auth, admin, ana.id, disabled=False)

    assert not await auth.is_in(ana)
    assert (await auth.refresh(ana.refresh_token)).status_code == 401
    assert await auth.is_in(await auth.again(ana.id, ana.email))
    events = await auth.published("bookstore.user.disabled.v1")
    assert [(event["revision"], event["data"]["disabled"]) for event in events] == [
        ("1", True),
        ("2", False),
    ]


async def test_a_change_without_effect_publishes_nothing(auth: Auth) -> None:
    """Equal roles, an equal state or an empty body publish no event."""
    admin = await auth.admin()
    ana = await auth.person()
    told = len(await auth.published())
    await change(auth, admin, ana.id, roles=["customer", "customer"], disabled=False)
    await change(auth, admin, ana.id)

    assert len(await auth.published()) == told
    assert await auth.is_in(ana)


@pytest.mark.parametrize("body", [{"roles": ["staff"]}, {"disabled": True}])
async def test_the_last_admin_cannot_be_demoted(auth: Auth, body: dict[str, Any]) -> None:
    """Disabled admins do not count."""
    admin = await auth.admin()
    second = await auth.admin("second@example.com")
    await change(auth, admin, second.id, disabled=True)
    response = await auth.call("PATCH", f"/users/{admin.id}", body, by=admin)

    assert response.status_code == 409
    assert response.json()["code"] == "last-admin"
    assert await auth.is_in(admin)


async def test_two_admins_cannot_demote_each_other(auth: Auth) -> None:
    """Of two concurrent demotions one is refused."""
    first, second = await auth.admin(), await auth.admin("second@example.com")
    answers = await asyncio.gather(
        auth.call("PATCH", f"/users/{second.id}", {"roles": ["customer"]}, by=first),
        auth.call("PATCH", f"/users/{first.id}", {"roles": ["customer"]}, by=second),
    )

    assert 200 in {answer.status_code for answer in answers}
    assert len(await auth.rows("SELECT id FROM user_roles WHERE role = 'admin'")) == 1


@pytest.mark.parametrize("user_id", ["0", "999", str(2**63), "9" * 40, "x"])
async def test_an_unknown_user_is_not_found(auth: Auth, user_id: str) -> None:
    """Ids without a user are answered 404, up to the largest number."""
    admin = await auth.admin()
    response = await auth.call("PATCH", f"/users/{user_id}", {"disabled": True}, by=admin)

    assert response.status_code == 404


async def test_a_deleted_user_is_not_found(auth: Auth) -> None:
    """Reading and changing a deleted user are answered 404."""
    admin = await auth.admin()
    ana = await auth.person()
    await auth.call("DELETE", "/me", CLOSING, by=ana)

    response = await auth.call("PATCH", f"/users/{ana.id}", {"roles": ["staff"]}, by=admin)
    assert response.status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"roles": []},
        {"roles": ["boss"]},
        {"roles": "admin"},
        {"roles": None},
        {"disabled": None},
        {"disabled": "true"},
        {"email": "x@example.com"},
        [],
    ],
)
async def test_a_bad_change_is_refused(auth: Auth, body: object) -> None:
    """It is answered 400, and nothing of it is done."""
    admin = await auth.admin()
    ana = await auth.person()
    response = await auth.call("PATCH", f"/users/{ana.id}", body, by=admin)

    assert response.status_code == 400
    assert await auth.is_in(ana)


async def test_a_rotated_key_verifies_until_its_tokens_have_expired(auth: Auth) -> None:
    """New tokens have the new key at once; the old key is published until its tokens expire."""
    admin = await auth.admin()
    old = jwt.get_unverified_header(admin.token)["kid"]
    auth.clock.advance(seconds=1)
    response = await auth.call("POST", "/admin/keys/rotate", by=admin)

    assert response.status_code == 201
    new = response.json()["kid"]
    assert new != old
    assert await auth.is_in(admin)
    ana = await auth.person()
    assert jwt.get_unverified_header(ana.token)["kid"] == new
    jwks = (await auth.call("GET", "/.well-known/jwks.json")).json()["keys"]
    assert [key["kid"] for key in jwks] == [old, new]
    auth.clock.advance(minutes=16)
    jwks = (await auth.call("GET", "/.well-known/jwks.json")).json()["keys"]
    assert [key["kid"] for key in jwks] == [new]
    await commands.purge(auth.database, auth.clock() + timedelta(seconds=1))
    assert [row["kid"] for row in await auth.rows("SELECT kid FROM signing_keys")] == [new]


async def test_keys_are_listed_with_their_state(auth: Auth) -> None:
    """The active one first; nothing private is shown, and an expired one verifies nothing."""
    admin = await auth.admin()
    old = jwt.get_unverified_header(admin.token)["kid"]
    auth.clock.advance(seconds=1)
    new = (await auth.call("POST", "/admin/keys/rotate", by=admin)).json()["kid"]
    listed = [(await auth.call("GET", "/admin/keys", by=admin)).json()]
    auth.clock.advance(minutes=17)
    listed.append((await auth.call("GET", "/admin/keys", by=await auth.again(*admin[:2]))).json())

    assert [(key["kid"], key["state"]) for key in listed[0]] == [(new, "active"), (old, "retired")]
    assert [(key["kid"], key["state"]) for key in listed[1]] == [(new, "active"), (old, "expired")]
    assert set(listed[0][0]) == {"kid", "state", "created_at", "retired_at", "not_after"}


async def test_a_rotation_that_names_the_key_it_replaces_happens_once(auth: Auth) -> None:
    """A repetition gives the same answer, also at the same time; an unknown key is refused."""
    admin = await auth.admin()
    old = jwt.get_unverified_header(admin.token)["kid"]
    path = f"/admin/keys/rotate?replaces={old}"
    answers = await asyncio.gather(*(auth.call("POST", path, by=admin) for _ in range(3)))
    unknown = await auth.call("POST", "/admin/keys/rotate?replaces=unknown", by=admin)

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["kid"] for answer in answers}) == 1
    assert len(await auth.rows("SELECT kid FROM signing_keys")) == 2
    assert (unknown.status_code, unknown.json()["code"]) == (409, "key-not-active")


async def test_concurrent_rotations_leave_one_active_key(auth: Auth) -> None:
    """Each rotation retires the key of the one before."""
    admin = await auth.admin()
    answers = await asyncio.gather(
        *(auth.call("POST", "/admin/keys/rotate", by=admin) for _ in range(4))
    )

    assert [answer.status_code for answer in answers] == [201] * 4
    assert len(await auth.rows("SELECT kid FROM signing_keys WHERE active = 1")) == 1
    assert len(await auth.rows("SELECT kid FROM signing_keys")) == 5


async def test_the_key_set_is_cacheable_and_shows_nothing_private(auth: Auth) -> None:
    """Its ETag changes with the keys, and no key has a `d`."""
    first = await auth.call("GET", "/.well-known/jwks.json")

    assert first.headers["cache-control"] == "public, max-age=300"
    (key,) = first.json()["keys"]
    assert set(key) == {"kty", "crv", "x", "kid", "use", "alg"}
    assert (key["kty"], key["crv"], key["use"], key["alg"]) == ("OKP", "Ed25519", "sig", "EdDSA")
    etag = first.headers["etag"]
    again = await auth.call("GET", "/.well-known/jwks.json", if_none_match=etag)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    await auth.call("POST", "/admin/keys/rotate", by=await auth.admin())
    changed = await auth.call("GET", "/.well-known/jwks.json", if_none_match=etag)
    assert changed.status_code == 200


async def test_a_replica_signs_with_the_key_of_another_replica(database_url: str) -> None:
    """The active key is read for each token."""
    async with open_auth(database_url) as auth, open_auth(database_url, clock=auth.clock) as other:
        admin = await auth.admin()
        await other.log_in(admin.email)  # has used the old key
        new = (await auth.call("POST", "/admin/keys/rotate", by=admin)).json()["kid"]
        token = (await other.log_in(admin.email)).json()["token"]

    assert jwt.get_unverified_header(token)["kid"] == new
