"""Hostile text in every field, parameter and header of every route.

Routes and fields are listed from the OpenAPI documents, so a new one is tried by itself. No answer
is a 5xx, or anything but JSON; nothing is reflected into a header or begins a line of the log; no
address in a text is called; and what is stored comes back as it was.
"""

import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from functions.kit.http.openapi import document
from tests.catalog.library import open_library
from tests.journeys.shop_in_process import SERVICES, ShopInProcess
from tests.purchase.shop import STAFF, open_shop
from tests.security.payloads import PAYLOADS, example, with_text

CLOSING = {"DELETE /me", "POST /logout"}
"""They would end the session that the rest needs; their bodies hold a token or nothing."""


def operations(shop: ShopInProcess, service: str) -> Iterator[tuple[str, str, dict[str, Any], Any]]:
    """Method, path template, operation, and a body that fits, or None."""
    for internal in (False, True):
        found = document(shop.apps[service], internal=internal)
        schemas = found["components"]["schemas"]
        for path, methods in found["paths"].items():
            for method, operation in methods.items():
                content = operation.get("requestBody", {}).get("content", {})
                schema = content.get("application/json", {}).get("schema")
                if f"{method.upper()} {path}" not in CLOSING:
                    body = None if schema is None else example(schema, schemas)
                    yield method.upper(), path, operation, body


def requests(
    shop: ShopInProcess, service: str, text: str
) -> Iterator[tuple[str, str, Any, dict[str, str]]]:
    """Method, path, body and headers of requests with the text in each place once."""
    fits_a_header = text.isascii() and text.isprintable()
    for method, template, operation, body in operations(shop, service):
        parameters = {each["name"]: each["in"] for each in operation.get("parameters", [])}
        path = template
        for name in parameters:
            path = path.replace("{" + name + "}", "1")
        if body is not None:
            yield from ((method, path, changed, {}) for _, changed in with_text(body, text))
        for name, place in parameters.items():
            if place == "query":
                yield method, f"{path}?{name}={quote(text, safe='')}", body, {}
            elif place == "path":
                yield method, template.replace("{" + name + "}", quote(text, safe="")), body, {}
            elif fits_a_header:
                yield method, path, body, {name: text}
    if fits_a_header:
        for name in ("accept_language", "traceparent", "accept", "origin", "referer"):
            yield "GET", "/", None, {name: text[:8000]}


def suspicious(response: httpx.Response) -> str | None:
    """What is wrong with an answer, if anything is."""
    if response.status_code >= 500:
        return f"{response.status_code} {response.text[:200]}"
    kind = response.headers.get("content-type", "application/json").partition(";")[0]
    if kind not in {"application/json", "application/problem+json", "application/x-ndjson"}:
        return f"content-type {kind}"
    for name, value in response.headers.items():
        if name not in {"link", "location"} and ("evil" in value or "\n" in value or "<" in value):
            return f"{name}: {value[:200]}"
        if "\r" in value or "\n" in value or "<script" in value:
            return f"{name}: {value[:200]}"
    return None


@pytest.fixture
def called(shop: ShopInProcess) -> list[str]:
    """Hosts that the services have called."""
    hosts: list[str] = []

    async def note(request: httpx.Request) -> None:
        hosts.append(request.url.host)

    shop.wire.event_hooks["request"].append(note)
    return hosts


@pytest.mark.parametrize("kind", PAYLOADS)
async def test_no_text_does_harm_anywhere(
    shop: ShopInProcess, called: list[str], caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """In bodies, member names, parameters, paths and headers."""
    tried, wrong = 0, []
    for service in SERVICES:
        for method, path, body, headers in requests(shop, service, PAYLOADS[kind]):
            response = await shop.call(service, method, path, body, user="admin", **headers)
            tried += 1
            if (found := suspicious(response)) is not None:
                wrong.append((service, method, path[:80], found))
    still = await shop.call("catalog", "GET", "/books")

    assert wrong == []
    assert tried > 90
    assert still.status_code == 200
    assert {host.partition(".")[2] for host in called} <= {"test"}
    assert {host.partition(".")[0] for host in called} <= {*SERVICES, "broker"}
    written = [record.getMessage() for record in caplog.records if record.levelno >= logging.INFO]
    assert written
    assert [line for line in written if not line.isprintable()] == []


STORED = {name: text for name, text in PAYLOADS.items() if text.isprintable() and len(text) < 250}


async def test_books_are_kept_as_they_were_written(database_url: str) -> None:
    """They are found by their text, where a wildcard of LIKE is an ordinary character."""
    async with open_library(database_url) as library:
        for name, text in STORED.items():
            body = {"title": f"{name}|{text}".strip(), "author": text.strip(), "price": 1}
            made = await library.call("POST", "/books", body)
            assert made.status_code == 201, made.text
        books = (await library.call("GET", "/books?limit=100")).json()
        found = {
            query: {
                book["title"].partition("|")[0]
                for book in (
                    await library.client.get("/books", params={"q": query, "limit": 100})
                ).json()
            }
            for query in ("%_!%", "' or '1'='1' --", "<script>alert(1)</script>", "etc/passwd")
        }

    assert {book["title"].partition("|")[0]: book["author"] for book in books} == {
        name: text.strip() for name, text in STORED.items()
    }
    assert found["%_!%"] == {"LIKE"}
    # Its words are looked for: or, 1 and 1. The other title has them as well.
    assert found["' or '1'='1' --"] == {"SQL, a quote", "SQL, a backslash"}
    assert found["<script>alert(1)</script>"] == {"HTML"}
    assert found["etc/passwd"] == {"a shell", "a path", "a file", "XML"} & STORED.keys()


async def test_providers_and_reasons_are_kept_as_they_were_written(database_url: str) -> None:
    """Purchase returns the texts unchanged."""
    texts = {name: text.strip()[:100] for name, text in STORED.items()}
    async with open_shop(database_url) as shop:
        for text in texts.values():
            body = {"name": text, "contact": text}
            made = await shop.call("POST", "/providers", body, user=STAFF)
            assert made.status_code == 201, made.text
            reason = {"delta": 1, "reason": text}
            path = "/inventory/1/adjustments"
            adjusted = await shop.call("POST", path, reason, user=STAFF, key=str(len(text)) + "-k")
            assert adjusted.status_code in {201, 422}, adjusted.text
        providers = (await shop.call("GET", "/providers?limit=100")).json()

    assert [each["name"] for each in providers] == list(texts.values())
    assert [each["contact"] for each in providers] == list(texts.values())
