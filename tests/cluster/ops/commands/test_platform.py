"""platform: order of the parts, reports, settings and mirrors."""

from pathlib import Path
from typing import Any

import pytest

from knative.ops.cli import versions
from knative.ops.commands.platform import platform
from knative.ops.objects import documents, texts
from tests.cluster.ops.conftest import CONTEXT, FakeCluster

ORDER = [
    "cert-manager",
    "serving-crds",
    "serving-core",
    "kourier",
    "eventing-crds",
    "eventing-core",
    "cluster-operator",
    "messaging-topology-operator",
    "rabbitmq-broker",
]
OPTIONAL = "observability"
WITH = ("--with", OPTIONAL)


def deployment(part: versions.Part, version: str, *, ready: bool = True) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": part.deployments[0],
            "namespace": part.namespace,
            "labels": {"app.kubernetes.io/version": version},
        },
        "spec": {
            "replicas": 1,
            "template": {"spec": {"containers": [{"image": "registry.example/x:y"}]}},
        },
        "status": {"readyReplicas": int(ready)},
    }


def install_all(cluster: FakeCluster) -> None:
    for part in versions.pins().parts:
        if part.group:
            continue
        item = deployment(part, f"v{part.version}")
        cluster.state.put(item)["status"] = item["status"]
    for setting in versions.pins().settings:
        configure(cluster, setting.namespace, setting.configmap, {"_example": "of the release"})


def configure(cluster: FakeCluster, namespace: str, name: str, data: dict[str, str]) -> None:
    metadata = {"name": name, "namespace": namespace}
    cluster.state.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


def test_order(cluster: FakeCluster) -> None:
    """The order of versions.toml; each part is ready before the next is applied."""
    cluster.run(platform, *CONTEXT, "--yes")
    urls = [argv[argv.index("-f") + 1] for argv in cluster.called("apply")]
    verbs = [
        each["argv"][2] for each in cluster.state.calls if each["argv"][2] in {"apply", "rollout"}
    ]

    assert [next(n for n in reversed(ORDER) if n in url) for url in urls] == ORDER
    assert verbs[0] == "apply"
    assert verbs[-1] == "rollout"
    assert all(url.startswith("https://github.com/") for url in urls)


def test_settings(cluster: FakeCluster) -> None:
    """Kourier becomes Knative's ingress, by its ConfigMap."""
    cluster.run(platform, *CONTEXT, "--yes")
    patches = [argv for argv in cluster.called("patch") if "configmap/config-network" in argv]

    assert len(patches) == 1
    assert "kourier.ingress.networking.knative.dev" in patches[0][-1]


def test_check_changes_nothing(cluster: FakeCluster) -> None:
    """It reports missing parts, and exits with 1."""
    code = cluster.run(platform, *CONTEXT, "--check")

    assert (code, cluster.called("apply"), cluster.called("patch")) == (1, [], [])
    assert "TO DO  knative-serving" in cluster.output


def test_check_of_a_complete_platform(cluster: FakeCluster) -> None:
    """A patch release newer than the pin is complete too."""
    install_all(cluster)
    serving = next(p for p in versions.pins().parts if p.name == "knative-serving")
    item = deployment(serving, "v1.23.9")
    cluster.state.put(item)["status"] = item["status"]
    cluster.run(platform, *CONTEXT, "--yes")
    code = cluster.run(platform, *CONTEXT, "--check")

    assert code == 0
    assert "TO DO" not in cluster.output


def test_check_of_settings(cluster: FakeCluster) -> None:
    """A release's default and an old count of proxies are reported: both let callers choose their
    address."""
    install_all(cluster)
    cluster.run(platform, *CONTEXT, "--yes", "--gateway-hops", "1")
    one_hop = cluster.run(platform, *CONTEXT, "--check", "--gateway-hops", "1")
    code = cluster.run(platform, *CONTEXT, "--check")

    assert (one_hop, code) == (0, 1)
    assert "trusted-hops-count" in cluster.output
    assert "1, to be 0" in cluster.output

    configure(cluster, "knative-serving", "config-kourier", {"_example": "of the release"})

    assert cluster.run(platform, *CONTEXT, "--check") == 1
    assert "not set, to be true" in cluster.output


def test_hops_before_the_gateway(cluster: FakeCluster) -> None:
    """Kourier's number of trusted proxies is set in every run, also back to 0."""
    install_all(cluster)
    counts = []
    for arguments in ((), ("--gateway-hops", "2"), ()):
        cluster.run(platform, *CONTEXT, "--yes", *arguments)
        counts.append(cluster.named("ConfigMap", "config-kourier")["data"]["trusted-hops-count"])

    assert counts == ["0", "2", "0"]


