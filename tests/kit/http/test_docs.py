"""The OpenAPI document matches the code, and its page needs no other server."""

import re
from pathlib import Path
from typing import Annotated, Any, ClassVar

import httpx
import msgspec
import pytest
from jsonschema import Draft202012Validator
from litestar import get, post
from litestar.params import JSONBody
from msgspec import Meta

from functions.kit.base.fields import Strict
from functions.kit.http.operations import described
from tests.kit import sample
from tests.support.apps import serving
from tests.support.clock import FakeClock
from tests.support.tokens import Issuer


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
    """A token, and the errors for a missing one and for a wrong role."""
    paths = document["paths"]
    staff, anybody = paths["/notes/{note_id}"]["get"], paths["/notes"]["get"]

    assert staff["security"] == paths["/notes"]["post"]["security"] == [{"bearer": []}]
    assert {"401", "403"} <= set(staff["responses"])
    assert anybody["security"] == []
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


async def test_an_operation_is_made_for_people(document: dict[str, Any]) -> None:
    """A summary that is a sentence, a tag that is explained, and the handler's name as its id."""
    operations = [each for path in document["paths"].values() for each in path.values()]
    tags = {tag["name"] for tag in document["tags"] if tag["description"]}
    ids = [each["operationId"] for each in operations]

    assert {"list_notes", "get_note", "post_note", "root"} <= set(ids)
    assert len(set(ids)) == len(ids)
    assert all(set(each["tags"]) <= tags for each in operations)
    assert document["paths"]["/notes"]["get"]["summary"] == (
        "The notes; `q` stands for any filter, and finds all of them"
    )
    assert document["servers"] == [{"url": "/", "description": "This service"}]


async def test_the_internal_api_has_a_document_of_its_own(
    client: httpx.AsyncClient, document: dict[str, Any]
) -> None:
    """Neither shows the other's operations, nor schemas that nothing in it refers to."""
    internal = (await client.get("/internal/openapi.json")).json()

    assert {"/events", "/internal/dead-letters"} <= internal["paths"].keys()
    assert not internal["paths"].keys() & document["paths"].keys()
    assert "DeadLetter" not in document["components"]["schemas"]
    assert "NewNote" not in internal["components"]["schemas"]


class Circle(Strict, frozen=True, kw_only=True):
    forms: ClassVar[dict[str, Any]] = {
        "CircleByRadius": {"required": ["radius"], "properties": {"radius": {"type": "integer"}}},
        "CircleByArea": {
            "required": ["area"],
            "properties": {"area": {"type": "integer"}, "radius": {"type": "null"}},
        },
    }
    example: ClassVar[dict[str, Any]] = {"radius": 2}
    radius: Annotated[int, Meta(ge=1)] | None = None
    area: int | None = None


class Drawn(msgspec.Struct, frozen=True):
    circle_id: int


@post("/circles", opt=described(location="/circles/{circle_id}"))
async def draw(data: JSONBody[Circle]) -> Drawn:
    """Draw. With a compass."""
    return Drawn(7 + (data.radius or 0))


@get("/elsewhere", status_code=308)
async def elsewhere() -> None:
    """Leads away."""


async def test_a_body_of_several_forms_is_one_of_named_schemas(
    tmp_path: Path, clock: FakeClock, issuer: Issuer
) -> None:
    """Its example is in the document, and where a 201 leads; a redirect is not."""
    app = sample.create_app(
        f"sqlite:///{tmp_path}/a.db", clock=clock, http=issuer.wire(), public=(draw, elsewhere)
    )
    async with serving(app) as client:
        document = (await client.get("/openapi.json")).json()
        made = await client.post("/circles", json={"radius": 2})
    schemas, operation = document["components"]["schemas"], document["paths"]["/circles"]["post"]
    validator = Draft202012Validator({"$ref": "#/components/schemas/Circle", **document})

    assert schemas["Circle"]["oneOf"] == [
        {"$ref": "#/components/schemas/CircleByRadius"},
        {"$ref": "#/components/schemas/CircleByArea"},
    ]
    assert schemas["CircleByRadius"]["properties"] == {"radius": {"type": "integer", "minimum": 1}}
    assert [
        validator.is_valid(each)
        for each in ({"radius": 2}, {"area": 2, "radius": None}, {"area": 2, "radius": 1}, {})
    ] == [True, True, False, False]
    assert operation["requestBody"]["content"]["application/json"]["example"] == {"radius": 2}
    assert (operation["summary"], operation["description"]) == ("Draw", "With a compass.")
    assert operation["responses"]["201"]["headers"]["Location"]["required"]
    assert (made.status_code, made.headers["location"]) == (201, "/circles/9")
    assert "/elsewhere" not in document["paths"]
