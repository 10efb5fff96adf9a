"""The Triggers and PingSources of this project are valid for Knative and complete."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from functions.local.broker.manifests import load_manifests
from functions.local.broker.policy import Backoff, DeliveryPolicy

ROOT = Path(__file__).parents[2]
EVENTING = ROOT / "eventing"
SCHEMAS = ROOT.parent / "shared" / "schemas"
FILES = sorted([*EVENTING.glob("triggers/*.yaml"), *EVENTING.glob("sources/*.yaml")])
SERVICES = ("auth", "catalog", "notifications", "purchase")
ADDRESSES = {f"{service}-internal": f"http://{service}" for service in SERVICES}


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """A field that the schema does not name is an error, as in the API server."""
    copy = {
        key: strict(value) if isinstance(value, dict) else value for key, value in schema.items()
    }
    open_ended = copy.get("x-kubernetes-preserve-unknown-fields", False)
    if isinstance(copy.get("properties"), dict) and not open_ended:
        copy["additionalProperties"] = False
    return copy


def documents(file: Path) -> Iterator[dict[str, Any]]:
    yield from yaml.safe_load_all(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_schemas_of_knative_accept_it(file: Path) -> None:
    """Each document has a valid spec without unknown fields, and the namespace `bookstore`."""
    if not SCHEMAS.is_dir():
        pytest.skip("the schemas of the Knative kinds are not in ../shared/schemas")
    for document in documents(file):
        group, version = document["apiVersion"].split("/")
        schema = json.loads((SCHEMAS / group / f"{document['kind']}_{version}.json").read_text())

        assert document["metadata"]["namespace"] == "bookstore"
        Draft202012Validator(strict(schema["properties"]["spec"])).validate(document["spec"])


def test_every_consumer_has_a_trigger_for_every_source_that_it_reads() -> None:
    """Of catalog inventory, orders and security; of notifications accounts, orders and security; of
    purchase books and security; there are no others."""
    triggers = load_manifests(EVENTING, ADDRESSES).triggers

    assert {trigger.name: (trigger.filter, trigger.subscriber) for trigger in triggers} == {
        "catalog-inventory": (
            {"source": "/bookstore/purchase/inventory"},
            "http://catalog/events",
        ),
        "catalog-orders": ({"source": "/bookstore/purchase/orders"}, "http://catalog/events"),
        "catalog-security": ({"source": "/bookstore/auth/security"}, "http://catalog/events"),
        "notifications-accounts": (
            {"source": "/bookstore/auth/accounts"},
            "http://notifications/events",
        ),
        "notifications-orders": (
            {"source": "/bookstore/purchase/orders"},
            "http://notifications/events",
        ),
        "notifications-security": (
            {"source": "/bookstore/auth/security"},
            "http://notifications/events",
        ),
        "purchase-books": ({"source": "/bookstore/catalog/books"}, "http://purchase/events"),
        "purchase-security": ({"source": "/bookstore/auth/security"}, "http://purchase/events"),
    }


def test_every_trigger_sets_the_whole_delivery() -> None:
    """8 retries, linear backoff of 1 s, timeout of 60 s, and the subscriber's /dead-letter."""
    for trigger in load_manifests(EVENTING, ADDRESSES).triggers:
        assert trigger.policy == DeliveryPolicy(8, Backoff.LINEAR, 1.0, 60.0)
        assert trigger.dead_letter_sink == f"{trigger.subscriber}/dead-letter"


def test_every_service_has_a_ping_source() -> None:
    """Every service with an internal API gets pings at /events; there are no other sources."""
    sources = load_manifests(EVENTING, ADDRESSES).ping_sources

    assert {source.name: source.sink for source in sources} == {
        f"ping-{service}": f"http://{service}/events" for service in SERVICES
    }
