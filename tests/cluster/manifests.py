"""The manifests as `kubectl kustomize` renders them, without a cluster, and queries on them.

The rules for the objects are in `rules/`, one module per subject.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.servers.programs import missing

Object = dict[str, Any]

ROOT = Path(__file__).parents[2]
KNATIVE = ROOT / "knative"
OVERLAYS = sorted(path.parent.name for path in KNATIVE.glob("overlays/*/kustomization.yaml"))
COMPONENTS = sorted(path.parent.name for path in KNATIVE.glob("components/*/kustomization.yaml"))
SERVICES = ("auth", "catalog", "notifications", "purchase")
"""Those with a database, a public and an internal API."""
IMAGES = (*SERVICES, "storefront")

SERVING = "serving.knative.dev/v1"
PHASE = "bookstore.example/phase"
PHASES = ("namespace", "databases", "broker", "triggers", "migrations", "services", "sources")
VISIBILITY = "networking.knative.dev/visibility"


def kubectl(*arguments: str | Path) -> str:
    program = shutil.which("kubectl")
    if program is None:
        missing("kubectl is not installed; it renders the manifests")
    done = subprocess.run(  # noqa: S603 - a client, of a folder of ours
        [program, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def _rendered(overlay: str, components: tuple[str, ...], more: str) -> list[Object]:
    """A kustomization on top of an overlay, as in an overlay of one's own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()

        def relative(*parts: str) -> str:
            return os.path.relpath(KNATIVE.joinpath(*parts), folder)

        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [relative("overlays", overlay)],
            "components": [relative("components", each) for each in components],
            **yaml.safe_load(more),
        }
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), "utf-8")
        return list(yaml.safe_load_all(kubectl("kustomize", folder)))


def rendered(overlay: str, *components: str, more: str = "{}") -> list[Object]:
    """A copy of an overlay's objects; `more` is YAML for the kustomization."""
    return deepcopy(_rendered(overlay, components, more))


def of_kind(objects: Iterable[Object], kind: str, api_version: str | None = None) -> list[Object]:
    return [
        each
        for each in objects
        if each["kind"] == kind and api_version in (None, each["apiVersion"])
    ]


def knative_services(objects: Iterable[Object]) -> list[Object]:
    return of_kind(objects, "Service", SERVING)


def one(objects: Iterable[Object], kind: str, name: str, api_version: str | None = None) -> Object:
    (found,) = (
        each for each in of_kind(objects, kind, api_version) if each["metadata"]["name"] == name
    )
    return found


def name_of(each: Object) -> str:
    return f"{each['kind']} {each['metadata']['name']}"


class Pod(NamedTuple):
    """A pod that an object creates."""

    owner: Object
    labels: Mapping[str, str]
    spec: Object

    @property
    def name(self) -> str:
        return name_of(self.owner)

    @property
    def containers(self) -> list[Object]:
        return [*self.spec.get("initContainers", ()), *self.spec["containers"]]


def pods(objects: Iterable[Object]) -> Iterator[Pod]:
    """Of every object that creates some, with the labels that Knative adds."""
    for each in objects:
        if each["kind"] in ("StatefulSet", "Job", "Deployment", "DaemonSet"):
            template = each["spec"]["template"]
        elif each["kind"] == "CronJob":
            template = each["spec"]["jobTemplate"]["spec"]["template"]
        elif each["kind"] == "Service" and each["apiVersion"] == SERVING:
            template = each["spec"]["template"]
        else:
            continue
        labels = dict(template.get("metadata", {}).get("labels", {}))
        if each["apiVersion"] == SERVING:
            labels["serving.knative.dev/service"] = each["metadata"]["name"]
            labels["serving.knative.dev/revision"] = f"{each['metadata']['name']}-1"
        yield Pod(each, labels, template["spec"])


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector matches these labels."""
    return all(
        labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()
    ) and all(_holds(each, labels) for each in selector.get("matchExpressions", ()))


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value = labels.get(expression["key"])
    match expression["operator"]:
        case "Exists":
            return value is not None
        case "In":
            return value in expression["values"]
    raise AssertionError(f"not implemented: operator {expression['operator']}")


def settings_of(objects: Iterable[Object], container: Object) -> dict[str, str]:
    """A container's environment; a value from a Secret is NAME/KEY."""
    maps = {
        each["metadata"]["name"]: each.get("data", {}) for each in of_kind(objects, "ConfigMap")
    }
    found: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        found |= maps[source["configMapRef"]["name"]]
    for variable in container.get("env", ()):
        if "value" in variable:
            found[variable["name"]] = variable["value"]
        elif "configMapKeyRef" in variable["valueFrom"]:
            key = variable["valueFrom"]["configMapKeyRef"]
            found[variable["name"]] = maps[key["name"]][key["key"]]
        else:
            key = variable["valueFrom"]["secretKeyRef"]
            found[variable["name"]] = f"{key['name']}/{key['key']}"
    return found
