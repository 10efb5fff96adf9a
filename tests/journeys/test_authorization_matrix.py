"""Every route of every service, with what each kind of caller is answered.

The routes are listed from the apps: one without a row here fails. Each row names the answer to
nobody, to a customer, to staff and to an admin. Where a customer may, they see only what is theirs:
another's is 404, which each service's own tests show.
"""

import re

import httpx
import pytest

from tests.journeys.shop_in_process import ShopInProcess
from tests.support.routes import routes_of

CALLERS = ("anonymous", "customer", "staff", "admin")

ANYONE = (True, True, True, True)
SIGNED_IN = (False, True, True, True)
STAFF = (False, False, True, True)
ADMIN = (False, False, False, True)


PUBLIC: dict[str, dict[str, tuple[bool, ...]]] = {
    "auth": {
        "POST /register": ANYONE,
        "POST /login": ANYONE,
        "POST /refresh": ANYONE,
        "POST /validate": ANYONE,
        "POST /logout": ANYONE,
        "GET /me": SIGNED_IN,
        "PATCH /me": SIGNED_IN,
        "DELETE /me": SIGNED_IN,
        "POST /me/password": SIGNED_IN,
        "GET /users": ADMIN,
        "GET /users/{user_id}": ADMIN,
        "PATCH /users/{user_id}": ADMIN,
        "GET /.well-known/jwks.json": ANYONE,
        "POST /admin/keys/rotate": ADMIN,
    },
    "catalog": {
        "GET /books": ANYONE,
        "GET /books/{book_id}": ANYONE,
        "POST /books": STAFF,
        "PUT /books/{book_id}": STAFF,
        "PATCH /books/{book_id}": STAFF,
        "DELETE /books/{book_id}": STAFF,
        "POST /books/{book_id}/restore": STAFF,
        "POST /books/import": STAFF,
    },
    "purchase": {
        "POST /purchase": SIGNED_IN,
        "GET /purchases": SIGNED_IN,
        "GET /purchase/{purchase_id}": SIGNED_IN,
        "PUT /purchase/{purchase_id}": STAFF,
        "DELETE /purchase/{purchase_id}": SIGNED_IN,
        "POST /payment": SIGNED_IN,
        "GET /payments": SIGNED_IN,
        "GET /payments/{payment_id}": SIGNED_IN,
        "GET /payments/{payment_id}/refunds": SIGNED_IN,
        "POST /payments/{payment_id}/refunds": STAFF,
        # The payment provider, which signs its messages.
        "POST /payment-webhooks": ANYONE,
        "GET /providers": ANYONE,
        "POST /providers": STAFF,
        "GET /providers/{provider_id}": ANYONE,
        "PATCH /providers/{provider_id}": STAFF,
        "DELETE /providers/{provider_id}": STAFF,
        "POST /assignments": STAFF,
        "GET /assignments": SIGNED_IN,
        "GET /assignments/{assignment_id}": SIGNED_IN,
        "PATCH /assignments/{assignment_id}": STAFF,
        "GET /books": ANYONE,
        "GET /books/{book_id}": ANYONE,
        # They lead to catalog, which asks who is there.
        "POST /books": ANYONE,
        "PUT /books/{book_id}": ANYONE,
        "PATCH /books/{book_id}": ANYONE,
        "DELETE /books/{book_id}": ANYONE,
        "GET /inventory/{book_id}": STAFF,
        "GET /inventory/{book_id}/adjustments": STAFF,
        "POST /inventory/{book_id}/adjustments": STAFF,
    },
}

EVERYWHERE = {
    "GET /": ANYONE,
    "GET /livez": ANYONE,
    "GET /readyz": ANYONE,
    "GET /openapi.json": ANYONE,
    "GET /apidocs": ANYONE,
    "GET /apidocs/{name}": ANYONE,
    # The internal door, which only the cluster reaches: its callers carry no token.
    "GET /metrics": ANYONE,
    "POST /events": ANYONE,
    "POST /events/dead-letter": ANYONE,
    "GET /internal/openapi.json": ANYONE,
    "GET /internal/streams/{name}": ANYONE,
    "GET /internal/streams/{name}/digest": ANYONE,
    "GET /internal/snapshots/{name}": ANYONE,
    "GET /internal/dead-letters": ADMIN,
    "GET /internal/dead-letters/{letter_id}": ADMIN,
    "DELETE /internal/dead-letters/{letter_id}": ADMIN,
    "POST /internal/dead-letters/{letter_id}/replay": ADMIN,
    "POST /internal/dead-letters/replay": ADMIN,
}

ENDS_THE_SESSION = {"POST /logout", "DELETE /me"}
"""Whoever may would be nobody for the rows behind; auth's own tests show them."""

CLOSED = {"token-missing", "token-invalid", "token-expired", "token-revoked", "forbidden"}
"""What a guard answers; a 401 about a password in the body, say, is no closed door."""

CASES = [(service, route) for service, own in PUBLIC.items() for route in {**EVERYWHERE, **own}]


@pytest.mark.parametrize("service", PUBLIC)
async def test_every_route_has_a_row(shop: ShopInProcess, service: str) -> None:
    """And every row has a route."""
    found = {f"{route.method} {route.path}" for route in routes_of(shop.apps[service])}

    assert found == {*EVERYWHERE, *PUBLIC[service]}


async def test_each_caller_is_answered_as_the_matrix_says(shop: ShopInProcess) -> None:
    """A closed door is 401 for nobody and 403 for somebody; an open one may still say no."""
    await shop.sign_up("customer")
    wrong = []
    for service, route in CASES:
        allowed = {**EVERYWHERE, **PUBLIC[service]}[route]
        for caller, may in zip(CALLERS, allowed, strict=True):
            if route in ENDS_THE_SESSION and caller != "anonymous":
                continue
            answer = await ask(shop, service, route, caller)
            if may:
                as_told = _code(answer) not in CLOSED
            else:
                as_told = answer.status_code == (401 if caller == "anonymous" else 403)
            if not as_told:
                wrong.append((service, route, caller, answer.status_code))
            if answer.status_code == 401:
                assert answer.headers["www-authenticate"].startswith("Bearer")

    assert wrong == []


async def ask(shop: ShopInProcess, service: str, route: str, caller: str) -> httpx.Response:
    """A request that says nothing but who asks: an empty object, and ids that are not there."""
    method, _, template = route.partition(" ")
    path = re.sub(r"\{\w+_id\}", "999999", template).replace("{name}", "nothing")
    user = None if caller == "anonymous" else caller
    body: dict[str, str] | None = {} if method in {"POST", "PUT", "PATCH"} else None
    return await shop.call(service, method, path, body, user=user)


def _code(answer: httpx.Response) -> str | None:
    is_problem = answer.headers.get("content-type") == "application/problem+json"
    code: str | None = answer.json()["code"] if is_problem else None
    return code
