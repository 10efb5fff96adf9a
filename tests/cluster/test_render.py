"""Every overlay and component renders, and an overlay of one's own can change what it needs."""

from pathlib import Path

import pytest
import yaml

from tests.cluster.manifests import (
    COMPONENTS,
    KNATIVE,
    OVERLAYS,
    PHASE,
    PHASES,
    ROOT,
    SERVICES,
    SERVING,
    knative_services,
    kubectl,
    name_of,
    of_kind,
    one,
    pods,
    rendered,
    settings_of,
)


def test_the_overlays_are_a_local_cluster_and_eks() -> None:
    """There are no others."""
    assert OVERLAYS == ["eks", "local"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_plain_apply_renders_the_whole_shop(overlay: str) -> None:
    """As with `kubectl apply -k`, without options of deploy."""
    objects = list(yaml.safe_load_all(kubectl("kustomize", KNATIVE / "overlays" / overlay)))

    assert {each["metadata"]["annotations"][PHASE] for each in objects} == set(PHASES)
    assert sorted(each["metadata"]["name"] for each in knative_services(objects)) == [
        "auth",
        "auth-internal",
        "catalog",
        "catalog-internal",
        "notifications",
        "notifications-internal",
        "purchase",
        "purchase-internal",
        "storefront",
    ]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_two_objects_share_a_name(overlay: str) -> None:
    """Within a kind and group."""
    found = [(each["apiVersion"].partition("/")[0], name_of(each)) for each in rendered(overlay)]

    assert sorted(set(found)) == sorted(found)


def test_events_render_by_themselves() -> None:
    """eventing/ is a kustomization of its own."""
    objects = list(yaml.safe_load_all(kubectl("kustomize", ROOT / "eventing")))

    assert {each["kind"] for each in objects} == {
        "Broker",
        "PingSource",
        "PodDisruptionBudget",
        "RabbitmqBrokerConfig",
        "RabbitmqCluster",
        "Trigger",
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_another_namespace_is_one_line(overlay: str, tmp_path: Path) -> None:
    """Addresses inside settings follow, by the replacements of each overlay."""
    mine = KNATIVE / "overlays" / overlay
    for file in mine.iterdir():
        text = file.read_text("utf-8").replace("namespace: bookstore", "namespace: other")
        text = text.replace("../../", f"{_upwards(tmp_path)}/knative/")
        (tmp_path / file.name).write_text(text, "utf-8")
    objects = list(yaml.safe_load_all(kubectl("kustomize", tmp_path)))

    assert {each["metadata"].get("namespace", "other") for each in objects} == {"other"}
    assert [each["metadata"]["name"] for each in of_kind(objects, "Namespace")] == ["other"]
    (config,) = (
        each["data"]
        for each in of_kind(objects, "ConfigMap")
        if each["metadata"]["name"].startswith("bookstore-config")
    )
    assert config["K_SINK"] == "http://bookstore-broker-ingress.other.svc"
    assert config["AUTH_INTERNAL_URL"] == "http://auth-internal.other.svc"
    pages = one(objects, "Service", "storefront", SERVING)["spec"]["template"]["spec"]
    read = settings_of(objects, pages["containers"][0])
    assert {name: read[f"{name.upper()}_URL"] for name in SERVICES} == {
        name: f"http://{name}.other.svc" for name in SERVICES
    }


def _upwards(folder: Path) -> str:
    """kustomize refuses absolute paths."""
    return "/".join([".."] * (len(folder.resolve().parts) - 1)) + str(ROOT)


def test_overlays_have_the_same_replacements() -> None:
    """Each has a copy, because kustomize reads no file outside of an overlay."""
    texts = {
        (KNATIVE / "overlays" / each / "addresses.yaml").read_text("utf-8") for each in OVERLAYS
    }

    assert len(texts) == 1


def test_a_changed_setting_changes_the_template() -> None:
    """It is a revision of its own, and the previous one keeps its settings."""
    change = """
        configMapGenerator:
          - name: bookstore-config
            behavior: merge
            literals: [LOG_LEVEL=DEBUG]
    """
    before, after = rendered("local"), rendered("local", more=change)

    for service in knative_services(after):
        template = service["spec"]["template"]
        (container,) = template["spec"]["containers"]
        old = one(before, "Service", service["metadata"]["name"], service["apiVersion"])
        assert settings_of(after, container)["LOG_LEVEL"] == "DEBUG"
        assert template != old["spec"]["template"]


def test_a_changed_script_restarts_no_database() -> None:
    """The names of the scripts' ConfigMaps have no hash."""
    for pod in pods(rendered("local")):
        if pod.owner["kind"] == "StatefulSet":
            (scripts,) = (each for each in pod.spec["volumes"] if each["name"] == "scripts")

            suffix = pod.owner["metadata"]["name"].removeprefix("db-")
            assert scripts["configMap"]["name"] == f"db-scripts-{suffix}"


def test_images_are_one_line_each() -> None:
    """Registry, tag and digest of services, databases and RabbitMQ."""
    more = """
        images:
          - {name: bookstore/auth, newName: registry.example/shop/auth, digest: "sha256:0123"}
          - {name: mysql, newName: registry.example/mysql, newTag: "8.4.99"}
          - {name: rabbitmq, newName: registry.example/rabbitmq, newTag: 4.9.9-management}
    """
    objects = rendered("eks", more=more)
    used = {container["image"] for pod in pods(objects) for container in pod.containers}

    assert used == {
        "registry.example/shop/auth@sha256:0123",
        "bookstore/catalog:unset",
        "bookstore/notifications:unset",
        "bookstore/purchase:unset",
        "bookstore/storefront:unset",
        "registry.example/mysql:8.4.99",
    }
    (cluster,) = of_kind(objects, "RabbitmqCluster")
    assert cluster["spec"]["image"] == "registry.example/rabbitmq:4.9.9-management"


def test_every_component_changes_an_overlay() -> None:
    """efs and gp3 are part of the EKS overlay, and are tried on the local one."""
    for component in COMPONENTS:
        overlay = "local" if component in ("efs", "gp3") else "eks"

        assert rendered(overlay, component) != rendered(overlay)


def test_an_external_database_replaces_ours() -> None:
    """No server, backup or claim is left; services and migrations stay."""
    objects = rendered("eks", "external-database")

    assert [name_of(each) for each in objects if "db-" in name_of(each)] == []
    assert of_kind(objects, "CronJob") == []
    assert of_kind(objects, "PersistentVolumeClaim") == []
    assert len(knative_services(objects)) == 9
    assert len(of_kind(objects, "Job")) == 4


def test_mariadb_replaces_mysql_everywhere() -> None:
    """In servers and backups."""
    images = {
        container["image"]
        for pod in pods(rendered("local", "mariadb"))
        for container in pod.containers
        if not container["image"].startswith("bookstore/")
    }

    assert {image.partition(":")[0] for image in images} == {"mariadb"}


def test_always_on_keeps_a_pod() -> None:
    """Of every service."""
    scales = [
        service["spec"]["template"]["metadata"]["annotations"]["autoscaling.knative.dev/min-scale"]
        for service in knative_services(rendered("eks", "always-on"))
    ]

    assert scales == ["1"] * 9
