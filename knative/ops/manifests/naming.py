"""Names with a hash of the content, so that a second deploy of the same content changes nothing.

Knative refuses another template under the name of an existing revision, and reuses an older
revision of the same name and template, so that going back to an earlier deploy creates none. A Job
cannot be changed at all: other content is another Job.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from knative.ops.objects import Object, knative_services, of_kind

CONFIG = "bookstore.example/config"
"""Annotation of a revision: a hash of the ConfigMaps that it was created with."""

_HASH_LENGTH = 10
_MAX_LENGTH = 63


def digest(*content: Any) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]


def name_revisions(items: list[Object]) -> None:
    """`<service>-<hash>` on each Knative Service's template, in place.

    The hash covers the template and the ConfigMaps that it reads: a pod that starts later must not
    run with other settings under the same revision's name.
    """
    maps = _config_maps(items)
    for service in knative_services(items):
        template = service["spec"]["template"]
        metadata = template.setdefault("metadata", {})
        metadata.pop("name", None)
        if read := _read_by(template, maps):
            metadata.setdefault("annotations", {})[CONFIG] = digest(read)
        metadata["name"] = _joined(service["metadata"]["name"], digest(template))


def with_defaults(item: Object, existing: Object | None) -> Object:
    """A Knative Service whose revision exists already, with the template as the cluster has it.

    The equal name says that the content is equal. Defaults that the cluster filled in when it
    created the revision (`config-defaults` may hold more than Knative's own) are part of it: an
    apply without them would be another template under the same name, which Knative refuses.
    """
    if existing is None or not knative_services([item]):
        return item
    template = existing["spec"]["template"]
    if template.get("metadata", {}).get("name") != item["spec"]["template"]["metadata"]["name"]:
        return item
    return {**item, "spec": {**item["spec"], "template": template}}


def name_jobs(items: list[Object]) -> None:
    """`<migration>-<hash>` on each Job of the migrations, in place."""
    maps = _config_maps(items)
    for job in of_kind(items, "Job", "batch"):
        content = digest(job["spec"], _read_by(job["spec"]["template"], maps))
        job["metadata"]["name"] = _joined(job["metadata"]["name"], content)


def _joined(name: str, hashed: str) -> str:
    return f"{name[: _MAX_LENGTH - _HASH_LENGTH - 1]}-{hashed}"


def _config_maps(items: Iterable[Object]) -> dict[str, Any]:
    return {
        item["metadata"]["name"]: item.get("data", {}) for item in of_kind(items, "ConfigMap", "")
    }


def _read_by(template: Any, maps: Mapping[str, Any]) -> dict[str, Any]:
    """The data of those ConfigMaps that a pod's template names."""
    return {name: maps[name] for name in sorted(set(_references(template)) & set(maps))}


def _references(value: Any) -> Iterable[str]:
    """Names of ConfigMaps, anywhere in a template."""
    if isinstance(value, dict):
        for key in ("configMapRef", "configMapKeyRef", "configMap"):
            if isinstance(found := value.get(key), dict) and "name" in found:
                yield found["name"]
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)
