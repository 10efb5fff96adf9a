"""Pages of other origins: off, or for those that a setting names, on every answer."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from functions.kit.base.settings import BadSettings
from functions.kit.http.cors import EXPOSED_HEADERS, Cors
from tests.kit import sample
from tests.support.apps import serving
from tests.support.clock import FakeClock
from tests.support.tokens import Issuer

SHOP = "https://shop.example"
EVIL = "https://evil.example"
PREFLIGHT = {
    "access-control-request-method": "PUT",
    "access-control-request-headers": "authorization, idempotency-key",
}
ANSWERS = [
    ("GET", "/notes", 200),
    ("HEAD", "/notes", 200),
    ("GET", "/nowhere", 404),
    ("DELETE", "/notes", 405),
    ("GET", "/notes/1", 401),
    ("GET", "/notes?page=2", 400),
    ("GET", "/broken", 500),
    ("OPTIONS", "/notes", 204),
    ("GET", "/openapi.json", 200),
]


@pytest.fixture
async def client(
    tmp_path: Path, clock: FakeClock, issuer: Issuer
) -> AsyncIterator[httpx.AsyncClient]:
    environ = {"CORS_ORIGINS": f"{SHOP}, http://localhost:3000"}
    app = sample.create_app(
        f"sqlite:///{tmp_path}/a.db", clock=clock, http=issuer.wire(), environ=environ
    )
    async with serving(app) as client:
        yield client


def of_cors(response: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if "access-control" in name}


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
async def test_every_answer_can_be_read_by_the_page(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    """Refusals, 405 and 500 too: else the page would see a network error and no status."""
    response = await client.request(method, path, headers={"origin": SHOP})

    assert response.status_code == status
    assert of_cors(response) == {
        "access-control-allow-origin": SHOP,
        "access-control-expose-headers": EXPOSED_HEADERS,
    }
    assert "Origin" in response.headers["vary"]


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
@pytest.mark.parametrize("origin", [None, EVIL, "null", SHOP + ".evil.example", "http" + SHOP[5:]])
async def test_no_other_page_can(
    client: httpx.AsyncClient, method: str, path: str, status: int, origin: str | None
) -> None:
    """Caches learn it by `Vary`."""
    headers = {"origin": origin} if origin is not None else {}
    response = await client.request(method, path, headers=headers)

    assert (response.status_code, of_cors(response)) == (status, {})
    assert "Origin" in response.headers["vary"]


@pytest.mark.parametrize("path", ["/notes", "/notes/1", "/nowhere"])
async def test_a_preflight_is_answered(client: httpx.AsyncClient, path: str) -> None:
    """Without a token, and also where there is no such route: the page is shown its 404."""
    response = await client.options(path, headers={"origin": SHOP, **PREFLIGHT})
    allowed = response.headers["access-control-allow-headers"].lower()

    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["access-control-allow-origin"] == SHOP
    assert "PUT" in response.headers["access-control-allow-methods"]
    assert {"authorization", "idempotency-key", "content-type", "if-match"} <= {
        name.strip() for name in allowed.split(",")
    }


async def test_a_preflight_of_another_page_allows_nothing(client: httpx.AsyncClient) -> None:
    """The browser then does not send the request."""
    response = await client.options("/notes", headers={"origin": EVIL, **PREFLIGHT})

    assert of_cors(response) == {}


@pytest.mark.parametrize("path", ["/internal/dead-letters", "/events", "/metrics"])
async def test_the_internal_api_is_for_no_page(client: httpx.AsyncClient, path: str) -> None:
    """Though one process on one machine serves both."""
    plain = await client.get(path, headers={"origin": SHOP})
    preflight = await client.options(path, headers={"origin": SHOP, **PREFLIGHT})

    assert of_cors(plain) == of_cors(preflight) == {}


async def test_any_origin_may_be_allowed(tmp_path: Path, clock: FakeClock, issuer: Issuer) -> None:
    """By `*`; then an answer depends on no origin."""
    app = sample.create_app(
        f"sqlite:///{tmp_path}/a.db", clock=clock, http=issuer.wire(), environ={"CORS_ORIGINS": "*"}
    )
    async with serving(app) as client:
        response = await client.get("/notes", headers={"origin": EVIL})

    assert response.headers["access-control-allow-origin"] == "*"
    assert "Origin" not in response.headers.get("vary", "")


def test_credentials_are_allowed_by_a_setting() -> None:
    """To origins by name only."""
    cors = Cors(SHOP, credentials=True)

    assert ("access-control-allow-credentials", "true") in list(cors.headers(SHOP))
    assert list(cors.headers(EVIL)) == []


@pytest.mark.parametrize(
    ("environ", "variable"),
    [
        ({"CORS_ORIGINS": "*", "CORS_CREDENTIALS": "true"}, "CORS_CREDENTIALS"),
        ({"CORS_ORIGINS": f"{SHOP},*", "CORS_CREDENTIALS": "true"}, "CORS_CREDENTIALS"),
        ({"CORS_ORIGINS": "shop.example"}, "CORS_ORIGINS"),
        ({"CORS_ORIGINS": f"{SHOP}/"}, "CORS_ORIGINS"),
        ({"CORS_ORIGINS": f"{SHOP}:443"}, "CORS_ORIGINS"),
        ({"CORS_ORIGINS": "http://localhost:80"}, "CORS_ORIGINS"),
        ({"CORS_ORIGINS": f"{SHOP} {EVIL}"}, "CORS_ORIGINS"),
        ({"CORS_ORIGINS": "https://*.example"}, "CORS_ORIGINS"),
        ({"CORS_ORIGINS": "null"}, "CORS_ORIGINS"),
    ],
)
def test_an_origin_that_no_browser_sends_is_refused(environ: dict[str, str], variable: str) -> None:
    """At start, by the variable's name."""
    with pytest.raises(BadSettings, match=variable):
        sample.settings("sqlite:///x.db", **environ)


@pytest.mark.parametrize(
    "origins", ["", "*", f"{SHOP},{EVIL}", "HTTPS://Shop.Example", "http://[::1]:8000"]
)
def test_these_are_origins(origins: str) -> None:
    """CORS_ORIGINS may be empty, `*` or a list of origins, also with capitals or IPv6 hosts."""
    assert sample.settings("sqlite:///x.db", CORS_ORIGINS=origins).cors_origins == origins
