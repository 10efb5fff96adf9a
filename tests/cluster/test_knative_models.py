"""Validation by the schemas of Knative, as npm's @kubernetes-models/knative has them.

It needs node and, the first time, a registry; afterwards pytest's cache holds the package. Where
that fails, the tests are skipped with the reason. The package has no schemas of RabbitMQ's
operators, and ignores unknown fields, unlike `test_schemas`.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.manifests import OVERLAYS, ROOT, Object, rendered
from tests.servers.npm import npm_package

PACKAGE = "@kubernetes-models/knative@2.4.4"

VALIDATE = """
const objects = JSON.parse(require("fs").readFileSync(0, "utf8"));
const found = objects.map((object) => {
  let models;
  try {
    models = require(`@kubernetes-models/knative/${object.apiVersion}`);
  } catch (error) {
    if (error.code !== "ERR_PACKAGE_PATH_NOT_EXPORTED") throw error;
    return null;
  }
  const Model = models[object.kind];
  if (Model === undefined) return null;
  try {
    new Model(object).validate();
    return "";
  } catch (error) {
    return error.message;
  }
});
console.log(JSON.stringify(found));
"""


@pytest.fixture(scope="session")
def models(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package installed."""
    return npm_package(PACKAGE, pytestconfig, tmp_path_factory, purpose="check Knative's objects")


def violations(models: Path, objects: list[Object]) -> list[str | None]:
    """An error for each object, "" where it is valid; None where the package lacks its kind."""
    done = subprocess.run(  # noqa: S603 - the node that is installed
        ["node", "-e", VALIDATE],  # noqa: S607
        cwd=models,
        input=json.dumps(objects),
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[str | None] = json.loads(done.stdout)
    return found


def knative_of(objects: list[Object]) -> list[Object]:
    return [each for each in objects if ".knative.dev/" in each["apiVersion"]]


def eventing() -> list[Object]:
    """Triggers and sources, whose files are outside of the overlays."""
    files = sorted((ROOT / "eventing").rglob("*.yaml"))
    found = [each for file in files for each in yaml.safe_load_all(file.read_text("utf-8")) if each]
    return knative_of([each for each in found if "apiVersion" in each])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_is_valid(models: Path, overlay: str) -> None:
    """Of every overlay."""
    objects = knative_of(rendered(overlay))
    found = violations(models, objects)
    known = [each["kind"] for each, wrong in zip(objects, found, strict=True) if wrong is not None]

    assert [wrong for wrong in found if wrong] == []
    assert {"Service", "Broker", "Trigger", "PingSource"} <= set(known)


def test_files_of_the_local_broker_are_valid(models: Path) -> None:
    """Triggers and PingSources in eventing/."""
    objects = eventing()

    assert [wrong for wrong in violations(models, objects) if wrong] == []
    assert len(objects) > 0


BROKEN: list[tuple[str, list[str], Any]] = [
    ("Trigger", ["spec", "delivery", "retry"], "three"),
    ("PingSource", ["spec", "schedule"], 10),
    ("Service", ["spec", "template", "spec", "timeoutSeconds"], "90"),
]


@pytest.mark.parametrize(("kind", "path", "value"), BROKEN, ids=[each[0] for each in BROKEN])
def test_an_invalid_field_is_found(models: Path, kind: str, path: list[str], value: object) -> None:
    """The tests above can fail."""
    each = next(each for each in knative_of(rendered("eks")) if each["kind"] == kind)
    *parents, field = path
    target = each
    for parent in parents:
        target = target[parent]
    target[field] = value
    (found,) = violations(models, [each])

    assert field in str(found)
