"""Options of deploy, rendered with the real overlays."""

from collections.abc import Iterable
from typing import Any

import pytest

from knative.ops.cli.values import SERVICES_WITH_API
from knative.ops.commands.deploy import deploy
from knative.ops.objects import objects
from tests.cluster.ops.conftest import FakeCluster

Object = dict[str, Any]
LINKS = {"name": "STOREFRONT_URL", "value": "https://shop.books.example.org"}
BASE = ("--dry-run", "--registry", "r.example/bookstore", "--tag", "v1")


def rendered(cluster: FakeCluster, *arguments: str) -> list[Object]:
    assert cluster.run(deploy, *BASE, *arguments) == 0, cluster.output

    return objects(cluster.output)


def pick(items: Iterable[Object], kind: str, name: str = "") -> list[Object]:
    return [
        each for each in items if each["kind"] == kind and name in {"", each["metadata"]["name"]}
    ]


def service(items: Iterable[Object], name: str) -> Object:
    return next(each for each in pick(items, "Service", name) if "knative" in each["apiVersion"])


def images(items: Iterable[Object]) -> set[str]:
    """Of the pods of these objects."""
    specs = [each["spec"]["template"]["spec"] for each in items]
    return {container["image"] for spec in specs for container in spec["containers"]}


def test_namespace(cluster: FakeCluster) -> None:
    """It is also in the addresses of settings; no address names the default one."""
    items = rendered(cluster, "--namespace", "shop")
    texts = [line for line in cluster.output.splitlines() if ".bookstore.svc" in line]

    assert texts == []
    assert pick(items, "Namespace", "shop")
    assert {each["metadata"].get("namespace", "shop") for each in items} == {"shop"}


def test_database_image(cluster: FakeCluster) -> None:
    """It is that of the servers and of the backups, which need the same version."""
    items = rendered(cluster, "--database-image", "mirror.example/mariadb:11.8.8")
    jobs = [each["spec"]["jobTemplate"] for each in pick(items, "CronJob")]

    assert images([*pick(items, "StatefulSet"), *jobs]) == {"mirror.example/mariadb:11.8.8"}


def test_rabbitmq(cluster: FakeCluster) -> None:
    """Image, nodes and storage class of RabbitMQ."""
    items = rendered(
        cluster,
        *("--rabbitmq-image", "mirror.example/rabbitmq:4.3.4", "--rabbitmq-replicas", "3"),
        *("--rabbitmq-storage-class", "fast"),
    )
    spec = pick(items, "RabbitmqCluster")[0]["spec"]

    assert (spec["image"], spec["replicas"]) == ("mirror.example/rabbitmq:4.3.4", 3)
    assert spec["persistence"]["storageClassName"] == "fast"


def test_the_collectors_image(cluster: FakeCluster) -> None:
    """From a copy, for clusters without access to the internet."""
    image = "mirror.example/otel:0.159.0"
    items = rendered(cluster, "--components", "observability", "--collector-image", image)
    (deployment,) = pick(items, "Deployment")

    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == image


def test_even_number_of_nodes(cluster: FakeCluster) -> None:
    """Two nodes of a quorum queue stop when one does."""
    assert cluster.run(deploy, *BASE, "--rabbitmq-replicas", "2") == 2


def test_storage_class(cluster: FakeCluster) -> None:
    """The class of every claim, and of RabbitMQ unless it has its own."""
    items = rendered(cluster, "--storage-class", "fast")
    databases = {
        claim["spec"]["storageClassName"]
        for each in pick(items, "StatefulSet")
        for claim in each["spec"]["volumeClaimTemplates"]
    }
    backups = {each["spec"]["storageClassName"] for each in pick(items, "PersistentVolumeClaim")}
    rabbitmq = pick(items, "RabbitmqCluster")[0]["spec"]["persistence"]["storageClassName"]

    assert databases | backups | {rabbitmq} == {"fast"}


def test_storage_class_on_eks(cluster: FakeCluster) -> None:
    """RabbitMQ keeps the class that the overlay gave it."""
    items = rendered(cluster, "--overlay", "eks", "--storage-class", "fast")
    rabbitmq = pick(items, "RabbitmqCluster")[0]["spec"]["persistence"]["storageClassName"]

    assert rabbitmq == "bookstore-gp3"


def test_efs(cluster: FakeCluster) -> None:
    """The file system of the databases' StorageClass."""
    items = rendered(cluster, "--overlay", "eks", "--efs-file-system", "fs-0123456789abcdef0")
    found = [
        each["parameters"]["fileSystemId"]
        for each in pick(items, "StorageClass")
        if each["provisioner"] == "efs.csi.aws.com"
    ]

    assert found == ["fs-0123456789abcdef0"]


def test_scale(cluster: FakeCluster) -> None:
    """Annotations are strings, as Knative demands; other services keep theirs."""
    items = rendered(cluster, "--min-scale", "purchase=1", "--max-scale", "purchase=9")
    found = service(items, "purchase")["spec"]["template"]["metadata"]["annotations"]
    other = service(items, "auth")["spec"]["template"]["metadata"]["annotations"]

    assert found["autoscaling.knative.dev/min-scale"] == "1"
    assert found["autoscaling.knative.dev/max-scale"] == "9"
    assert other["autoscaling.knative.dev/min-scale"] == "0"


