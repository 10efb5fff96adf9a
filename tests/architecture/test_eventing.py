"""Triggers, subscriptions, published types and contracts name the same things."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from functions.kit.events.outbox import contract
from functions.kit.events.subscriptions import Subscriptions
from tests.architecture.services import EVENTING, FUNCTIONS, NAMES, app_of

CONTRACTS = sorted((EVENTING / "contracts").glob("*.schema.json"))
TYPE = re.compile(r"bookstore\.[a-z]+\.[a-z_]+\.v[0-9]+")


def triggers() -> Iterator[dict[str, Any]]:
    for path in sorted((EVENTING / "triggers").glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text("utf-8")):
            if document and document["kind"] == "Trigger":
                yield document


def subscriptions_of(service: str) -> Subscriptions:
    subscribed: Subscriptions = app_of(service).state.services.subscriptions
    return subscribed


def subscribed() -> set[tuple[str, str]]:
    """Every service with every source whose events it takes in."""
    return {(name, source) for name in NAMES for source in subscriptions_of(name).sources}


def owned() -> dict[str, str]:
    """Every source with the service that owns it."""
    return {source: name for name in NAMES for source in app_of(name).state.services.feed.sources}


def published() -> set[str]:
    """Every type that a service's `events.py` names."""
    found = set()
    for path in FUNCTIONS.glob("*/events.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= {node.value} if TYPE.fullmatch(node.value) else set()
    return found


def test_every_subscription_has_a_trigger_and_the_reverse() -> None:
    """A Trigger that nobody needs is a queue that fills; one that lacks is events that are lost."""
    triggered = {
        (
            trigger["spec"]["subscriber"]["ref"]["name"].removesuffix("-internal"),
            trigger["spec"]["filter"]["attributes"]["source"],
        )
        for trigger in triggers()
    }

    assert triggered == subscribed()


def test_a_trigger_filters_on_the_source_alone() -> None:
    """One queue for a stream; the broker ignores `filters`, and would deliver everything."""
    for trigger in triggers():
        assert list(trigger["spec"]["filter"]["attributes"]) == ["source"]
        assert "filters" not in trigger["spec"]


def test_a_trigger_leads_to_the_events_route_of_an_internal_api() -> None:
    """Events that could not be delivered go to `/events/dead-letter` of the same service."""
    for trigger in triggers():
        subscriber, sink = trigger["spec"]["subscriber"], trigger["spec"]["delivery"]
        assert subscriber["ref"]["name"].endswith("-internal")
        assert subscriber["uri"] == "/events"
        assert sink["deadLetterSink"]["uri"] == "/events/dead-letter"


def test_every_source_that_is_read_is_owned() -> None:
    """By the service that its reader asks for the feed."""
    streams = [stream for name in NAMES for stream in subscriptions_of(name).streams]

    assert streams
    for stream in streams:
        assert owned()[stream.source] == stream.owner
        assert stream.name in app_of(stream.owner).state.services.feed.streams


def test_every_type_that_is_consumed_is_published() -> None:
    """A misspelt one would never arrive."""
    consumed = {each for name in NAMES for each in subscriptions_of(name).types}

    assert consumed
    assert consumed <= published()


def test_every_published_type_has_a_contract_and_the_reverse() -> None:
    """Under its own name."""
    assert {path.name.removesuffix(".schema.json") for path in CONTRACTS} == published()


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.name)
def test_a_contract_is_a_json_schema_that_lets_the_owner_add_fields(path: Path) -> None:
    """Named as the events name it in `dataschema`; within a version fields are only added."""
    schema = json.loads(path.read_text("utf-8"))
    Draft202012Validator.check_schema(schema)

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == contract(path.name.removesuffix(".schema.json"))
    assert schema["type"] == "object"
    assert schema.get("additionalProperties", True) is True
