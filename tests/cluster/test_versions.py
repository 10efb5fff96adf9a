"""Versions are the same in versions.toml, in the manifests and in compose.yaml."""

import tomllib

import yaml

from tests.cluster.manifests import KNATIVE, ROOT, of_kind, pods, rendered

PINNED = tomllib.loads((KNATIVE / "versions.toml").read_text("utf-8"))
IMAGES = PINNED["images"]


def _database_images(*components: str) -> set[str]:
    return {
        container["image"]
        for pod in pods(rendered("local", *components))
        for container in pod.containers
        if not container["image"].startswith("bookstore/")
    }


def test_the_databases_image_is_the_pinned_one() -> None:
    """Of servers and backups, with MySQL and with MariaDB."""
    assert _database_images() == {IMAGES["mysql"]}
    assert _database_images("mariadb") == {IMAGES["mariadb"]}


def test_rabbitmqs_image_is_the_pinned_one() -> None:
    """The RabbitmqCluster names it."""
    (cluster,) = of_kind(rendered("local"), "RabbitmqCluster")

    assert cluster["spec"]["image"] == IMAGES["rabbitmq"]


def test_compose_runs_the_same_servers() -> None:
    """The images of MySQL and RabbitMQ."""
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))

    for name in ("mysql", "rabbitmq"):
        assert compose["services"][name]["image"] == IMAGES[name]


def test_every_part_names_its_version_in_its_addresses() -> None:
    """No release file is of `latest`."""
    for part in PINNED["parts"]:
        for url in part.get("urls", ()):
            assert part["version"] in url.format(version=part["version"])
            assert "latest" not in url


def test_cert_manager_comes_before_the_operators_that_need_it() -> None:
    """The order of installation follows the dependencies."""
    names = [part["name"] for part in PINNED["parts"]]

    assert names.index("cert-manager") < names.index("rabbitmq-cluster-operator")
    assert names.index("rabbitmq-cluster-operator") < names.index("rabbitmq-broker")
    assert names.index("knative-eventing") < names.index("rabbitmq-broker")
    assert names.index("knative-serving") < names.index("net-kourier")