def test_scale_to_zero(cluster: FakeCluster) -> None:
    """0 is a scale like any other, also where the overlay keeps pods."""
    components = ("--components", "always-on")
    kept = service(rendered(cluster, *components), "auth")["spec"]["template"]
    zero = service(rendered(cluster, *components, "--min-scale", "auth=0"), "auth")["spec"]
    name = "autoscaling.knative.dev/min-scale"

    assert kept["metadata"]["annotations"][name] == "1"
    assert zero["template"]["metadata"]["annotations"][name] == "0"


def test_domain(cluster: FakeCluster) -> None:
    """The storefront and each public API get a name, internal ones none; purchase links to
    catalog's."""
    items = rendered(cluster, "--domain", "books.example.org", "--scheme", "https")
    mappings = pick(items, "DomainMapping")
    mapped = {each["metadata"]["name"]: each["spec"]["ref"]["name"] for each in mappings}
    env = service(items, "purchase")["spec"]["template"]["spec"]["containers"][0]["env"]

    assert mapped == {
        "shop.books.example.org": "storefront",
        **{f"{name}.books.example.org": name for name in SERVICES_WITH_API},
    }
    assert set(mapped) == {each["metadata"]["name"] for each in pick(items, "ClusterDomainClaim")}
    assert {"name": "CATALOG_URL", "value": "https://catalog.books.example.org"} in env


def test_domain_is_the_issuers(cluster: FakeCluster) -> None:
    """All services that know tokens get the same issuer; without a domain it is the overlay's."""
    issuer = {"name": "TOKEN_ISSUER", "value": "https://auth.books.example.org"}
    items = rendered(cluster, "--domain", "books.example.org", "--scheme", "https")
    services = [each for each in pick(items, "Service") if "knative" in each["apiVersion"]]
    plain = rendered(cluster)

    assert len(services) == 9
    for each in services:
        env = each["spec"]["template"]["spec"]["containers"][0]["env"]
        expected = [] if each["metadata"]["name"] == "storefront" else [issuer]
        assert [one for one in env if one["name"] == "TOKEN_ISSUER"] == expected
    assert "TOKEN_ISSUER" not in str(pick(plain, "Service"))


@pytest.mark.parametrize(("scheme", "value"), [("http", None), ("https", "true")])
def test_sessions_under_https(cluster: FakeCluster, scheme: str, value: str | None) -> None:
    """They are for https only, also where the overlay has none."""
    items = rendered(cluster, "--domain", "books.example.org", "--scheme", scheme)
    env = service(items, "storefront")["spec"]["template"]["spec"]["containers"][0]["env"]
    found = [each["value"] for each in env if each["name"] == "SECURE_COOKIES"]

    assert found == ([] if value is None else [value])


@pytest.mark.parametrize(("scheme", "expected"), [("http", []), ("https", [LINKS])])
def test_links_to_the_storefront(
    cluster: FakeCluster, scheme: str, expected: list[dict[str, str]]
) -> None:
    """auth makes links that reset a password for both its APIs, and only for https."""
    items = rendered(cluster, "--domain", "books.example.org", "--scheme", scheme)
    for name in ("auth", "auth-internal"):
        env = service(items, name)["spec"]["template"]["spec"]["containers"][0]["env"]

        assert [each for each in env if each["name"] == "STOREFRONT_URL"] == expected


def test_component(cluster: FakeCluster) -> None:
    """A folder of knative/components is put on top of the overlay."""
    items = rendered(cluster, "--components", "mariadb")

    assert all(image.startswith("mariadb:") for image in images(pick(items, "StatefulSet")))


@pytest.mark.parametrize("option", [("--overlay", "prod"), ("--components", "prod")])
def test_unknown_folder(cluster: FakeCluster, option: tuple[str, str]) -> None:
    """The error lists the known ones."""
    assert cluster.run(deploy, *BASE, *option) == 2
    assert f"There is no {option[0].strip('-').removesuffix('s')} 'prod'. Known: " in cluster.output


@pytest.mark.parametrize("overlay", ["local", "eks"])
def test_names_by_content(cluster: FakeCluster, overlay: str) -> None:
    """Names of revisions and Jobs begin with their owner's, fit, and change with the content."""
    items = rendered(cluster, "--overlay", overlay)
    again = rendered(cluster, "--overlay", overlay)
    other = rendered(cluster, "--overlay", overlay, "--tag", "v2")

    def names(some: list[Object]) -> dict[str, str]:
        return {
            each["metadata"]["name"]: each["spec"]["template"]["metadata"]["name"]
            for each in pick(some, "Service")
            if "knative" in each["apiVersion"]
        }

    assert all(name.startswith(f"{of}-") and len(name) <= 63 for of, name in names(items).items())
    assert names(items) == names(again)
    assert not set(names(items).values()) & set(names(other).values())
    assert not {j["metadata"]["name"] for j in pick(items, "Job")} & {
        j["metadata"]["name"] for j in pick(other, "Job")
    }


def test_setting_is_part_of_the_name(cluster: FakeCluster) -> None:
    """Another setting is another revision."""
    plain = service(rendered(cluster), "purchase")["spec"]["template"]["metadata"]["name"]
    scaled = service(rendered(cluster, "--max-scale", "purchase=9"), "purchase")

    assert plain != scaled["spec"]["template"]["metadata"]["name"]
