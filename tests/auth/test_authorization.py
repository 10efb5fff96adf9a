import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from functions.auth.app import create_app
from functions.auth.settings import AuthSettings
from tests.auth.service import Auth, Person

ANYONE = (True, True, True)
SIGNED_IN = (False, True, True)
ADMINS = (False, False, True)

# Who gets past the door: nobody in particular, a customer, an admin.
ROUTES = {
    ("GET", "/"): ANYONE,
    ("GET", "/livez"): ANYONE,
    ("GET", "/readyz"): ANYONE,
    ("GET", "/openapi.json"): ANYONE,
    ("GET", "/apidocs"): ANYONE,
    ("GET", "/apidocs/{name}"): ANYONE,
    ("POST", "/register"): ANYONE,
    ("POST", "/login"): ANYONE,
    ("POST", "/refresh"): ANYONE,
    ("POST", "/validate"): ANYONE,
    ("POST", "/logout"): ANYONE,
    ("GET", "/.well-known/jwks.json"): ANYONE,
    ("GET", "/me"): SIGNED_IN,
    ("PATCH", "/me"): SIGNED_IN,
    ("POST", "/me/password"): SIGNED_IN,
    ("GET", "/users"): ADMINS,
    ("GET", "/users/{user_id}"): ADMINS,
    ("PATCH", "/users/{user_id}"): ADMINS,
    ("POST", "/admin/keys/rotate"): ADMINS,
    ("DELETE", "/me"): SIGNED_IN,
}


def routes(app: Litestar) -> set[tuple[str, str]]:
    return {
        (method, route.path_format or "/")
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method in route.methods - {"HEAD", "OPTIONS"}
    }


def test_every_route_of_the_public_door_has_a_row() -> None:
    """A new route says here who may call it; the internal door is not among them."""
    app = create_app(AuthSettings.from_mapping({"EXPOSED_API": "public"}))

    assert routes(app) == set(ROUTES)


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=" ".join)
async def test_a_route_opens_for_whom_its_row_says(auth: Auth, method: str, path: str) -> None:
    """401 for nobody, 403 for the wrong role; beyond the door a bad request is another matter."""
    callers: list[Person | None] = [None, await auth.person(), await auth.admin()]
    await auth.admin("another@example.com")
    target = path.format(name="start.js", user_id=callers[1].id if callers[1] else 0)
    refused = []
    for caller in callers:
        response = await auth.call(method, target, {} if method != "GET" else None, by=caller)
        document = response.json() if "json" in response.headers["content-type"] else {}
        code = document.get("code") if isinstance(document, dict) else None
        refused.append(code in {"token-missing", "forbidden"})
        if refused[-1]:
            assert response.status_code == (401 if caller is None else 403)

    assert tuple(not each for each in refused) == ROUTES[method, path]


async def test_the_internal_door_alone_shows_no_public_route() -> None:
    """What the other services read is not what the public calls, and the reverse."""
    app = create_app(AuthSettings.from_mapping({"EXPOSED_API": "internal"}))

    assert not {path for _, path in routes(app)} & {"/login", "/register", "/me", "/users"}
