"""Every pod of ours: Pod Security's `restricted`, images, resources, environment, Secrets."""

from collections.abc import Iterator, Mapping
from typing import Any

from functions.auth.settings import AuthSettings
from functions.catalog.settings import CatalogSettings
from functions.kit.base.settings import AppSettings, BadSettings
from functions.notifications.settings import NotificationsSettings
from functions.purchase.settings import PurchaseSettings
from functions.storefront.settings import StorefrontSettings
from tests.cluster.manifests import Object, Pod, pods, settings_of

SETTINGS: Mapping[str, type[AppSettings]] = {
    "auth": AuthSettings,
    "catalog": CatalogSettings,
    "notifications": NotificationsSettings,
    "purchase": PurchaseSettings,
    "storefront": StorefrontSettings,
}
SECRETS = {
    **{
        f"db-{name}": {"root-password", "password", "url"}
        for name in ("auth", "catalog", "main", "notifications")
    },
    "auth-keys": {"key-encryption-secret"},
    "internal-secret": {"secret"},
    "storefront-session": {"keys"},
    "smtp": {"url"},
    "auth-first-admin": {"email", "password"},
}
"""What deploy creates where it is missing."""
SECRET_VALUES = {
    "url": "mysql://bookstore:secret@db:3306/bookstore",
    "smtp/url": "off",
    "key-encryption-secret": "k" * 32,
    "secret": "s" * 32,
    "keys": "s" * 32,
    "email": "admin@shop.example",
    "password": "correct horse battery staple 4711",
}
PLAIN_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
TEMPORARY = "/tmp"  # noqa: S108 - a path in a container


def images(objects: list[Object]) -> Iterator[str]:
    for name, image in _images(objects):
        last = image.rpartition("/")[2]
        if "@sha256:" not in last and (":" not in last or last.endswith(":latest")):
            yield f"{name}: {image} is not a fixed image"


def _images(objects: list[Object]) -> Iterator[tuple[str, str]]:
    for pod in pods(objects):
        for container in pod.containers:
            yield pod.name, container["image"]
    for each in objects:
        if each["kind"] == "RabbitmqCluster":
            yield f"RabbitmqCluster {each['metadata']['name']}", each["spec"].get("image", "")


def restricted(objects: list[Object]) -> Iterator[str]:
    """Pod Security's profile, and a read-only root file system."""
    for pod in pods(objects):
        yield from (f"{pod.name}: {wrong}" for wrong in _restricted(pod))


def _restricted(pod: Pod) -> Iterator[str]:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.spec.get(field):
            yield f"{field} is set"
    for volume in pod.spec.get("volumes", ()):
        for kind in sorted(set(volume) - PLAIN_VOLUMES - {"name"}):
            yield f"a volume of kind {kind}"
    if pod.spec.get("automountServiceAccountToken") is not False:
        yield "the token of a service account is mounted"
    for container in pod.containers:
        yield from _who(pod, container)
        yield from _what(pod, container)


def _who(pod: Pod, container: Object) -> Iterator[str]:
    """Settings of the pod that a container can override."""
    context = {**pod.spec.get("securityContext", {}), **container.get("securityContext", {})}
    if context.get("runAsNonRoot") is not True:
        yield "runAsNonRoot is not true"
    if not isinstance(context.get("runAsUser"), int) or context["runAsUser"] < 1:
        yield "runAsUser is not a number above 0"
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "seccompProfile is not RuntimeDefault"


def _what(pod: Pod, container: Object) -> Iterator[str]:
    """Settings of the container alone."""
    own = container.get("securityContext", {})
    if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
        yield "allowPrivilegeEscalation is not false"
    if own.get("capabilities") != {"drop": ["ALL"]}:
        yield "capabilities are not just: drop ALL"
    if own.get("readOnlyRootFilesystem") is not True:
        yield "the root file system is writable"
    mounted = {each["mountPath"]: each["name"] for each in container.get("volumeMounts", ())}
    empty = {each["name"] for each in pod.spec.get("volumes", ()) if "emptyDir" in each}
    if mounted.get(TEMPORARY) not in empty:
        yield f"{TEMPORARY} is not an emptyDir, the only writable place"


def resources(objects: list[Object]) -> Iterator[str]:
    for pod in pods(objects):
        for container in pod.containers:
            given = container.get("resources", {})
            for kind, what in (("requests", "cpu"), ("requests", "memory"), ("limits", "memory")):
                if what not in given.get(kind, {}):
                    yield f"{pod.name}: no {what} in its {kind}"


def environment(objects: list[Object]) -> Iterator[str]:
    """Only variables that the service reads, with values that it accepts in production."""
    for pod in pods(objects):
        service = pod.labels.get("app.kubernetes.io/name", "")
        if service not in SETTINGS:
            continue
        (container,) = pod.containers
        values = settings_of(objects, container)
        known = {name.upper() for name in SETTINGS[service].__struct_fields__}
        for name in sorted(set(values) - known):
            yield f"{pod.name}: {service} does not read {name}"
        if values.get("ENVIRONMENT") != "production":
            yield f"{pod.name}: ENVIRONMENT is not production"
        try:
            SETTINGS[service].from_mapping(_with_secrets(values))
        except BadSettings as error:
            yield f"{pod.name}: {error}"


def sessions(objects: list[Object]) -> Iterator[str]:
    """The storefront's session is sent over plain http only where all addresses are."""
    settings = {
        pod.labels["app.kubernetes.io/name"]: settings_of(objects, pod.containers[0])
        for pod in pods(objects)
        if pod.labels.get("app.kubernetes.io/name") in SETTINGS
        and pod.labels.get("app.kubernetes.io/component") in ("public-api", "pages")
    }
    secure = settings["storefront"].get("SECURE_COOKIES", "true")
    if secure == "false" and not settings["purchase"]["CATALOG_URL"].startswith("http://"):
        yield "Service storefront: SECURE_COOKIES is false, and the addresses are https"


def _with_secrets(values: Mapping[str, str]) -> dict[str, str]:
    return {
        name: SECRET_VALUES.get(value) or SECRET_VALUES[value.rpartition("/")[2]]
        if value.partition("/")[0] in SECRETS
        else value
        for name, value in values.items()
    }


def secrets(objects: list[Object]) -> Iterator[str]:
    """None is in a manifest, and every one that is needed is created by deploy."""
    for each in objects:
        if each["kind"] == "Secret":
            yield f"Secret {each['metadata']['name']} is in a manifest"
    for pod in pods(objects):
        for container in pod.containers:
            for reference in _references(container):
                if reference.get("optional"):
                    continue  # the operator's own
                if reference.get("key") not in SECRETS.get(reference["name"], ()):
                    missing = f"{reference['name']}/{reference.get('key')}"
                    yield f"{pod.name}: deploy does not create {missing}"


def _references(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, dict):
        for key, each in value.items():
            if key in ("secretKeyRef", "secretRef"):
                yield each
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


RULES = (images, restricted, resources, environment, sessions, secrets)
