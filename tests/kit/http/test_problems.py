"""Every refusal is an RFC 9457 document, in the language that was asked for."""

from typing import Any

import httpx
import pytest
from litestar import Litestar, get
from litestar.params import FromPath

from functions.kit.base import errors
from functions.kit.base.errors import DomainError, FieldError, Kind, NotFound, Unavailable
from functions.kit.http.problems import MEDIA_TYPE, STATUS
from tests.kit import sample
from tests.support.clock import FakeClock
from tests.support.tokens import Issuer

RAISED: dict[str, Exception] = {}


@get("/raise/{name:str}")
async def raise_it(name: FromPath[str]) -> None:
    raise RAISED[name]


@pytest.fixture
def app(database_url: str, clock: FakeClock, issuer: Issuer) -> Litestar:
    public = (raise_it, sample.get_note, sample.list_notes)
    return sample.create_app(database_url, clock=clock, http=issuer.wire(), public=public)


async def answer(client: httpx.AsyncClient, error: Exception, **headers: str) -> httpx.Response:
    RAISED["it"] = error
    return await client.get("/raise/it", headers=headers)


KINDS = [each for each in vars(errors).values() if isinstance(each, type)]


@pytest.mark.parametrize(
    "refusal", [each for each in KINDS if issubclass(each, DomainError) and each is not DomainError]
)
async def test_each_kind_has_one_status(
    client: httpx.AsyncClient, refusal: type[DomainError]
) -> None:
    """With the members of RFC 9457, and the short `error` that clients of the original read."""
    response = await answer(client, refusal("what happened"))
    problem = response.json()

    assert response.headers["content-type"] == MEDIA_TYPE
    assert response.status_code == problem["status"] == STATUS[refusal.kind]
    assert problem["type"] == f"urn:bookstore:problem:{refusal.code}"
    assert (problem["title"], problem["detail"]) == (refusal.title, "what happened")
    assert (problem["error"], problem["instance"]) == (refusal.error.es, "/raise/it")
    assert problem["trace_id"] == response.headers["traceparent"][3:35]


def test_no_kind_is_without_a_status() -> None:
    """A new kind is a new line in the table."""
    assert set(STATUS) == set(Kind)


@pytest.mark.parametrize(
    ("asked", "language", "text"),
    [(None, "es", "No encontrado"), ("en", "en", "Not found"), ("de", "es", "No encontrado")],
)
async def test_the_short_text_is_in_the_language_that_was_asked_for(
    client: httpx.AsyncClient, asked: str | None, language: str, text: str
) -> None:
    """Spanish by default; `Vary` tells caches that it depends."""
    headers = {"accept-language": asked} if asked else {}
    response = await answer(client, NotFound(), **headers)

    assert (response.json()["error"], response.headers["content-language"]) == (text, language)
    assert response.headers["vary"] == "Accept-Language"


async def test_fields_and_members_of_ones_own_are_shown(client: httpx.AsyncClient) -> None:
    """Each wrong field, and what a refusal adds."""
    error = errors.Conflict("no", errors=[FieldError("quantity", "is too much")], stock_actual=3)
    problem = (await answer(client, error)).json()

    assert problem["errors"] == [{"field": "quantity", "message": "is too much"}]
    assert problem["stock_actual"] == 3


@pytest.mark.parametrize(("seconds", "header"), [(0, "1"), (0.2, "1"), (1.2, "2"), (30, "30")])
async def test_a_transient_error_has_retry_after(
    client: httpx.AsyncClient, seconds: float, header: str
) -> None:
    """In whole seconds, never earlier than it makes sense."""
    response = await answer(client, Unavailable(retry_after=seconds))

    assert response.headers["retry-after"] == header


@pytest.mark.parametrize("question", ["is_unavailable", "is_retryable"])
async def test_a_database_that_is_away_is_a_passing_fault(
    app: Litestar, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    """Busy, full, or not to be reached: 503 with Retry-After, and no word of where it lies."""
    monkeypatch.setattr(app.state.services.database, question, lambda error: True)
    response = await answer(client, LookupError("disk path /secret/shop.db"))

    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert int(response.headers["retry-after"]) >= 1
    assert "secret" not in response.text


@pytest.mark.parametrize(
    "error", [KeyError("hunter2"), LookupError("secret hunter2"), RecursionError("hunter2")]
)
async def test_a_bug_says_nothing_of_itself(client: httpx.AsyncClient, error: Exception) -> None:
    """The log does; the caller has the trace to report."""
    response = await answer(client, error)

    assert (response.status_code, response.json()["code"]) == (500, "internal-error")
    assert not {"hunter2", "secret", "Traceback", type(error).__name__} & set(response.text.split())
    assert "hunter2" not in response.text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "route-not-found"),
        ("GET", "/notes/", 405, "method-not-allowed"),
        ("DELETE", "/notes", 405, "method-not-allowed"),
        ("GET", "/notes/abc", 404, "route-not-found"),
        ("GET", "/notes?limit=abc", 400, "invalid-input"),
        ("GET", "/%0d%0ax-evil:%20yes", 404, "route-not-found"),
        ("GET", "/%ff%00", 404, "route-not-found"),
    ],
)
async def test_what_the_router_refuses_looks_the_same(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    """Also for paths that are no text."""
    if path == "/notes/":
        method = "PUT"
    response = await client.request(method, path)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == MEDIA_TYPE
    assert response.json()["instance"].isascii()


async def test_a_wrong_method_is_told_the_right_ones(client: httpx.AsyncClient) -> None:
    """RFC 9110, section 15.5.6."""
    response = await client.delete("/notes")

    assert "GET" in response.headers["allow"]


@pytest.mark.parametrize("note_id", ["0", "-1", "9223372036854775808", "9" * 60])
async def test_an_id_that_cannot_be_is_not_there(
    client: httpx.AsyncClient, issuer: Issuer, note_id: str
) -> None:
    """No database is asked for a number that no column holds."""
    response = await client.get(f"/notes/{note_id}", headers=issuer.bearer(1, "staff"))

    assert (response.status_code, response.json()["code"]) == (404, "not-found")


async def test_a_document_is_json_whatever_it_says(client: httpx.AsyncClient) -> None:
    """Details quote what was sent."""
    detail = 'a "quoted"\u2028line\r\n<script>'
    problem: dict[str, Any] = (await answer(client, NotFound(detail))).json()

    assert problem["detail"] == detail
