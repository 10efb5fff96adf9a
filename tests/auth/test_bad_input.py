from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.auth.service import PASSWORD, Auth, Person, open_auth, sqlite_url

pytestmark = pytest.mark.asyncio(loop_scope="module")

BODIES = [
    ("POST", "/register"),
    ("POST", "/login"),
    ("POST", "/refresh"),
    ("POST", "/validate"),
    ("POST", "/logout"),
    ("POST", "/password/forgot"),
    ("POST", "/password/reset"),
    ("PATCH", "/me"),
    ("POST", "/me/password"),
    ("PATCH", "/users/1"),
]

RUBBISH = {
    "broken": (b'{"email": ', 400),
    "empty": (b" ", 400),
    "a list": (b"[1]", 400),
    "a number": (b"7", 400),
    "a text": (b'"email"', 400),
    "not UTF-8": (b'{"email": "\xff\xfe"}', 400),
    "an unpaired surrogate": (
        b'{"email": "\\ud800", "password": "\\udfff", "token": "\\ud800"}',
        400,
    ),
    "nested": (b'{"email": ' + b"[" * 5000 + b"]" * 5000 + b"}", 400),
    "deep": (b"[" * 60000, 400),
    "unknown members": (b'{"nothing": 1}', 400),
    "65 KiB": (b'{"email": "' + b"a" * 65 * 1024 + b'"}', 413),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def auth(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Auth]:
    folder: Path = tmp_path_factory.mktemp("auth")
    async with open_auth(
        sqlite_url(folder),
        LOGIN_TRIES="1000",
        LOGIN_TRIES_PER_ADDRESS="1000",
        REGISTRATIONS_PER_ADDRESS="1000",
        PASSWORD_RESETS_PER_ADDRESS="1000",
    ) as auth:
        yield auth


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(auth: Auth) -> Person:
    return await auth.admin()


@pytest.mark.parametrize(("method", "path"), BODIES, ids=" ".join)
async def test_malformed_bodies_are_refused(
    auth: Auth, admin: Person, method: str, path: str
) -> None:
    """The response is a problem document, and nothing is changed."""
    before = await auth.rows("SELECT * FROM users")
    headers = {} if path == "/logout" else admin.headers
    for name, (body, status) in RUBBISH.items():
        response = await auth.client.request(method, path, content=body, headers=headers)
        assert response.status_code == status, (name, response.text)
        assert response.headers["content-type"] == "application/problem+json"
        assert {"type", "title", "status", "detail", "instance", "code", "error"} <= set(
            response.json()
        )

    assert await auth.rows("SELECT * FROM users") == before


@pytest.mark.parametrize(("method", "path"), BODIES, ids=" ".join)
async def test_other_media_types_are_refused(
    auth: Auth, admin: Person, method: str, path: str
) -> None:
    """415, except for JSON that curl labels as a form."""
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        headers = {**admin.headers, "content-type": media_type}
        response = await auth.client.request(method, path, content=b"a=b", headers=headers)
        assert response.status_code == 415


async def test_curl_without_a_content_type_logs_in(auth: Auth) -> None:
    """`curl -d '{...}'` labels its body as a form."""
    await auth.register("curl@example.com")
    response = await auth.client.post(
        "/login",
        content=f'{{"email": "curl@example.com", "password": "{PASSWORD}"}}',
        headers={"content-type": "application/x-www-form-urlencoded"},
    )

    assert response.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/login", 405),
        ("DELETE", "/users", 405),
        ("PUT", "/me", 405),
        ("GET", "/users/1/roles", 404),
    ],
)
async def test_unknown_routes_are_answered_with_problems(
    auth: Auth, method: str, path: str, status: int
) -> None:
    """Unknown routes and methods are answered with problem documents."""
    response = await auth.client.request(method, path)

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("nul", "contraseña\x00 con nul"),
        ("bidi", "\u202e al revés \u202d"),
        ("emoji", "emoji 🔑🔑🔑 llave"),
        ("blanks", "  blancos  "),
        ("longest", "a" * 128),
    ],
)
async def test_a_password_may_have_any_character(auth: Auth, name: str, password: str) -> None:
    """Any character is accepted, since only the hash is stored."""
    email = f"{name}@example.com"
    assert (await auth.register(email, password)).status_code == 201
    assert (await auth.log_in(email, password)).status_code == 200
    assert (await auth.log_in(email, password + "x")).status_code == 401


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
names = st.sampled_from(
    ["email", "password", "name", "token", "refresh_token", "roles", "language", "x"]
)


@settings(max_examples=60, deadline=None)
@given(
    path=st.sampled_from(
        [
            *("/register", "/login", "/refresh", "/validate", "/logout"),
            *("/password/forgot", "/password/reset"),
        ]
    ),
    body=st.dictionaries(names, json_values, max_size=4),
)
async def test_no_json_is_a_5xx(auth: Auth, path: str, body: dict[str, object]) -> None:
    """Any members and values give a refusal or a success."""
    response = await auth.call("POST", path, body)

    assert response.status_code < 500