@pytest.mark.parametrize(("version", "ready"), [("v1.22.0", True), ("v1.23.0", False)])
def test_check_of_an_incomplete_part(cluster: FakeCluster, version: str, ready: bool) -> None:
    """An older version is reported, and so is one that is not ready."""
    install_all(cluster)
    serving = next(p for p in versions.pins().parts if p.name == "knative-serving")
    item = deployment(serving, version, ready=ready)
    del cluster.state.objects["apps/Deployment/knative-serving/activator"]
    cluster.state.put(item)["status"] = item["status"]

    assert cluster.run(platform, *CONTEXT, "--check") == 1
    assert f"{version.removeprefix('v')} is installed" in cluster.output


def test_print_needs_no_cluster(cluster: FakeCluster) -> None:
    """It prints kubectl commands, and runs none."""
    code = cluster.run(platform, "--print")

    assert (code, cluster.state.calls) == (0, [])
    assert cluster.output.startswith("kubectl apply --server-side --force-conflicts")
    assert "kubectl rollout status deployment/activator -n knative-serving" in cluster.output


def release_files(folder: Path) -> None:
    """A copy of every release file, each with one Deployment of an image of gcr.io."""
    for part in versions.pins().parts:
        for url in part.addresses:
            file = folder / url.removeprefix("https://github.com/")
            file.parent.mkdir(parents=True, exist_ok=True)
            item = deployment(part, f"v{part.version}")
            item["spec"]["template"]["spec"]["containers"][0]["image"] = f"gcr.io/{part.name}:1"
            file.write_text(documents([item]), "utf-8")


def test_mirrored_releases(cluster: FakeCluster) -> None:
    """kubectl reads the release files from the mirror, also in the printed commands."""
    mirror = ("--mirror", "github.com=files.example/github")
    cluster.run(platform, *CONTEXT, "--yes", *mirror)
    urls = [argv[argv.index("-f") + 1] for argv in cluster.called("apply")]
    code = cluster.run(platform, "--print", *mirror)

    assert len(urls) == len(ORDER)
    assert all(url.startswith("https://files.example/github/") for url in urls)
    assert (code, "https://github.com" in cluster.output) == (0, False)


def test_mirrored_images(cluster: FakeCluster, tmp_path: Path) -> None:
    """Every image comes from its mirror; release files from a folder need no network."""
    release_files(tmp_path)
    mirrors = ("--mirror", f"github.com={tmp_path}", "--mirror", "gcr.io=r.example:5000/gcr")
    code = cluster.run(platform, *CONTEXT, "--yes", *mirrors)
    images = {
        container["image"]
        for each in cluster.state.of_kind("Deployment")
        for container in each["spec"]["template"]["spec"]["containers"]
    }

    assert code == 1  # The fake cluster starts no pods, so that the parts are not ready.
    assert images == {
        f"r.example:5000/gcr/{part.name}:1"
        for part in versions.pins().parts
        if part.urls and not part.group
    }


def test_printed_commands_cannot_rewrite_images(cluster: FakeCluster) -> None:
    """That combination is refused, rather than printing commands with other images."""
    code = cluster.run(platform, "--print", "--mirror", "gcr.io=r.example/gcr")

    assert (code, cluster.state.calls) == (2, [])
    assert "cannot rewrite images" in cluster.output


def test_answer_no(cluster: FakeCluster) -> None:
    """Any other answer than yes changes nothing, and exits with 1."""
    cluster.typed = ["no"]

    assert (cluster.run(platform, *CONTEXT), cluster.called("apply")) == (1, [])


def test_efs_driver_is_for_eks(cluster: FakeCluster) -> None:
    """Other clusters do not need Amazon's driver."""
    cluster.run(platform, *CONTEXT, "--check")
    elsewhere = cluster.output
    cluster.run(platform, *CONTEXT, "--check", "--overlay", "eks")

    assert "aws-efs-csi-driver" not in elsewhere
    assert "aws-efs-csi-driver" in cluster.output


def test_optional_parts_are_installed_on_request(cluster: FakeCluster) -> None:
    """Without --with the platform is as before, and its report does not miss them."""
    install_all(cluster)
    plain = cluster.run(platform, *CONTEXT, "--yes")
    folders = cluster.called("-k")
    missing = cluster.run(platform, *CONTEXT, *WITH, "--check")

    assert (plain, folders, missing) == (0, [], 1)
    assert "TO DO  grafana" in cluster.output
    assert not cluster.named("ConfigMap", "config-network")["data"].get("metrics-protocol")


