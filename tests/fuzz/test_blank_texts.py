"""Every text that may not be blank, found in the OpenAPI documents, is sent as one that no reader
sees."""

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from functions.kit.base.fields import NOT_BLANK
from functions.kit.http.openapi import document
from tests.fuzz.services import SERVICES, FuzzedService
from tests.support import unseen


class Field(NamedTuple):
    """A text of the body of an operation."""

    method: str
    path: str
    name: str
    is_list: bool
    example: Mapping[str, Any]

    def body(self, text: str) -> dict[str, Any]:
        return {**self.example, self.name: [text] if self.is_list else text}

    @property
    def place(self) -> str:
        return f"{self.name}[0]" if self.is_list else self.name


def fields_of(schema: Mapping[str, Any]) -> Iterator[Field]:
    """The texts with the pattern in the bodies of an OpenAPI document."""
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            content = operation.get("requestBody", {}).get("content", {})
            media = content.get("application/json", {"schema": {}})
            for name, member in _properties(media["schema"], schema):
                is_list = "items" in member
                if (member["items"] if is_list else member).get("pattern") == NOT_BLANK:
                    example = media.get("example", {})
                    yield Field(
                        method, path.replace("{", "").replace("}", ""), name, is_list, example
                    )


def _properties(
    part: Mapping[str, Any], schema: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if reference := part.get("$ref"):
        part = schema["components"]["schemas"][reference.rpartition("/")[2]]
    for form in (*part.get("oneOf", ()), *part.get("anyOf", ())):
        yield from _properties(form, schema)
    yield from part.get("properties", {}).items()


EXPECTED = {
    "auth": {"email"},
    "catalog": {"title", "author", "category", "name", "reason"},
    "notifications": set[str](),
    "purchase": {
        "recipient",
        "lines",
        "city",
        "region",
        "postal_code",
        "name",
        "contact",
        "reason",
    },
}
"""Some of the fields that must be found, so that the search is known to find any."""


@pytest.mark.parametrize("service", SERVICES)
async def test_a_text_that_nobody_sees_is_blank(tmp_path: Path, service: str) -> None:
    """The refusal names the field, whichever service, body and field it is."""
    fuzzed = SERVICES[service](tmp_path, "staff")
    found = list(fields_of(document(fuzzed.app)))

    assert {field.name for field in found} >= EXPECTED[service]
    async with client_of(fuzzed) as client:
        taken = [
            (field, text, response.text)
            for field in found
            for text in unseen.samples()
            if not refuses(response := await send(client, field, text), field.place)
        ]

    assert taken == []


@pytest.mark.parametrize("word", unseen.IN_WORDS, ids=ascii)
async def test_joiners_inside_words_are_kept(tmp_path: Path, word: str) -> None:
    """An address may be in Persian, and a name may have an emoji."""
    fuzzed = SERVICES["purchase"](tmp_path, "customer")
    address = {"recipient": word, "lines": [word], "city": word, "country": "AO"}
    async with client_of(fuzzed) as client:
        created = await client.post("/addresses", json=address)
        (read,) = (await client.get("/addresses")).json()

    assert created.status_code == 201, created.text
    assert (read["recipient"], read["lines"], read["city"]) == (word, [word], word)


@asynccontextmanager
async def client_of(fuzzed: FuzzedService) -> AsyncGenerator[httpx.AsyncClient]:
    headers = {"authorization": fuzzed.MARK.decode(), "accept-language": "en", "if-match": "*"}
    transport = httpx.ASGITransport(fuzzed)  # type: ignore[arg-type]  # Litestar's types of ASGI
    async with (
        fuzzed.app.lifespan(),
        httpx.AsyncClient(transport=transport, base_url="http://shop", headers=headers) as client,
    ):
        yield client


async def send(client: httpx.AsyncClient, field: Field, text: str) -> httpx.Response:
    path = "/".join("1" if part.endswith("_id") else part for part in field.path.split("/"))
    return await client.request(field.method, path, json=field.body(text))


def refuses(response: httpx.Response, place: str) -> bool:
    errors = response.json().get("errors", []) if response.status_code == 400 else []
    return place in [error["field"] for error in errors]
