"""Names made of content: the same has the same name, so that a second deploy changes nothing.

Knative refuses a revision's name with another template, and takes an older revision of that name
and template again (going back to what was deployed before makes no new one). A Job cannot be
changed at all: another content is another Job.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from knative.ops.objects import Object, knative_services, of_kind

CONFIG = "bookstore.example/config"
"""What the ConfigMaps said that a revision was made with."""

_LENGTH = 10
_LONGEST = 63


def digest(*content: Any) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]


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


def with_defaults(item: Object, there: Object | None) -> Object:
    """A Knative Service whose revision is there already, with its template as the cluster has it.

    The name says that it is the same. What the cluster filled in when that revision was made
    (`config-defaults` may say more than Knative itself) belongs to it: applied without, it would be
    another template under the same name, which is refused.
    """
    if there is None or not knative_services([item]):
        return item
    template = there["spec"]["template"]
    if template.get("metadata", {}).get("name") != item["spec"]["template"]["metadata"]["name"]:
        return item
    return {**item, "spec": {**item["spec"], "template": template}}


def name_jobs(items: list[Object]) -> None:
    """`<migration>-<hash>` on each Job of the migrations, in place."""
    maps = _config_maps(items)
    for job in of_kind(items, "Job", "batch"):
        name = job["metadata"]["name"]
        job["metadata"]["name"] = _joined(
            name, digest(job["spec"], _read_by(job["spec"]["template"], maps))
        )


def _joined(name: str, hashed: str) -> str:
    return f"{name[: _LONGEST - _LENGTH - 1]}-{hashed}"


def _config_maps(items: Iterable[Object]) -> dict[str, Any]:
    return {
        item["metadata"]["name"]: item.get("data", {}) for item in of_kind(items, "ConfigMap", "")
    }


def _read_by(value: Any, maps: Mapping[str, Any]) -> dict[str, Any]:
    """The ConfigMaps of this deploy that a pod's template names, with what they say."""
    return {name: maps[name] for name in sorted(set(_names(value)) & set(maps))}


def _names(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        for key in ("configMapRef", "configMapKeyRef", "configMap"):
            if isinstance(found := value.get(key), dict) and "name" in found:
                yield found["name"]
        for each in value.values():
            yield from _names(each)
    elif isinstance(value, list):
        for each in value:
            yield from _names(each)
