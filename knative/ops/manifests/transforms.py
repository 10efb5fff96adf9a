"""What the options change that kustomize has no word for, on the rendered objects.

Each function is one option, and changes nothing where it is not given.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from knative.ops.cli.errors import WrongOptions
from knative.ops.cli.option_list import DOORS, SERVICES
from knative.ops.cli.options import DEFAULT_NAMESPACE, Options
from knative.ops.objects import PART_OF, SERVING, Object, knative_services, of_kind, texts

PHASE = "bookstore.example/phase"
EFS = "efs.csi.aws.com"
CATALOG_URL = ("purchase", "CATALOG_URL")
"""The one setting that must be a public address: where purchase sends browsers for books."""
ISSUER = "TOKEN_ISSUER"


def apply(items: list[Object], options: Options) -> None:
    """Change the objects as the options say, in place."""
    move_addresses(items, namespace_of(items))
    set_storage(items, options.text("storage_class"), options.text("rabbitmq_storage_class"))
    set_file_system(items, options.text("efs_file_system"))
    set_rabbitmq(items, options.text("rabbitmq_image"), options.number("rabbitmq_replicas"))
    set_scale(items, options.pairs("min_scale"), "min-scale")
    set_scale(items, options.pairs("max_scale"), "max-scale")
    if domain := options.text("domain"):
        add_domain(items, domain)
        set_environment(items, *CATALOG_URL, f"{options.text('scheme')}://catalog.{domain}")
        for service in DOORS:
            # Who signs tokens and who checks them must agree on the name.
            set_environment(items, service, ISSUER, f"{options.text('scheme')}://auth.{domain}")


def namespace_of(items: Sequence[Object]) -> str:
    """Where the overlay puts the shop."""
    spaces = [item["metadata"].get("namespace") for item in knative_services(items)]
    return next((space for space in spaces if space), DEFAULT_NAMESPACE)


def move_addresses(items: Iterable[Object], namespace: str) -> None:
    """Addresses inside texts name the namespace too, which kustomize does not see."""
    if namespace == DEFAULT_NAMESPACE:
        return
    host = re.compile(rf"(?<=\.){re.escape(DEFAULT_NAMESPACE)}(?=\.svc\b)")

    def moved(value: str, key: str) -> str:
        if value == DEFAULT_NAMESPACE and key in {"namespace", "kubernetes.io/metadata.name"}:
            return namespace
        return host.sub(namespace, value)

    for item in items:
        _rewrite(item, moved)


def set_storage(items: Iterable[Object], databases: str, rabbitmq: str) -> None:
    """The class of every claim. RabbitMQ follows the databases, unless the overlay gave it a class
    or the option does: on EKS those are on EFS, where RabbitMQ must not be."""
    for item in items:
        if databases and item["kind"] == "StatefulSet":
            for claim in item["spec"].get("volumeClaimTemplates", []):
                claim["spec"]["storageClassName"] = databases
        elif databases and item["kind"] == "PersistentVolumeClaim":
            item["spec"]["storageClassName"] = databases
        elif item["kind"] == "RabbitmqCluster" and (databases or rabbitmq):
            persistence = item["spec"].setdefault("persistence", {})
            persistence["storageClassName"] = (
                rabbitmq or persistence.get("storageClassName") or databases
            )


def set_file_system(items: Iterable[Object], identifier: str) -> None:
    """Which EFS the StorageClass of it makes its access points on."""
    for item in of_kind(items, "StorageClass", "storage.k8s.io"):
        if identifier and item["provisioner"] == EFS:
            item["parameters"]["fileSystemId"] = identifier


def set_rabbitmq(items: Iterable[Object], image: str, replicas: int) -> None:
    for item in of_kind(items, "RabbitmqCluster", "rabbitmq.com"):
        if image:
            item["spec"]["image"] = image
        if replicas:
            if replicas % 2 == 0:
                raise WrongOptions("rabbitmq_replicas: quorum queues need an odd number of nodes")
            item["spec"]["replicas"] = replicas


def set_scale(items: Iterable[Object], scales: dict[str, str], which: str) -> None:
    for service in knative_services(items):
        if number := scales.get(service["metadata"]["name"]):
            metadata = service["spec"]["template"].setdefault("metadata", {})
            metadata.setdefault("annotations", {})[f"autoscaling.knative.dev/{which}"] = number


def set_environment(items: Iterable[Object], service: str, name: str, value: str) -> None:
    """One variable of one public service; the last word, before any ConfigMap."""
    for item in knative_services(items):
        if item["metadata"]["name"] == service:
            container = item["spec"]["template"]["spec"]["containers"][0]
            others = [each for each in container.get("env", []) if each["name"] != name]
            container["env"] = [*others, {"name": name, "value": value}]


def add_domain(items: list[Object], domain: str) -> None:
    """A name of our own for each public door, and never for an internal one: that would open it."""
    namespace = namespace_of(items)
    there = {item["metadata"]["name"] for item in of_kind(items, "DomainMapping", SERVING)}
    for service in SERVICES:
        name = f"{service}.{domain}"
        if name in there:
            continue
        labels = {
            **PART_OF,
            "app.kubernetes.io/name": service,
            "app.kubernetes.io/component": "domain",
        }
        common = {"name": name, "labels": labels, "annotations": {PHASE: "services"}}
        # Without a claim a mapping is refused, unless the cluster makes claims by itself.
        items.append(
            {
                "apiVersion": "networking.internal.knative.dev/v1alpha1",
                "kind": "ClusterDomainClaim",
                "metadata": {**common},
                "spec": {"namespace": namespace},
            }
        )
        items.append(
            {
                "apiVersion": f"{SERVING}/v1beta1",
                "kind": "DomainMapping",
                "metadata": {**common, "namespace": namespace},
                "spec": {
                    "ref": {"kind": "Service", "name": service, "apiVersion": f"{SERVING}/v1"}
                },
            }
        )


def unset_images(items: Iterable[Object]) -> list[str]:
    """Objects whose image is still the base's placeholder."""
    return sorted(
        f"{item['kind']} {item['metadata']['name']}: {value}"
        for item in items
        for key, value in texts(item)
        if key == "image" and value.endswith(":unset")
    )


def _rewrite(value: Any, change: Callable[[str, str], str], key: str = "") -> Any:
    if isinstance(value, str):
        return change(value, key)
    if isinstance(value, dict):
        for name in value:
            value[name] = _rewrite(value[name], change, name)
    elif isinstance(value, list):
        value[:] = [_rewrite(each, change, key) for each in value]
    return value
