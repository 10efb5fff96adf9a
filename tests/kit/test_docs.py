"""The OpenAPI document says what the code does, and its page needs nobody else's server."""

import re
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator


@pytest.fixture
async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    response = await client.get("/openapi.json")
    found: dict[str, Any] = response.json()
    return found


async def test_the_document_is_openapi_3_1(
    client: httpx.AsyncClient, document: dict[str, Any]
) -> None:
    """As JSON, of this service."""
    response = await client.get("/openapi.json")

    assert response.headers["content-type"].startswith("application/json")
    assert document["openapi"].startswith("3.1.")
    assert document["info"]["title"] == "Bookstore: sample"


async def test_every_schema_in_it_is_a_json_schema(document: dict[str, Any]) -> None:
    """OpenAPI 3.1's dialect is JSON Schema 2020-12."""
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


async def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    """Inside the document."""
    references = set(re.findall(r'"\$ref": ?"([^"]+)"', httpx.Response(200, json=document).text))
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}

    assert references
    assert references <= schemas


async def test_a_guarded_route_shows_what_it_asks_for(document: dict[str, Any]) -> None:
    """A token, and the refusals of who has none or the wrong role."""
    paths = document["paths"]
    staff, anybody = paths["/notes/{note_id}"]["get"], paths["/notes"]["get"]

    assert staff["security"] == paths["/notes"]["post"]["security"] == [{"bearer": []}]
    assert {"401", "403"} <= set(staff["responses"])
    assert "security" not in anybody
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


async def test_every_refusal_is_a_problem(document: dict[str, Any]) -> None:
    """Also those that Litestar would describe in its own way."""
    for operations in document["paths"].values():
        for operation in operations.values():
            refusals = {
                status: response.get("content", {})
                for status, response in operation["responses"].items()
                if status == "default" or status.startswith("4")
            }
            assert "default" in refusals
            assert {media for each in refusals.values() for media in each} == {
                "application/problem+json"
            }


@pytest.mark.parametrize("path", ["/apidocs", "/apidocs/"])
async def test_the_page_loads_from_its_own_service_only(
    client: httpx.AsyncClient, path: str
) -> None:
    """Each file that it names is there, and no other host is in it."""
    page = await client.get(path)
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    answers = [await client.get(each) for each in loaded]

    assert page.headers["content-type"].startswith("text/html")
    assert not re.search(r"(?:https?:)?//", page.text.replace("<!DOCTYPE", ""))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert all(answer.content for answer in answers)


async def test_the_page_asks_no_validator(client: httpx.AsyncClient) -> None:
    """Swagger UI would send the document's address to one of its own."""
    start = await client.get("/apidocs/start.js")

    assert "validatorUrl: null" in start.text
    assert "//" not in start.text


@pytest.mark.parametrize(
    "path",
    [
        "/openapi",
        "/openapi/swagger",
        "/openapi/redoc",
        "/openapi/elements",
        "/openapi/rapidoc",
        "/openapi/openapi.json",
        "/schema",
        "/apidocs/../../kit/tokens.py",
        "/apidocs/..%2F__init__.py",
        "/apidocs/swagger-ui.js",
    ],
)
async def test_no_other_page_is_served(client: httpx.AsyncClient, path: str) -> None:
    """Litestar's own would load their code from a CDN; of the package three files are shown."""
    assert (await client.get(path)).status_code == 404
