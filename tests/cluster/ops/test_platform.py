"""platform: the order of the parts, and what is only reported."""

import tomllib
from typing import Any

import pytest

from knative.ops import versions
from knative.ops.platform import platform
from tests.cluster.ops.conftest import CONTEXT, Lab

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


def install_all(lab: Lab) -> None:
    for part in versions.pins().parts:
        item = deployment(part, f"v{part.version}")
        lab.state.put(item)["status"] = item["status"]
    for setting in versions.pins().settings:
        configure(lab, setting.namespace, setting.configmap, {"_example": "of the release"})


def configure(lab: Lab, namespace: str, name: str, data: dict[str, str]) -> None:
    metadata = {"name": name, "namespace": namespace}
    lab.state.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


def test_order(lab: Lab) -> None:
    """As versions.toml has them; each is ready before the next goes in."""
    lab.run(platform, *CONTEXT, "--yes")
    urls = [argv[argv.index("-f") + 1] for argv in lab.called("apply")]
    verbs = [each["argv"][2] for each in lab.state.calls if each["argv"][2] in {"apply", "rollout"}]

    assert [next(n for n in reversed(ORDER) if n in url) for url in urls] == ORDER
    assert verbs[0] == "apply"
    assert verbs[-1] == "rollout"
    assert all(url.startswith("https://github.com/") for url in urls)


def test_settings(lab: Lab) -> None:
    """Kourier is made the ingress, in Knative's own ConfigMap."""
    lab.run(platform, *CONTEXT, "--yes")
    patches = [argv for argv in lab.called("patch") if "configmap/config-network" in argv]

    assert len(patches) == 1
    assert "kourier.ingress.networking.knative.dev" in patches[0][-1]


def test_check_changes_nothing(lab: Lab) -> None:
    """It reports what lacks, and ends with 1."""
    code = lab.run(platform, *CONTEXT, "--check")

    assert (code, lab.called("apply"), lab.called("patch")) == (1, [], [])
    assert "TO DO  knative-serving" in lab.output


def test_check_of_a_complete_platform(lab: Lab) -> None:
    """A newer patch release than the pin is as good."""
    install_all(lab)
    serving = next(p for p in versions.pins().parts if p.name == "knative-serving")
    item = deployment(serving, "v1.23.9")
    lab.state.put(item)["status"] = item["status"]
    lab.run(platform, *CONTEXT, "--yes")
    code = lab.run(platform, *CONTEXT, "--check")

    assert code == 0
    assert "TO DO" not in lab.output


def test_check_of_settings(lab: Lab) -> None:
    """A release's default lets callers choose their address; so does a count that was left."""
    install_all(lab)
    lab.run(platform, *CONTEXT, "--yes", "--gateway-hops", "1")
    behind = lab.run(platform, *CONTEXT, "--check", "--gateway-hops", "1")
    code = lab.run(platform, *CONTEXT, "--check")

    assert (behind, code) == (0, 1)
    assert "trusted-hops-count" in lab.output
    assert "1, to be 0" in lab.output

    configure(lab, "knative-serving", "config-kourier", {"_example": "of the release"})

    assert lab.run(platform, *CONTEXT, "--check") == 1
    assert "not set, to be true" in lab.output


def test_hops_before_the_gateway(lab: Lab) -> None:
    """Kourier's number is set with each run, so that none is left behind."""
    install_all(lab)
    counts = []
    for arguments in ((), ("--gateway-hops", "2"), ()):
        lab.run(platform, *CONTEXT, "--yes", *arguments)
        counts.append(lab.named("ConfigMap", "config-kourier")["data"]["trusted-hops-count"])

    assert counts == ["0", "2", "0"]


@pytest.mark.parametrize(("version", "ready"), [("v1.22.0", True), ("v1.23.0", False)])
def test_check_of_one_that_lacks(lab: Lab, version: str, ready: bool) -> None:
    """An older one, and one that is not ready, are told of."""
    install_all(lab)
    serving = next(p for p in versions.pins().parts if p.name == "knative-serving")
    item = deployment(serving, version, ready=ready)
    del lab.state.objects["apps/Deployment/knative-serving/activator"]
    lab.state.put(item)["status"] = item["status"]

    assert lab.run(platform, *CONTEXT, "--check") == 1
    assert f"{version.removeprefix('v')} is there" in lab.output


def test_print_needs_no_cluster(lab: Lab) -> None:
    """Commands to be typed by hand, and nothing run."""
    code = lab.run(platform, "--print")

    assert (code, lab.state.calls) == (0, [])
    assert lab.output.startswith("kubectl apply --server-side --force-conflicts")
    assert "kubectl rollout status deployment/activator -n knative-serving" in lab.output


def test_no_is_no(lab: Lab) -> None:
    """It asks first."""
    lab.typed = ["no"]

    assert (lab.run(platform, *CONTEXT), lab.called("apply")) == (1, [])


def test_efs_driver_is_for_eks(lab: Lab) -> None:
    """A cluster elsewhere is not told to install Amazon's driver."""
    lab.run(platform, *CONTEXT, "--check")
    elsewhere = lab.output
    lab.run(platform, *CONTEXT, "--check", "--overlay", "eks")

    assert "aws-efs-csi-driver" not in elsewhere
    assert "aws-efs-csi-driver" in lab.output


def test_every_pin_is_a_number() -> None:
    """No `latest`, no range: the same command makes the same platform."""
    parts = tomllib.loads(versions.FILE.read_text("utf-8"))["parts"]

    assert [p["name"] for p in parts if len(versions.parsed(p["version"])) != 3] == []


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("v1.34.2-eks-1234", (1, 34, 2)),
        ("knative-v1.23.0", (1, 23, 0)),
        ("1.36+", (1, 36)),
        ("latest", ()),
    ],
)
def test_versions(text: str, numbers: tuple[int, ...]) -> None:
    """As clusters write them."""
    assert versions.parsed(text) == numbers
