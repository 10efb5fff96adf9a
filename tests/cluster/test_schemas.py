"""Each object is valid by the schema of its kind, without unknown fields."""

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
WITHOUT_SCHEMA = {"PodMonitor", "Prometheus", "PrometheusRule"}
"""Of the Prometheus operator, whose schemas are not included."""

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
"""The fields that manifests write."""


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """As the API server with `--validate=strict`: an unknown field is an error."""
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
    # Every kind has these, but not every schema names them.
    schema["properties"] |= {"apiVersion": {}, "kind": {}, "metadata": METADATA}
    return Draft202012Validator(strict(schema))


def violations(each: Object) -> list[str]:
    """The violations of an object's schema."""
    return list(_violations(json.dumps(each)))


@cache
def _violations(text: str) -> tuple[str, ...]:
    """Cached, because overlays and components share most objects."""
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
        return (f"{name}: unknown kind of {each['apiVersion']}",)
    except kubernetes_validate.ValidationError as error:
        return (f"{name}: {'.'.join(map(str, error.path))}: {error.message}",)
    return ()


@pytest.fixture(autouse=True)
def _schemas() -> None:
    if not SCHEMAS.is_dir():
        pytest.skip("the schemas of the Knative and RabbitMQ kinds are not beside the project")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_is_valid(overlay: str) -> None:
    """Of every overlay."""
    assert [wrong for each in rendered(overlay) for wrong in violations(each)] == []


@pytest.mark.parametrize("component", COMPONENTS)
def test_components_are_valid(component: str) -> None:
    """Also with each component."""
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
def test_a_misspelt_field_is_found(kind: str, path: list[str], value: object) -> None:
    """And so is a value of another type."""
    each = next(each for each in rendered("eks") if each["kind"] == kind)
    *parents, field = path
    target = each
    for parent in parents:
        target = target[parent]
    target[field] = value

    assert len(violations(each)) == 1


def test_an_unknown_kind_is_found() -> None:
    """An object without a schema is a violation."""
    each = {"apiVersion": "shop.example/v1", "kind": "Till", "metadata": {"name": "one"}}

    assert violations(each) == ["Till one: unknown kind of shop.example/v1"]
