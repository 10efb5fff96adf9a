"""The Secrets that the manifests name: created where missing, never printed, never overwritten.

Values are random and passed to kubectl on standard input. An existing Secret is kept, so an
external database (RDS) is one Secret that is created before the first deploy.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from knative.ops.cli.errors import OpsError, listed
from knative.ops.cluster.cluster import Cluster
from knative.ops.objects import PART_OF, Object, of_kind

DATABASES = {
    "db-auth": "auth",
    "db-catalog": "catalog",
    "db-main": "main",
    "db-notifications": "notifications",
}
KEYS = "auth-keys"
INTERNAL = "internal-secret"
SESSION = "storefront-session"
ADMIN = "auth-first-admin"
SMTP = "smtp"
NO_MAIL = "off"
"""The address of the SMTP server until an operator writes one."""
CREATED_HERE = (*DATABASES, KEYS, INTERNAL, SESSION, SMTP, ADMIN)


@dataclass(frozen=True)
class Credential:
    """A Secret to create."""

    name: str
    values: Mapping[str, str]

    def hidden(self) -> list[str]:
        """The values that must not be printed: all but an email address, and the word for none."""
        return [value for key, value in self.values.items() if key != "email" and value != NO_MAIL]

    def manifest(self, namespace: str) -> Object:
        labels = {**PART_OF, "app.kubernetes.io/name": self.name}
        labels["app.kubernetes.io/component"] = "secret"
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": self.name, "namespace": namespace, "labels": labels},
            "type": "Opaque",
            "stringData": dict(self.values),
        }


def wanted(items: Iterable[Object], admin_email: str) -> list[Credential]:
    """New values for every Secret that deploy creates and that the manifests name."""
    items = list(items)
    named = set(references(items))
    found = [_database(name, suffix, items) for name, suffix in DATABASES.items() if name in named]
    if KEYS in named:
        found.append(Credential(KEYS, {"key-encryption-secret": secrets.token_urlsafe(48)}))
    if INTERNAL in named:
        found.append(Credential(INTERNAL, {"secret": secrets.token_urlsafe(48)}))
    if SESSION in named:
        found.append(Credential(SESSION, {"keys": secrets.token_urlsafe(48)}))
    if SMTP in named:
        found.append(Credential(SMTP, {"url": NO_MAIL}))
    if ADMIN in named:
        password = secrets.token_urlsafe(18)
        found.append(Credential(ADMIN, {"email": admin_email, "password": password}))
    return found


def _database(name: str, suffix: str, items: Iterable[Object]) -> Credential:
    """User and database are those of the StatefulSet, so that the URL fits the server."""
    settings = _environment(items, name)
    user = settings.get("MYSQL_USER", "bookstore")
    database = settings.get("MYSQL_DATABASE", f"bookstore_{suffix}")
    # URL-safe letters only, because the URL holds the password unescaped.
    password, root = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    url = f"mysql://{user}:{password}@{name}:3306/{database}"
    return Credential(name, {"root-password": root, "password": password, "url": url})


def _environment(items: Iterable[Object], name: str) -> dict[str, str]:
    """Plain variables of a StatefulSet's container."""
    for item in of_kind(items, "StatefulSet", "apps"):
        if item["metadata"]["name"] == name:
            env = item["spec"]["template"]["spec"]["containers"][0].get("env", [])
            return {each["name"]: each["value"] for each in env if "value" in each}
    return {}


def references(value: Any) -> Iterator[str]:
    """Names of the Secrets that pods cannot start without."""
    if isinstance(value, dict):
        for key, name in (
            ("secretKeyRef", "name"),
            ("secretRef", "name"),
            ("secret", "secretName"),
        ):
            found = value.get(key)
            if isinstance(found, dict) and name in found and not found.get("optional"):
                yield found[name]
        for each in value.get("imagePullSecrets") or ():
            yield each["name"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def existing(cluster: Cluster, names: Iterable[str]) -> set[str]:
    """Those that exist. Only names are read: no value leaves the cluster."""
    queried = [f"secret/{name}" for name in sorted(set(names))]
    if not queried:
        return set()
    result = cluster.kubectl("get", *queried, "--ignore-not-found", "-o", "name")
    return {line.partition("/")[2] for line in result.stdout.split()}


def problems(items: Iterable[Object], present: set[str], claims: set[str]) -> list[str]:
    """Missing Secrets that deploy cannot create, and those that it must not create."""
    items = list(items)
    creatable = {
        KEYS,
        INTERNAL,
        SESSION,
        SMTP,
        ADMIN,
        *(name for name in DATABASES if claims_of(items, name)),
    }
    found = [
        f"Secret {name} is named by the manifests, does not exist, and is not created by deploy"
        + (": key `url` is the database's address" if name in DATABASES else "")
        for name in sorted(set(references(items)) - present - creatable)
    ]
    for name in (*DATABASES, KEYS):
        data = claims_of(items, "db-auth" if name == KEYS else name) & claims
        if name not in present and data:
            found.append(
                f"Secret {name} is missing, but the data that it opens exists"
                f" ({', '.join(sorted(data))}): a new one would not fit. Restore it from your"
                " backup; or, if the data may go, delete that claim"
            )
    return found


def claims_of(items: Iterable[Object], name: str) -> set[str]:
    """Names of the PersistentVolumeClaims that a StatefulSet creates."""
    return {
        f"{claim['metadata']['name']}-{name}-{number}"
        for item in of_kind(items, "StatefulSet", "apps")
        if item["metadata"]["name"] == name
        for claim in item["spec"].get("volumeClaimTemplates", [])
        for number in range(item["spec"].get("replicas", 1))
    }


def check(cluster: Cluster, items: Iterable[Object]) -> set[str]:
    """The Secrets that exist. Raises `OpsError` where a missing one cannot be created."""
    items = list(items)
    present = existing(cluster, [*references(items), *CREATED_HERE])
    claims = {each["metadata"]["name"] for each in cluster.every("persistentvolumeclaims")}
    if wrong := problems(items, present, claims):
        raise OpsError(listed("Secrets:", wrong))
    return present


def create(cluster: Cluster, items: Iterable[Object], present: set[str], admin_email: str) -> None:
    """Create the missing ones."""
    console = cluster.runner.console
    for credential in wanted(items, admin_email):
        if credential.name in present:
            continue
        cluster.runner.hide(*credential.hidden())
        with console.step(f"Secret {credential.name}") as step:
            cluster.create_secretly(credential.manifest(cluster.namespace))
            step.done(f"created ({', '.join(credential.values)})")
