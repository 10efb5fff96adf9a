"""Knative's webhook, for the stand-in: what it fills into a Service, and which change it refuses.

Read in serving 1.23: `revision_defaults.go` fills in, `configuration_defaults.go` leaves that out
under an unchanged revision's name, `k8s_validation.go` and `revision_validation.go` refuse. A
server-side apply replaces the list of containers whole, since the schema gives it no key; so what
was filled in is gone with the next apply that does not say it.
"""

from collections.abc import Mapping
from typing import Any

Object = dict[str, Any]


def admitted(item: Object, old: Object | None, defaults: Mapping[str, Any]) -> str:
    """Fill in what is missing, in place; why the object is refused, or nothing.

    `defaults` are those that the cluster's config-defaults has for a container.
    """
    if (item["apiVersion"], item["kind"]) != ("serving.knative.dev/v1", "Service"):
        return ""
    template = item["spec"]["template"]
    container = template["spec"]["containers"][0]
    there = old["spec"]["template"] if old else {}
    same_name = _name(there) == _name(template)
    if not same_name:
        container["readinessProbe"].setdefault("successThreshold", 1)
        for name, value in defaults.items():
            container.setdefault(name, value)
    container["ports"][0].setdefault("protocol", "TCP")  # by the schema, each time
    refused = 'admission webhook "validation.webhook.serving.knative.dev" denied the request: '
    if container["readinessProbe"].get("successThreshold", 0) < 1:
        return refused + "expected 1 <= 0 <= 2147483647: readinessProbe.successThreshold"
    if same_name and there["spec"] != template["spec"]:
        return refused + "Saw the following changes without a name change (-old +new)"
    return ""


def _name(template: Object) -> str:
    name: str = template.get("metadata", {}).get("name", "")
    return name
