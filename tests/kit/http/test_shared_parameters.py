"""Parameters that handlers share: parsed, checked and documented as if each declared them."""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import pytest
from litestar import Litestar, get
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.testing import TestClient

from functions.kit.http.shared_parameters import with_parameters_of


class Range(NamedTuple):
    least: int
    most: int | None


def range_of(
    least: Annotated[int, QueryParameter(ge=1, description="At least")] = 1,
    most: Annotated[int | None, QueryParameter(name="up_to", le=9)] = None,
) -> Range:
    return Range(least, most)


with_range = with_parameters_of(chosen=range_of)


@get("/shared/{number:int}", operation_id="one", summary="One")
@with_range
async def shared(number: FromPath[int], chosen: Range, word: FromQuery[str] = "none") -> list[Any]:
    """What it was called with."""
    return [number, *chosen, word]


@get("/written/{number:int}", operation_id="other", summary="One")
async def written_out(
    number: FromPath[int],
    least: Annotated[int, QueryParameter(ge=1, description="At least")] = 1,
    most: Annotated[int | None, QueryParameter(name="up_to", le=9)] = None,
    word: FromQuery[str] = "none",
) -> list[Any]:
    """What it was called with."""
    return [number, least, most, word]


APP = Litestar([shared, written_out])


@pytest.mark.parametrize(
    "query",
    [
        "",
        "least=3",
        "up_to=4",
        "least=3&up_to=4&word=a",
        "least=0",
        "least=x",
        "up_to=10",
        "most=4",
    ],
)
def test_a_request_is_answered_as_with_parameters_that_are_written_out(query: str) -> None:
    """Values, defaults, other names, and refusals."""
    with TestClient(APP) as client:
        answers = [client.get(f"/{path}/7?{query}") for path in ("shared", "written")]

    assert answers[0].status_code == answers[1].status_code
    assert answers[0].text == answers[1].text.replace("/written/", "/shared/")


def test_its_documentation_is_that_of_parameters_that_are_written_out() -> None:
    """In the same order, with the same text."""
    paths = APP.openapi_schema.to_schema()["paths"]
    first, second = (paths[f"/{path}/{{number}}"]["get"] for path in ("shared", "written"))

    assert [each["name"] for each in first["parameters"]] == ["number", "least", "up_to", "word"]
    assert {**first, "operationId": "other"} == second


async def _without(number: int) -> int:
    return number


async def _twice(chosen: Range, least: int) -> list[int]:
    return [*chosen[:1], least]


@pytest.mark.parametrize(
    ("handler", "said"),
    [(_without, "_without has no parameter 'chosen'"), (_twice, "has two parameters 'least'")],
)
def test_a_handler_that_does_not_fit_is_refused(handler: Callable[..., Any], said: str) -> None:
    """When the module is imported, not at a request."""
    with pytest.raises(ValueError, match=said):
        with_range(handler)
