"""Kubernetes objects as plain dicts: their identity, their YAML, and which of them belong together.

Pure functions without I/O; every package of `knative/ops` may use them.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import yaml

Object = dict[str, Any]

PART_OF = {"app.kubernetes.io/part-of": "bookstore"}
"""The label on every object of the shop."""
SELECTOR = ",".join(f"{key}={value}" for key, value in PART_OF.items())
SERVING = "serving.knative.dev"
_VISIBILITY = "networking.knative.dev/visibility"

# libyaml where PyYAML was built with it: the whole shop takes a second in pure Python.
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def group_of(api_version: str) -> str:
    return api_version.rpartition("/")[0]


def reference(item: Object) -> str:
    """`KIND.GROUP/NAME`, which kubectl takes wherever it takes a name."""
    kind, group = item["kind"].lower(), group_of(item["apiVersion"])
    name = item["metadata"]["name"]
    return f"{kind}.{group}/{name}" if group else f"{kind}/{name}"


def key_of(item: Object) -> tuple[str, str, str]:
    """Group, kind and name: the identity that a new version of an API keeps."""
    return group_of(item["apiVersion"]), item["kind"], item["metadata"]["name"]


def of_kind(items: Iterable[Object], kind: str, group: str) -> list[Object]:
    return [
        item for item in items if item["kind"] == kind and group_of(item["apiVersion"]) == group
    ]


def knative_services(items: Iterable[Object]) -> list[Object]:
    return of_kind(items, "Service", SERVING)


def is_public(service: Object) -> bool:
    """Whether a Knative Service is reachable from outside the cluster."""
    visibility: str = service["metadata"].get("labels", {}).get(_VISIBILITY, "")
    return visibility != "cluster-local"


def texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every string in an object, after the key that holds it."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from texts(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each, key)


def documents(items: Sequence[Object]) -> str:
    """The objects as one YAML stream."""
    return "---\n".join(
        yaml.dump(item, Dumper=_DUMPER, sort_keys=False, allow_unicode=True) for item in items
    )


def objects(text: str) -> list[Object]:
    """The objects of a YAML stream, without empty documents."""
    return [item for item in yaml.load_all(text, Loader=_LOADER) if item]
