"""The fake cluster's webhook of Knative: defaults of a Service, and the changes that it refuses.

Source: serving 1.23. `revision_defaults.go` fills in defaults, `configuration_defaults.go` skips
that under an unchanged revision's name, `k8s_validation.go` and `revision_validation.go` refuse. A
server-side apply replaces the whole list of containers, because the schema gives it no key; so
defaults are lost with the next apply that does not name them.
"""

from collections.abc import Mapping
from typing import Any

Object = dict[str, Any]


def admitted(item: Object, old: Object | None, defaults: Mapping[str, Any]) -> str:
    """Fill in defaults, in place; the reason of a refusal, or "".

    `defaults`: the cluster's own for a container, of config-defaults.
    """
    if (item["apiVersion"], item["kind"]) != ("serving.knative.dev/v1", "Service"):
        return ""
    template = item["spec"]["template"]
    container = template["spec"]["containers"][0]
    existing = old["spec"]["template"] if old else {}
    same_name = _name(existing) == _name(template)
    if not same_name:
        container["readinessProbe"].setdefault("successThreshold", 1)
        for name, value in defaults.items():
            container.setdefault(name, value)
    container["ports"][0].setdefault("protocol", "TCP")  # by the schema, in every apply
    refused = 'admission webhook "validation.webhook.serving.knative.dev" denied the request: '
    if container["readinessProbe"].get("successThreshold", 0) < 1:
        return refused + "expected 1 <= 0 <= 2147483647: readinessProbe.successThreshold"
    if same_name and existing["spec"] != template["spec"]:
        return refused + "Saw the following changes without a name change (-old +new)"
    return ""


def _name(template: Object) -> str:
    name: str = template.get("metadata", {}).get("name", "")
    return name
