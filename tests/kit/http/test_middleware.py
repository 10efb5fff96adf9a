"""Middleware of every request, including those to unknown routes."""

import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Litestar
from prometheus_client.parser import text_string_to_metric_families

from functions.kit.http.middleware import SINGLE_VALUED, join_repeated
from tests.kit import sample
from tests.support.apps import serving
from tests.support.clock import FakeClock
from tests.support.signing import FEED
from tests.support.tokens import Issuer

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def app(database_url: str, clock: FakeClock, issuer: Issuer) -> Litestar:
    """With logs as JSON. Where they are read, the app is started by the test itself: between a
    fixture and its test, pytest changes what standard output is."""
    environ = {"LOG_FORMAT": "json"}
    return sample.create_app(database_url, clock=clock, http=issuer.wire(), environ=environ)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    """What was logged of requests so far."""
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line for line in found if line["logger"] == "request"]


@pytest.mark.parametrize("path", ["/notes", "/nowhere", "/broken", "/notes/1"])
async def test_an_answer_continues_the_callers_trace(client: httpx.AsyncClient, path: str) -> None:
    """404, 401 and 500 too."""
    headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    response = await client.get(path, headers=headers)

    assert response.headers["traceparent"].startswith(f"00-{TRACE}-")
    assert response.headers["traceparent"] != headers["traceparent"]


async def test_each_request_has_one_line_with_its_trace(
    app: Litestar, capsys: pytest.CaptureFixture[str]
) -> None:
    """Method, path, status; an unknown route as well."""
    async with serving(app) as client:
        answers = [await client.get("/notes?after=secret"), await client.post("/nowhere")]
    logged = lines(capsys)

    assert [line["message"].split()[:3] for line in logged] == [
        ["GET", "/notes", "400"],
        ["POST", "/nowhere", "404"],
    ]
    assert [line["trace_id"] for line in logged] == [
        answer.headers["traceparent"][3:35] for answer in answers
    ]


async def test_no_token_and_no_body_is_logged(
    app: Litestar, issuer: Issuer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a valid token nor an invalid one, nor the value of a parameter."""
    token = issuer.token()
    async with serving(app) as client:
        await client.post("/notes", json={"text": "hunter2"}, headers={"authorization": token})
        await client.get("/notes/1?token=hunter2", headers={"authorization": f"Bearer {token}x"})
    out = capsys.readouterr().out

    assert "POST /notes 201" in out
    assert not [secret for secret in (token, token.split(".")[2], "hunter2") if secret in out]


async def test_a_path_cannot_begin_a_line_of_its_own(
    app: Litestar, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is logged as it was sent, escaped."""
    async with serving(app) as client:
        await client.get("/x%0a2026-03-14 INFO all is well")
    (line,) = lines(capsys)

    assert "\n" not in line["message"]
    assert "/x%0A2026-03-14%20INFO" in line["message"]


async def test_probes_are_not_logged(app: Litestar, capsys: pytest.CaptureFixture[str]) -> None:
    """They would be most of the log."""
    async with serving(app) as client:
        for path in ("/livez", "/readyz", "/metrics", "/"):
            assert (await client.get(path)).status_code == 200

    assert [line["message"].split()[1] for line in lines(capsys)] == ["/"]


async def test_metrics_have_few_labels_whatever_is_sent(client: httpx.AsyncClient) -> None:
    """The route's pattern instead of the path, and known methods only."""
    for number in range(30):
        await client.get(f"/notes/{number}")
        await client.get(f"/nowhere/{number}")
        await client.request(f"METHOD{number}", "/notes")
    text = (await client.get("/metrics")).text
    name = "http_server_request_duration_seconds_count"
    counted = {
        (sample.labels["http_route"], sample.labels["error_type"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }

    assert counted["/notes/{note_id}", "token-missing"] == 30
    assert counted["unknown", "route-not-found"] == 30
    assert len(counted) <= 5


async def test_every_answer_has_the_cheap_safe_headers(client: httpx.AsyncClient) -> None:
    """A browser guesses no type, frames nothing, and loads from nowhere else."""
    for path in ("/", "/nowhere", "/apidocs"):
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["content-security-policy"].startswith("default-src 'self'")


@pytest.mark.parametrize("path", ["/", "/nothing-here"])
async def test_head_is_answered_as_get_is_without_the_content(
    client: httpx.AsyncClient, path: str
) -> None:
    """Status and length are GET's, as `curl -I` shows them."""
    full = await client.get(path)
    head = await client.head(path)

    assert head.status_code == full.status_code
    assert head.content == b""
    assert head.headers["content-type"] == full.headers["content-type"]


@pytest.mark.parametrize("name", sorted(name.decode() for name in SINGLE_VALUED))
async def test_a_repeated_single_valued_header_is_refused(
    client: httpx.AsyncClient, name: str
) -> None:
    """It would be unclear which value applies. Equal values count as repeated too."""
    for values in (("a", "b"), ("a", "a")):
        sent = [(name, value) for value in values]
        response = await client.get("/notes", headers=sent)

        assert (response.status_code, response.json()["code"]) == (400, "header-repeated")
        assert response.json()["errors"][0]["field"] == name.title()


async def test_two_lines_of_a_list_are_one_list(client: httpx.AsyncClient) -> None:
    """RFC 9110, section 5.3: the second language is weighed too."""
    headers = [("accept-language", "de"), ("accept-language", "en")]
    response = await client.get("/nowhere", headers=headers)

    assert response.headers["content-language"] == "en"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text("xyz", min_size=1)), max_size=8))
