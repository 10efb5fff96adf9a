"""Parts of the rendered manifests, which the cases of this folder change in place."""

from collections.abc import Callable, Iterator

from tests.cluster.manifests import SERVING, Object, of_kind, one

Rule = Callable[[list[Object]], Iterator[str]]
Change = Callable[[list[Object]], object]
Case = tuple[Rule, Change, str]
"""The rule, a change to the manifests, and a part of the rule's message."""


def service(manifests: list[Object], name: str = "catalog") -> Object:
    return one(manifests, "Service", name, SERVING)


def pod(manifests: list[Object], name: str = "catalog") -> Object:
    spec: Object = service(manifests, name)["spec"]["template"]["spec"]
    return spec


def container(manifests: list[Object], name: str = "catalog") -> Object:
    found: Object = pod(manifests, name)["containers"][0]
    return found


def annotations(manifests: list[Object], name: str = "catalog") -> Object:
    found: Object = service(manifests, name)["spec"]["template"]["metadata"]["annotations"]
    return found


def trigger(manifests: list[Object]) -> Object:
    spec: Object = one(manifests, "Trigger", "catalog-inventory")["spec"]
    return spec


def database(manifests: list[Object]) -> Object:
    return one(manifests, "StatefulSet", "db-catalog")


def server(manifests: list[Object]) -> Object:
    spec: Object = database(manifests)["spec"]["template"]["spec"]
    return spec


def config(manifests: list[Object], name: str = "bookstore-config") -> Object:
    (found,) = (
        each["data"]
        for each in of_kind(manifests, "ConfigMap")
        if each["metadata"]["name"].startswith(name)
    )
    data: Object = found
    return data


def policy(manifests: list[Object], name: str) -> Object:
    spec: Object = one(manifests, "NetworkPolicy", name)["spec"]
    return spec


def storage(manifests: list[Object]) -> Object:
    return one(manifests, "StorageClass", "bookstore-efs")
