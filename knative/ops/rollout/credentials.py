"""The Secrets that the manifests name: made when they are missing, never shown, never overwritten.

Random values, handed to kubectl on standard input. A Secret that is there is left as it is, so a
database elsewhere (RDS) is one Secret that somebody made before the first deploy.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from knative.ops.cli.errors import OpsError, listed
from knative.ops.cluster.cluster import Cluster
from knative.ops.objects import PART_OF, Object, of_kind

DATABASES = {"db-auth": "auth", "db-catalog": "catalog", "db-main": "main"}
KEYS = "auth-keys"
INTERNAL = "internal-secret"
ADMIN = "auth-first-admin"
MADE_HERE = (*DATABASES, KEYS, INTERNAL, ADMIN)


@dataclass(frozen=True)
class Credential:
    """A Secret that is to be made."""

    name: str
    values: Mapping[str, str]

    def hidden(self) -> list[str]:
        """What no message may show; an email address may be shown."""
        return [value for key, value in self.values.items() if key != "email"]

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
    """New values for every Secret that deploy can make and that the manifests name."""
    items = list(items)
    named = set(references(items))
    found = [_database(name, suffix, items) for name, suffix in DATABASES.items() if name in named]
    if KEYS in named:
        found.append(Credential(KEYS, {"key-encryption-secret": secrets.token_urlsafe(48)}))
    if INTERNAL in named:
        found.append(Credential(INTERNAL, {"secret": secrets.token_urlsafe(48)}))
    if ADMIN in named:
        password = secrets.token_urlsafe(18)
        found.append(Credential(ADMIN, {"email": admin_email, "password": password}))
    return found


def _database(name: str, suffix: str, items: Iterable[Object]) -> Credential:
    """User and database as the StatefulSet has them, so that the address fits the server."""
    said = _environment(items, name)
    user = said.get("MYSQL_USER", "bookstore")
    database = said.get("MYSQL_DATABASE", f"bookstore_{suffix}")
    # URL-safe letters only: the password stands in an address as it is.
    password, root = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    url = f"mysql://{user}:{password}@{name}:3306/{database}"
    return Credential(name, {"root-password": root, "password": password, "url": url})


def _environment(items: Iterable[Object], name: str) -> dict[str, str]:
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
    """Only names come back: no value leaves the cluster."""
    wanted = [f"secret/{name}" for name in sorted(set(names))]
    if not wanted:
        return set()
    result = cluster.kubectl("get", *wanted, "--ignore-not-found", "-o", "name")
    return {line.partition("/")[2] for line in result.stdout.split()}


def problems(items: Iterable[Object], there: set[str], claims: set[str]) -> list[str]:
    """Secrets that deploy cannot make, and those that it must not make."""
    items = list(items)
    makes = {KEYS, INTERNAL, ADMIN, *(name for name in DATABASES if claims_of(items, name))}
    found = [
        f"Secret {name} is named by the manifests, does not exist, and is not one that deploy makes"
        + (": key `url` is the database's address" if name in DATABASES else "")
        for name in sorted(set(references(items)) - there - makes)
    ]
    for name in (*DATABASES, KEYS):
        data = claims_of(items, "db-auth" if name == KEYS else name) & claims
        if name not in there and data:
            found.append(
                f"Secret {name} is gone, but the data that it opens is there"
                f" ({', '.join(sorted(data))}): a new one would not fit. Restore it from where you"
                " keep it; or, if the data may go, delete that claim"
            )
    return found


def claims_of(items: Iterable[Object], name: str) -> set[str]:
    """Names of the PersistentVolumeClaims that a StatefulSet makes."""
    return {
        f"{claim['metadata']['name']}-{name}-{number}"
        for item in of_kind(items, "StatefulSet", "apps")
        if item["metadata"]["name"] == name
        for claim in item["spec"].get("volumeClaimTemplates", [])
        for number in range(item["spec"].get("replicas", 1))
    }


def check(cluster: Cluster, items: Iterable[Object]) -> set[str]:
    """The Secrets that are there. Raises `OpsError` where one cannot be made."""
    items = list(items)
    there = existing(cluster, [*references(items), *MADE_HERE])
    claims = {each["metadata"]["name"] for each in cluster.every("persistentvolumeclaims")}
    if wrong := problems(items, there, claims):
        raise OpsError(listed("Secrets:", wrong))
    return there


def create(cluster: Cluster, items: Iterable[Object], there: set[str], admin_email: str) -> None:
    """Make what is missing."""
    console = cluster.runner.console
    for credential in wanted(items, admin_email):
        if credential.name in there:
            continue
        cluster.runner.hide(*credential.hidden())
        with console.step(f"Secret {credential.name}") as step:
            cluster.create_secretly(credential.manifest(cluster.namespace))
            step.done(f"made ({', '.join(credential.values)})")
