"""Which callers each route of each service admits.

The routes are read from the apps, and one without a row here fails. Each row says whether anonymous
callers, customers, sellers, staff and admins are admitted. Customers are answered 404 for rows of
others, and sellers 403 for books of others, which each service's own tests check.
"""

import re
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio

from tests.journeys.shop_in_process import ShopInProcess, open_shop
from tests.support.routes import routes_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLERS = ("anonymous", "customer", "seller", "staff", "admin")

ANYONE = (True, True, True, True, True)
SIGNED_IN = (False, True, True, True, True)
SELLER = (False, False, True, False, False)
SELLER_OR_STAFF = (False, False, True, True, True)
STAFF = (False, False, False, True, True)
ADMIN = (False, False, False, False, True)


PUBLIC: dict[str, dict[str, tuple[bool, ...]]] = {
    "auth": {
        "POST /register": ANYONE,
        "POST /login": ANYONE,
        "POST /refresh": ANYONE,
        "POST /validate": ANYONE,
        "POST /logout": ANYONE,
        "POST /password/forgot": ANYONE,
        "POST /password/reset": ANYONE,
        # The service that sends the mail, which has the token of another secret.
        "POST /internal/password-resets/{reset_id}/link": ANYONE,
        "GET /internal/users/{user_id}/contact": ANYONE,
        "GET /me": SIGNED_IN,
        "PATCH /me": SIGNED_IN,
        "DELETE /me": SIGNED_IN,
        "POST /me/password": SIGNED_IN,
        "GET /users": ADMIN,
        "GET /users/{user_id}": ADMIN,
        "PATCH /users/{user_id}": ADMIN,
        "GET /.well-known/jwks.json": ANYONE,
        "GET /admin/keys": ADMIN,
        "POST /admin/keys/rotate": ADMIN,
    },
    "catalog": {
        "GET /books": ANYONE,
        "GET /books/facets": ANYONE,
        "GET /books/suggestions": ANYONE,
        "GET /books/{book_id}": ANYONE,
        "GET /books/managed": STAFF,
        "POST /books": SELLER_OR_STAFF,
        "PUT /books/{book_id}": SELLER_OR_STAFF,
        "PATCH /books/{book_id}": SELLER_OR_STAFF,
        "DELETE /books/{book_id}": SELLER_OR_STAFF,
        "POST /books/{book_id}/restore": SELLER_OR_STAFF,
        "POST /books/import": SELLER_OR_STAFF,
        "PUT /books/{book_id}/seller": STAFF,
        "GET /sellers": ANYONE,
        "GET /sellers/{seller_id}": ANYONE,
        "GET /sellers/me": SELLER,
        "PUT /sellers/me": SELLER,
        "GET /sellers/me/books": SELLER,
        "GET /books/{book_id}/reviews": ANYONE,
        "GET /books/{book_id}/reviews/own": SIGNED_IN,
        "POST /books/{book_id}/reviews": SIGNED_IN,
        "GET /me/reviews": SIGNED_IN,
        "GET /reviews": STAFF,
        "GET /reviews/{review_id}": ANYONE,
        "PATCH /reviews/{review_id}": SIGNED_IN,
        "DELETE /reviews/{review_id}": SIGNED_IN,
        "POST /reviews/{review_id}/reports": SIGNED_IN,
        "POST /reviews/{review_id}/hide": STAFF,
        "POST /reviews/{review_id}/restore": STAFF,
    },
    "notifications": {
        # The token of a link in a mail, which opens nothing else.
        "POST /unsubscribe": ANYONE,
        "GET /preferences": SIGNED_IN,
        "PATCH /preferences": SIGNED_IN,
        "GET /internal/mails": ADMIN,
        "POST /internal/mails/{mail_id}/retry": ADMIN,
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
        # The payment provider, whose messages are signed.
        "POST /payment-webhooks": ANYONE,
        "GET /providers": ANYONE,
        "POST /providers": STAFF,
        "GET /providers/{provider_id}": ANYONE,
        "PATCH /providers/{provider_id}": STAFF,
        "DELETE /providers/{provider_id}": STAFF,
        "GET /delivery-quotes": ANYONE,
        "GET /addresses": SIGNED_IN,
        "POST /addresses": SIGNED_IN,
        "GET /addresses/{address_id}": SIGNED_IN,
        "PATCH /addresses/{address_id}": SIGNED_IN,
        "DELETE /addresses/{address_id}": SIGNED_IN,
        "GET /cart": SIGNED_IN,
        "DELETE /cart": SIGNED_IN,
        "POST /cart/items": SIGNED_IN,
        "PUT /cart/items/{book_id}": SIGNED_IN,
        "DELETE /cart/items/{book_id}": SIGNED_IN,
        "POST /cart/merge": SIGNED_IN,
        "POST /assignments": STAFF,
        "GET /assignments": SIGNED_IN,
        "GET /assignments/{assignment_id}": SIGNED_IN,
        "PATCH /assignments/{assignment_id}": STAFF,
        "GET /books": ANYONE,
        "GET /books/{book_id}": ANYONE,
        # Redirects to catalog, which authenticates.
        "POST /books": ANYONE,
        "PUT /books/{book_id}": ANYONE,
        "PATCH /books/{book_id}": ANYONE,
        "DELETE /books/{book_id}": ANYONE,
        "GET /inventory/{book_id}": SELLER_OR_STAFF,
        "GET /inventory/{book_id}/adjustments": SELLER_OR_STAFF,
        "POST /inventory/{book_id}/adjustments": SELLER_OR_STAFF,
        "GET /sales": SELLER_OR_STAFF,
        "GET /sales/summary": SELLER_OR_STAFF,
    },
}