def test_observability(cluster: FakeCluster) -> None:
    """Operator, exporter, Prometheus, Tempo and Grafana, each ready before the next; then Knative's
    export to the collector of the shop."""
    install_all(cluster)
    cluster.run(platform, *CONTEXT, "--yes", *WITH)
    folders = [Path(argv[argv.index("-k") + 1]).name for argv in cluster.called("apply", "-k")]
    code = cluster.run(platform, *CONTEXT, "--check", *WITH)

    assert folders == ["operator", "kube-state-metrics", "prometheus", "tempo", "grafana"]
    assert code == 0, cluster.output
    assert "TO DO" not in cluster.output
    assert cluster.called("wait", "--for=condition=Available")
    for namespace in ("knative-serving", "knative-eventing"):
        data = cluster.state.objects[f"/ConfigMap/{namespace}/config-observability"]["data"]
        assert data["metrics-protocol"] == data["tracing-protocol"] == "http/protobuf"
        assert data["metrics-endpoint"] == (
            "http://telemetry.bookstore.svc.cluster.local:4318/v1/metrics"
        )


def test_observability_twice(cluster: FakeCluster) -> None:
    """The second run changes no object."""
    install_all(cluster)
    cluster.run(platform, *CONTEXT, "--yes", *WITH)
    before = {key: dict(each["metadata"]) for key, each in cluster.state.objects.items()}
    data = {key: dict(each.get("data", {})) for key, each in cluster.state.objects.items()}
    code = cluster.run(platform, *CONTEXT, "--yes", *WITH)

    assert code == 0
    assert {key: each["metadata"] for key, each in cluster.state.objects.items()} == before
    assert {key: each.get("data", {}) for key, each in cluster.state.objects.items()} == data


def test_observability_of_a_shop_elsewhere(cluster: FakeCluster) -> None:
    """Knative exports to the collector in the namespace of the shop."""
    install_all(cluster)
    cluster.run(platform, *CONTEXT, "--yes", *WITH, "--namespace", "shop")
    data = cluster.state.objects["/ConfigMap/knative-serving/config-observability"]["data"]

    assert data["tracing-endpoint"] == "http://telemetry.shop.svc.cluster.local:4318/v1/traces"


def test_an_unknown_group(cluster: FakeCluster) -> None:
    """It is refused with the names that there are; variable and file have the option as well."""
    code = cluster.run(platform, *CONTEXT, environ={"BOOKSTORE_DEPLOY_WITH": "everything"})

    assert code == 2
    assert "'everything' is none of observability" in cluster.output


def test_printed_observability(cluster: FakeCluster) -> None:
    """Folders are relative, so that the commands run in a clone."""
    cluster.run(platform, "--print", *WITH)

    assert "-k knative/observability/grafana" in cluster.output
    assert (
        "kubectl wait --for=condition=Available prometheuses.monitoring.coreos.com/bookstore"
        in cluster.output
    )


def test_mirrored_observability(cluster: FakeCluster, tmp_path: Path) -> None:
    """All images come from mirrors, also the one that the operator starts beside Prometheus."""
    release_files(tmp_path)
    hosts = ("docker.io", "quay.io", "registry.k8s.io", "gcr.io")
    mirrors = [f"{host}=r.example/{host}" for host in hosts]
    arguments = ["--mirror", ",".join([f"github.com={tmp_path}", *mirrors])]
    cluster.run(platform, *CONTEXT, "--yes", *WITH, *arguments)
    ours = [each for each in cluster.state.objects.values() if _in_monitoring(each)]
    images = {text for each in ours for key, text in texts(each) if key == "image"}
    arguments = [text for each in ours for _, text in texts(each) if "config-reloader=" in text]

    assert images == {
        "r.example/docker.io/grafana/grafana:13.1.3",
        "r.example/docker.io/grafana/tempo:3.0.2",
        "r.example/quay.io/prometheus/prometheus:v3.13.2",
        "r.example/quay.io/prometheus-operator/prometheus-operator:v0.93.1",
        "r.example/registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.19.1",
    }
    assert [each.partition("=")[2] for each in arguments] == [
        "r.example/quay.io/prometheus-operator/prometheus-config-reloader:v0.93.1"
    ]


def _in_monitoring(item: dict[str, Any]) -> bool:
    """Of a folder of ours; a release file has no label of the bookstore."""
    labels = item["metadata"].get("labels", {})
    return bool(labels.get("app.kubernetes.io/part-of") == "bookstore")
