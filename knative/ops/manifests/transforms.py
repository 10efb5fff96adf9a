"""Changes to rendered objects that kustomize cannot express, one function per option.

Each works in place, and changes nothing where its option is not given.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from knative.ops.cli.errors import WrongOptions
from knative.ops.cli.options import DEFAULT_NAMESPACE, RenderOptions
from knative.ops.cli.values import APIS, SERVICES, STOREFRONT
from knative.ops.objects import PART_OF, SERVING, Object, knative_services, of_kind, texts

PHASE = "bookstore.example/phase"
EFS = "efs.csi.aws.com"
CATALOG_URL = ("purchase", "CATALOG_URL")
"""The one setting that must be a public address: where purchase redirects browsers for books."""
ISSUER = "TOKEN_ISSUER"
SECURE_COOKIES = "SECURE_COOKIES"
"""The storefront's setting; `false` also sends its session over plain http."""
STOREFRONT_URL = "STOREFRONT_URL"
"""What the links in mails begin with; production takes https only."""
LINKING = ("auth", "auth-internal", "notifications", "notifications-internal")
"""Those whose mails have links."""
SHOP = "shop"
"""The name of the storefront under a domain: visitors know it as the shop."""


def apply(items: list[Object], options: RenderOptions) -> None:
    set_namespace_in_addresses(items, namespace_of(items))
    set_storage(items, options.storage_class, options.rabbitmq_storage_class)
    set_file_system(items, options.efs_file_system)
    set_rabbitmq(items, options.rabbitmq_image, options.rabbitmq_replicas)
    set_scale(items, options.min_scale, "min-scale")
    set_scale(items, options.max_scale, "max-scale")
    if domain := options.domain:
        add_domain(items, domain)
        set_environment(items, *CATALOG_URL, f"{options.scheme}://catalog.{domain}")
        for service in APIS:
            # The service that signs tokens and those that verify them need the same issuer.
            set_environment(items, service, ISSUER, f"{options.scheme}://auth.{domain}")
        if options.scheme == "https":
            set_environment(items, STOREFRONT, SECURE_COOKIES, "true")
            for service in LINKING:
                set_environment(items, service, STOREFRONT_URL, f"https://{SHOP}.{domain}")


def namespace_of(items: Sequence[Object]) -> str:
    """The namespace of the shop in the rendered objects."""
    spaces = [item["metadata"].get("namespace") for item in knative_services(items)]
    return next((space for space in spaces if space), DEFAULT_NAMESPACE)


def set_namespace_in_addresses(items: Iterable[Object], namespace: str) -> None:
    """Hosts inside of settings name the namespace too, where kustomize does not replace it."""
    if namespace == DEFAULT_NAMESPACE:
        return
    host = re.compile(rf"(?<=\.){re.escape(DEFAULT_NAMESPACE)}(?=\.svc\b)")

    def replaced(value: str, key: str) -> str:
        if value == DEFAULT_NAMESPACE and key in {"namespace", "kubernetes.io/metadata.name"}:
            return namespace
        return host.sub(namespace, value)

    for item in items:
        _rewrite(item, replaced)


def set_storage(items: Iterable[Object], databases: str, rabbitmq: str) -> None:
    """The StorageClass of every claim.

    RabbitMQ takes the class of the databases only where neither the option nor the overlay gives it
    one: on EKS the databases are on EFS, which RabbitMQ must not use.
    """
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
    """The EFS on which the StorageClass creates access points."""
    for item in of_kind(items, "StorageClass", "storage.k8s.io"):
        if identifier and item["provisioner"] == EFS:
            item["parameters"]["fileSystemId"] = identifier


def set_rabbitmq(items: Iterable[Object], image: str, replicas: int) -> None:
    """Raises `WrongOptions` for an even number of nodes."""
    for item in of_kind(items, "RabbitmqCluster", "rabbitmq.com"):
        if image:
            item["spec"]["image"] = image
        if replicas:
            if replicas % 2 == 0:
                raise WrongOptions("--rabbitmq-replicas: quorum queues need an odd number of nodes")
            item["spec"]["replicas"] = replicas


def set_scale(items: Iterable[Object], scales: Mapping[str, int], which: str) -> None:
    """`which`: min-scale or max-scale."""
    for service in knative_services(items):
        name = service["metadata"]["name"]
        if name in scales:
            metadata = service["spec"]["template"].setdefault("metadata", {})
            # Knative refuses a number in an annotation.
            metadata.setdefault("annotations", {})[f"autoscaling.knative.dev/{which}"] = str(
                scales[name]
            )


def set_environment(items: Iterable[Object], service: str, name: str, value: str) -> None:
    """One variable of one Knative Service, which overrides that of a ConfigMap."""
    for item in knative_services(items):
        if item["metadata"]["name"] == service:
            container = item["spec"]["template"]["spec"]["containers"][0]
            others = [each for each in container.get("env", []) if each["name"] != name]
            container["env"] = [*others, {"name": name, "value": value}]


def add_domain(items: list[Object], domain: str) -> None:
    """A DomainMapping for the storefront and each public API. One for an internal API would make it
    public."""
    namespace = namespace_of(items)
    existing = {item["metadata"]["name"] for item in of_kind(items, "DomainMapping", SERVING)}
    for service in SERVICES:
        name = f"{SHOP if service == STOREFRONT else service}.{domain}"
        if name in existing:
            continue
        labels = {
            **PART_OF,
            "app.kubernetes.io/name": service,
            "app.kubernetes.io/component": "domain",
        }
        common = {"name": name, "labels": labels, "annotations": {PHASE: "services"}}
        # Knative refuses a mapping without a claim, unless it is set to create claims by itself.
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