def test_no_line_of_a_list_is_lost(lines: list[tuple[str, str]]) -> None:
    """In their order, each header once."""
    found = join_repeated([(name.encode(), value.encode()) for name, value in lines])
    again = [(name, value) for name, joint in found for value in joint.split(b", ")]

    assert len({name for name, _ in found}) == len(found)
    assert sorted(again) == sorted((name.encode(), value.encode()) for name, value in lines)
    for header in "abc":
        own = [value.encode() for name, value in lines if name == header]
        assert [value for name, value in again if name == header.encode()] == own


@pytest.mark.parametrize(
    ("method", "path", "signed", "said"),
    [
        ("GET", "/notes", False, "no-cache"),
        ("GET", "/", False, "no-cache"),
        ("GET", "/livez", False, "no-store"),
        ("GET", "/openapi.json", False, "no-cache"),
        ("GET", "/notes/1", True, "private, no-store"),
        ("HEAD", "/notes/1", True, "private, no-store"),
        ("POST", "/notes", True, "private, no-store"),
        ("GET", "/notes/1", False, "no-store"),
        ("GET", "/nowhere", False, "no-store"),
        ("DELETE", "/notes", False, "no-store"),
        ("GET", "/broken", False, "no-store"),
        ("GET", "/internal/streams/notes", False, "private, no-store"),
        ("GET", "/apidocs/swagger-ui.css", False, "public, max-age=86400"),
    ],
)
async def test_every_answer_says_whether_it_may_be_kept(
    client: httpx.AsyncClient, issuer: Issuer, method: str, path: str, *, signed: bool, said: str
) -> None:
    """Nothing personal in any cache, no refusal in any either."""
    headers = issuer.bearer(1, "staff") if signed else {}
    headers |= FEED if path.startswith("/internal/") else {}
    content = b'{"text": "a"}' if method == "POST" else None
    response = await client.request(method, path, headers=headers, content=content)

    assert response.headers["cache-control"] == said


async def test_a_route_with_get_allows_head(client: httpx.AsyncClient) -> None:
    """In the `Allow` of OPTIONS and of 405."""
    options, refused = await client.options("/notes"), await client.delete("/notes")

    assert options.headers["allow"] == refused.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert (await client.head("/notes")).status_code == 200
    assert "GET, HEAD, OPTIONS, POST" in refused.json()["detail"]
