"""Parts of the rendered manifests, to be changed in place by the cases of this folder."""

from collections.abc import Callable, Iterator

from tests.cluster.manifests import SERVING, Object, of_kind, one

Rule = Callable[[list[Object]], Iterator[str]]
Break = Callable[[list[Object]], object]
Case = tuple[Rule, Break, str]
"""The rule, what is done to the manifests, and a part of the complaint."""


def door(manifests: list[Object], name: str = "catalog") -> Object:
    return one(manifests, "Service", name, SERVING)


def pod(manifests: list[Object], name: str = "catalog") -> Object:
    spec: Object = door(manifests, name)["spec"]["template"]["spec"]
    return spec


def container(manifests: list[Object], name: str = "catalog") -> Object:
    found: Object = pod(manifests, name)["containers"][0]
    return found


def annotations(manifests: list[Object], name: str = "catalog") -> Object:
    found: Object = door(manifests, name)["spec"]["template"]["metadata"]["annotations"]
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
