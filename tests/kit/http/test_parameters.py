"""Ids have one spelling, unknown parameters are errors, preconditions are evaluated."""

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar import Litestar, delete, get, put
from litestar.params import QueryParameter
from litestar.response import Redirect

from functions.kit.http.requests import PathId
from tests.kit import sample
from tests.support.clock import FakeClock
from tests.support.tokens import Issuer

once = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@get("/old", status_code=308)
async def old() -> Redirect:
    return Redirect("/notes", status_code=308)


@put("/things/{thing_id:int}", status_code=200)
async def put_thing(thing_id: PathId) -> dict[str, int]:
    return {"id": thing_id}


@delete("/things/{thing_id:int}", status_code=200)
async def delete_thing(thing_id: PathId) -> dict[str, int]:
    return {"id": thing_id}


@get("/find")
async def find_thing(name: Annotated[str, QueryParameter(name="called")]) -> dict[str, str]:
    return {"name": name}


@get("/things/{thing_id:int}")
async def get_thing(thing_id: PathId) -> dict[str, int]:
    return {"id": thing_id}


@pytest.fixture
def app(tmp_path: Path, clock: FakeClock, issuer: Issuer) -> Litestar:
    """On SQLite: no test here is about the database."""
    public = (sample.list_notes, old, put_thing, delete_thing, get_thing, find_thing)
    return sample.create_app(
        f"sqlite:///{tmp_path}/a.db", clock=clock, http=issuer.wire(), public=public
    )


SPELLINGS = [
    "1_0",
    "+10",
    "010",
    "10.0",
    "1e1",
    " 10",
    "10 ",
    "\uff11\uff10",
    "\u0661\u0660",
    "0x0a",
]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_an_id_has_one_spelling(
    client: httpx.AsyncClient, method: str, spelling: str
) -> None:
    """Whatever else `int` takes for 10 is a thing that is not there, in writes too."""
    response = await client.request(method, f"/things/{quote(spelling)}")

    assert response.status_code == 404


@once
@given(
    st.one_of(
        st.integers(1, 10**20).map(str),
        st.text(alphabet="0123456789_+-. \u0660\u0661\uff11", min_size=1, max_size=22),
    )
)
async def test_only_canonical_ids_are_accepted(client: httpx.AsyncClient, text: str) -> None:
    """`[1-9][0-9]*`, up to what a column holds; the same to the letter."""
    response = await client.get(f"/things/{quote(text)}")
    is_id = text.isascii() and text.isdecimal() and text[0] != "0" and int(text) < 2**63
    known = {"id": int(text)} if is_id else None

    assert (response.json() if response.status_code == 200 else None) == known
    assert response.status_code in {200, 404}


@pytest.mark.parametrize("query", ["page=2", "offset=2", "Limit=5", "limit%5B%5D=5", "x", "=1"])
async def test_an_unknown_parameter_is_refused(client: httpx.AsyncClient, query: str) -> None:
    """By its name, with those there are; a loop over `page` would never end."""
    response = await client.get(f"/notes?{query}", headers={"accept-language": "en"})
    problem = response.json()

    assert (response.status_code, problem["code"]) == (400, "unknown-parameter")
    assert problem["errors"][0]["message"] == "is not known here"
    assert "after, limit, min-length, q" in problem["detail"]


async def test_a_parameter_that_is_missing_is_named(client: httpx.AsyncClient) -> None:
    """As callers know it, in both languages; the request is not said to lack a body."""
    answers = [
        await client.get("/find", headers={"accept-language": language})
        for language in ("es", "en")
    ]

    assert [each.status_code for each in answers] == [400, 400]
    assert [each.json()["detail"] for each in answers] == [
        "Complete los parámetros: called: falta",
        "Complete the parameters: called: is missing",
    ]
    assert answers[1].json()["errors"] == [{"field": "called", "message": "is missing"}]


async def test_a_route_without_parameters_says_so(client: httpx.AsyncClient) -> None:
    """Probes and pages too."""
    response = await client.get("/?verbose=1")

    assert response.status_code == 400
    assert response.json()["detail"].startswith("Aquí no hay parámetro verbose.")


async def test_a_redirect_takes_the_query_along(client: httpx.AsyncClient) -> None:
    """Its target reads it."""
    assert (await client.get("/old?q=a&b=c")).status_code == 308


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=1&limit=2", "limit"),
        ("q=a&q=a", "q"),
        ("limit=", "limit"),
        ("q=", "q"),
        ("q", "q"),
        ("min-length=null", "min-length"),
        ("min-length=NULL", "min-length"),
        ("limit=1e1", "limit"),
        ("limit=1.0", "limit"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=abc", "limit"),
        ("min-length=abc", "min-length"),
    ],
)
async def test_an_invalid_parameter_is_named(
    client: httpx.AsyncClient, query: str, field: str
) -> None:
    """As callers call it, and without a word of how it is checked."""
    problem = (await client.get(f"/notes?{query}", headers={"accept-language": "en"})).json()

    assert (problem["status"], problem["errors"][0]["field"]) == (400, field)
    assert not set("`^\\") & set(problem["detail"])


async def test_null_is_a_text_like_others(client: httpx.AsyncClient) -> None:
    """For a text parameter: it may be a name."""
    assert (await client.get("/notes?q=null")).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("if-none-match", "*", 412),
        ("if-none-match", '"a"', 200),
        ("if-match", "*", 200),
        ("if-match", '"a"', 412),
        ("if-match", 'W/"a"', 412),
        ("if-match", "nonsense", 400),
    ],
)
async def test_a_precondition_is_kept_where_nothing_has_a_version(
    client: httpx.AsyncClient, method: str, header: str, value: str, status: int
) -> None:
    """RFC 9110, section 13.1: what has no tag matches none, and what is there is no `*`."""
    response = await client.request(method, "/things/1", headers={header: value})

    assert response.status_code == status
    assert (response.status_code == 412) is (response.json().get("code") == "precondition-failed")