EVERYWHERE = {
    "GET /": ANYONE,
    "GET /livez": ANYONE,
    "GET /readyz": ANYONE,
    "GET /openapi.json": ANYONE,
    "GET /apidocs": ANYONE,
    "GET /apidocs/{name}": ANYONE,
    # The internal API, which only the cluster reaches: its callers have no token.
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
    "POST /internal/dead-letters/{letter_id}/discard": ADMIN,
    "POST /internal/dead-letters/{letter_id}/replay": ADMIN,
    "POST /internal/dead-letters/replay": ADMIN,
    "GET /internal/status": ADMIN,
}

ENDS_THE_SESSION = {"POST /logout", "DELETE /me"}
"""Routes that revoke the caller's token, which later cases need; auth's own tests check them."""

REFUSED_BY_GUARD = {
    "token-missing",
    "token-invalid",
    "token-expired",
    "token-revoked",
    "forbidden",
}
"""Codes of guards. A 401 with another code, such as for a wrong password, is not one of them."""


def cases() -> Iterator[object]:
    """One case per service, route and caller, with whether the route admits the caller."""
    for service, own in PUBLIC.items():
        for route, admitted in {**EVERYWHERE, **own}.items():
            for caller, is_admitted in zip(CALLERS, admitted, strict=True):
                if route not in ENDS_THE_SESSION or caller == "anonymous":
                    name = f"{service} {route} by {caller}"
                    yield pytest.param(service, route, caller, is_admitted, id=name)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ShopInProcess]:
    """One shop for all cases: no request of theirs is complete enough to change it."""
    async with open_shop(tmp_path_factory.mktemp("matrix")) as running:
        await running.sign_up("customer")
        await running.sign_up("seller", "seller")
        yield running


@pytest.mark.parametrize("service", PUBLIC)
async def test_every_route_has_a_row(shop: ShopInProcess, service: str) -> None:
    """The rows of a service are exactly the routes of its app."""
    found = {f"{route.method} {route.path}" for route in routes_of(shop.apps[service])}

    assert found == {*EVERYWHERE, *PUBLIC[service]}


@pytest.mark.parametrize(("service", "route", "caller", "is_admitted"), list(cases()))
async def test_a_route_admits_the_callers_of_its_row(
    shop: ShopInProcess, service: str, route: str, caller: str, is_admitted: bool
) -> None:
    """Others get 401 without a token and 403 with one; an admitted request may fail otherwise."""
    answer = await ask(shop, service, route, caller)

    if is_admitted:
        assert _code(answer) not in REFUSED_BY_GUARD
    else:
        assert answer.status_code == (401 if caller == "anonymous" else 403)
    if answer.status_code == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def ask(shop: ShopInProcess, service: str, route: str, caller: str) -> httpx.Response:
    """A request with an empty body and unknown ids, so that only the guard decides."""
    method, _, template = route.partition(" ")
    path = re.sub(r"\{\w+_id\}", "999999", template).replace("{name}", "nothing")
    user = None if caller == "anonymous" else caller
    body: dict[str, str] | None = {} if method in {"POST", "PUT", "PATCH"} else None
    return await shop.call(service, method, path, body, user=user)


def _code(answer: httpx.Response) -> str | None:
    is_problem = answer.headers.get("content-type") == "application/problem+json"
    code: str | None = answer.json()["code"] if is_problem else None
    return code
