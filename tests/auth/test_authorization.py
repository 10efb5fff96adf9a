import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from functions.auth.app import create_app
from functions.auth.settings import AuthSettings
from tests.auth.service import Auth, Person

ANYONE = (True, True, True)
SIGNED_IN = (False, True, True)
ADMINS = (False, False, True)

# The callers that a route admits: anonymous ones, customers, admins.
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
    ("POST", "/password/forgot"): ANYONE,
    ("POST", "/password/reset"): ANYONE,
    ("GET", "/.well-known/jwks.json"): ANYONE,
    ("GET", "/me"): SIGNED_IN,
    ("PATCH", "/me"): SIGNED_IN,
    ("POST", "/me/password"): SIGNED_IN,
    ("GET", "/users"): ADMINS,
    ("GET", "/users/{user_id}"): ADMINS,
    ("PATCH", "/users/{user_id}"): ADMINS,
    ("GET", "/admin/keys"): ADMINS,
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


def test_every_route_of_the_public_api_has_a_row() -> None:
    """A new route of the public API needs a row."""
    app = create_app(AuthSettings.from_mapping({"EXPOSED_API": "public"}))

    assert routes(app) == set(ROUTES)


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=" ".join)
async def test_a_route_admits_the_callers_of_its_row(auth: Auth, method: str, path: str) -> None:
    """401 without a token, 403 with another role; admitted requests may fail otherwise."""
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


async def test_the_internal_api_has_no_public_route() -> None:
    """Neither API has routes of the other."""
    app = create_app(AuthSettings.from_mapping({"EXPOSED_API": "internal"}))

    assert not {path for _, path in routes(app)} & {
        "/login",
        "/register",
        "/me",
        "/users",
        "/password/forgot",
    }
