"""Each object is what its kind's schema says, with no field that the schema does not name."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from jsonschema import Draft202012Validator

from tests.cluster.manifests import COMPONENTS, OVERLAYS, ROOT, Object, name_of, rendered

KUBERNETES = "1.36"
SCHEMAS = ROOT.parent / "shared" / "schemas"
WITHOUT_SCHEMA = {"PodMonitor", "PrometheusRule"}
"""Of the Prometheus operator, whose schemas are not at hand."""

_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
METADATA = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "namespace": {"type": "string"},
        "labels": _TEXTS,
        "annotations": _TEXTS,
    },
}
"""As much of it as manifests write."""


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """As the API server with `--validate=strict`: a field that is not named is an error."""
    copy = {
        key: [strict(each) if isinstance(each, dict) else each for each in value]
        if isinstance(value, list)
        else strict(value)
        if isinstance(value, dict)
        else value
        for key, value in schema.items()
    }
    open_ended = copy.get("x-kubernetes-preserve-unknown-fields", False)
    if isinstance(copy.get("properties"), dict) and not open_ended:
        copy.setdefault("additionalProperties", False)
    return copy


@cache
def validator(file: Path) -> Draft202012Validator:
    schema = json.loads(file.read_text("utf-8"))
    # Every kind has these, and not every schema says so.
    schema["properties"] |= {"apiVersion": {}, "kind": {}, "metadata": METADATA}
    return Draft202012Validator(strict(schema))


def violations(each: Object) -> list[str]:
    """What is wrong with an object, by the schema of its kind."""
    return list(_violations(json.dumps(each)))


@cache
def _violations(text: str) -> tuple[str, ...]:
    """Cached: overlays and components have most objects in common."""
    each = json.loads(text)
    name = name_of(each)
    if each["kind"] in WITHOUT_SCHEMA:
        return ()
    group, _, version = each["apiVersion"].partition("/")
    file = SCHEMAS / group / f"{each['kind']}_{version}.json"
    if file.is_file():
        found = validator(file).iter_errors(each)
        return tuple(f"{name}: {error.json_path}: {error.message}" for error in found)
    try:
        kubernetes_validate.validate(each, KUBERNETES, strict=True)
    except kubernetes_validate.SchemaNotFoundError:
        return (f"{name}: nothing is known of {each['apiVersion']}",)
    except kubernetes_validate.ValidationError as error:
        return (f"{name}: {'.'.join(map(str, error.path))}: {error.message}",)
    return ()


@pytest.fixture(autouse=True)
def _schemas() -> None:
    if not SCHEMAS.is_dir():
        pytest.skip("the schemas of the Knative and RabbitMQ kinds are not beside the project")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_cluster_takes_every_object(overlay: str) -> None:
    assert [wrong for each in rendered(overlay) for wrong in violations(each)] == []


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_cluster_takes_what_a_component_changes(component: str) -> None:
    overlay = "local" if component in ("efs", "gp3") else "eks"

    assert [wrong for each in rendered(overlay, component) for wrong in violations(each)] == []


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("StatefulSet", ["spec", "replica"], 1),
        ("StatefulSet", ["spec", "replicas"], "1"),
        ("NetworkPolicy", ["spec", "ingres"], []),
        ("Broker", ["spec", "delivry"], {}),
        ("Trigger", ["spec", "delivery", "retry"], "three"),
        ("PingSource", ["spec", "schedule"], 10),
        ("RabbitmqCluster", ["spec", "replicas"], "3"),
        ("RabbitmqBrokerConfig", ["spec", "queueType"], "mirrored"),
    ],
)
def test_a_misspelt_field_is_seen(kind: str, path: list[str], value: object) -> None:
    each = next(each for each in rendered("eks") if each["kind"] == kind)
    *parents, field = path
    target = each
    for parent in parents:
        target = target[parent]
    target[field] = value

    assert len(violations(each)) == 1


def test_a_kind_that_nobody_knows_is_seen() -> None:
    each = {"apiVersion": "shop.example/v1", "kind": "Till", "metadata": {"name": "one"}}

    assert violations(each) == ["Till one: nothing is known of shop.example/v1"]
