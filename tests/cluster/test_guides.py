"""What the guides rely on: components, the cluster of eksctl, scripts.

Links, files and tasks of every page are checked in tests/architecture/test_docs.py.
"""

import re
import shutil
import subprocess
import tomllib

import yaml

from tests.cluster.manifests import COMPONENTS, KNATIVE

GUIDE = KNATIVE / "README.md"


def test_every_component_is_named() -> None:
    """The guide's table lists all components."""
    (row,) = (line for line in GUIDE.read_text("utf-8").splitlines() if "[components/]" in line)

    assert sorted(re.findall(r"`([a-z0-9-]+)`", row)) == COMPONENTS


def test_the_cluster_has_what_the_manifests_need() -> None:
    """Add-ons, three zones of its region, and a supported version of Kubernetes."""
    cluster = yaml.safe_load((KNATIVE / "eks" / "cluster.yaml").read_text("utf-8"))
    addons = {each["name"]: each for each in cluster["addons"]}
    pinned = tomllib.loads((KNATIVE / "versions.toml").read_text("utf-8"))

    assert {"aws-ebs-csi-driver", "aws-efs-csi-driver", "vpc-cni"} <= set(addons)
    assert '"enableNetworkPolicy": "true"' in addons["vpc-cni"]["configurationValues"]
    assert cluster["managedNodeGroups"][0]["minSize"] >= 3
    zones, region = cluster["availabilityZones"], cluster["metadata"]["region"]
    assert len(set(zones)) >= 3
    assert [zone for zone in zones if zone[:-1] != region] == []
    minor, oldest = (
        int(each.partition(".")[2])
        for each in (cluster["metadata"]["version"], pinned["kubernetes"]["minimum"])
    )
    assert minor >= oldest


def test_scripts_are_valid() -> None:
    """bash parses each of them."""
    bash = shutil.which("bash")
    assert bash is not None
    for script in KNATIVE.rglob("*.sh"):
        done = subprocess.run(  # noqa: S603 - parses a script of ours, runs nothing
            [bash, "-n", str(script)], capture_output=True, text=True, check=False
        )

        assert done.returncode == 0, done.stderr
