"""The examples of the documents, tried out in the order of the document: each succeeds.

Purchase's follow a sale through its life; books and providers are there already, as `nox -s dev`
puts them in. Tokens that an example cannot know are put in their place.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from functions.kit.http.openapi import document
from tests.clients.test_generated_clients import APPS
from tests.journeys.shop_in_process import SERVICES, ShopInProcess

WITHOUT_JSON = {"import_file"}


def bodies(service: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and operation of each that has a body in JSON."""
    for path, item in document(APPS[service]())["paths"].items():
        for method, operation in item.items():
            if "requestBody" in operation and operation["operationId"] not in WITHOUT_JSON:
                yield method.upper(), path, operation


def example(service: str, name: str) -> Any:
    """The example body of an operation."""
    operations = {each["operationId"]: each for _, _, each in bodies(service)}
    return operations[name]["requestBody"]["content"]["application/json"]["example"]


@pytest.mark.parametrize("service", SERVICES)
def test_every_body_has_a_valid_example(service: str) -> None:
    """Swagger UI fills in the example."""
    described = document(APPS[service]())
    for method, path, operation in bodies(service):
        media = operation["requestBody"]["content"]["application/json"]
        validator = Draft202012Validator({**media["schema"], "components": described["components"]})

        assert "example" in media, f"{method} {path}"
        validator.validate(media["example"])


async def test_auths_examples_succeed(shop: ShopInProcess) -> None:
    """Register, log in, change the account, add the role staff."""
    registered = await shop.call("auth", "POST", "/register", example("auth", "register"))
    login = await shop.call("auth", "POST", "/login", example("auth", "login"))
    shop.tokens["example"] = login.json()["token"]
    tried = {"user": "example"}
    user_id = registered.json()["id"]
    answers = [
        registered,
        login,
        await shop.call("auth", "PATCH", "/me", example("auth", "change_me"), **tried),
        await shop.call(
            "auth", "PATCH", f"/users/{user_id}", example("auth", "change_user"), user="admin"
        ),
        await shop.call(
            "auth", "POST", "/me/password", example("auth", "change_password"), **tried
        ),
        await shop.call("auth", "POST", "/logout", example("auth", "logout"), **tried),
    ]

    assert [answer.status_code for answer in answers] == [201, 200, 200, 200, 200, 200]
    assert registered.headers["location"] == f"/users/{user_id}"
    read = await shop.call("auth", "GET", registered.headers["location"], user="admin")
    assert read.json()["email"] == example("auth", "register")["email"]


async def test_catalogs_examples_succeed(shop: ShopInProcess) -> None:
    """Add a book, replace its description, change its price."""
    added = await shop.call(
        "catalog", "POST", "/books", example("catalog", "add_book"), user="staff"
    )
    path = added.headers["location"]
    replaced = await shop.call(
        "catalog", "PUT", path, example("catalog", "replace_book"), user="staff"
    )
    changed = await shop.call(
        *("catalog", "PATCH", path, example("catalog", "change_book")), user="staff", if_match="*"
    )

    assert [each.status_code for each in (added, replaced, changed)] == [201, 200, 200]
    assert path == f"/books/{added.json()['book_id']}"


async def test_purchases_examples_succeed(shop: ShopInProcess) -> None:
    """Buy book 3, pay purchase 1, assign provider 1, deliver it, refund it."""
    for title in ("Uno", "Dos", "Tres"):
        await shop.sell(title)
    await shop.sign_up("example")
    steps = [
        ("POST", "/providers", "create_provider", "staff", 201),
        ("POST", "/inventory/3/adjustments", "adjust", "staff", 201),
        ("POST", "/purchase", "place", "example", 201),
        ("POST", "/payment", "pay", "example", 201),
        ("POST", "/assignments", "assign", "staff", 201),
        ("PATCH", "/assignments/1", "change_assignment", "staff", 200),
    ]
    for method, path, name, user, status in steps:
        body = example("purchase", name)
        answer = await shop.call("purchase", method, path, body, user=user, idempotency_key=name)

        assert answer.status_code == status, (name, answer.text)
