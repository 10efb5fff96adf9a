"""What the guides rely on: components, the cluster of eksctl, scripts.

Links, files and tasks of every page are checked in tests/architecture/test_docs.py.
"""

import re
import shutil
import subprocess
import tomllib
from typing import Any

import yaml

from knative.ops.rollout import credentials
from tests.architecture import markdown
from tests.cluster.manifests import (
    COMPONENTS,
    IMAGES,
    KNATIVE,
    ROOT,
    knative_services,
    of_kind,
    rendered,
)

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


RUNBOOKS = ROOT / "docs" / "runbooks"


def test_a_deploy_by_hand_makes_every_secret() -> None:
    """Each that `nox -s deploy` makes, with the same keys, and names every image."""
    text = (RUNBOOKS / "deploy-by-hand.md").read_text("utf-8").replace("\\\n", " ")
    (databases,) = re.findall(r"for db in ([a-z ]+); do\n +password", text)
    made: dict[str, set[str]] = {}
    for name, keys in re.findall(r"create secret generic (\S+) (.+)", text):
        found = set(re.findall(r"--from-literal=([\w-]+)=", keys))
        names = [f"db-{db}" for db in databases.split()] if name == "db-$db" else [name]
        made |= dict.fromkeys(names, found)
    wanted = credentials.wanted(rendered("local"), "admin@x.example")

    assert made == {each.name: set(each.values) for each in wanted}
    assert set(re.findall(r"name: bookstore/(\w+), newName", text)) == set(IMAGES)


def test_databases_are_moved_together() -> None:
    """Each is dumped and restored, and its Jobs are waited for, before the next step."""
    text = (RUNBOOKS / "move-databases-to-another-storage.md").read_text("utf-8")
    names = {name.removeprefix("db-") for name in credentials.DATABASES}
    loops = re.findall(r"for db in ([a-z ]+); do", text)
    waits = re.findall(r"wait --for=condition=complete (.+) --timeout", text)
    jobs = [set(re.findall(r"job/(?:move-back|move)-(\w+)", each)) for each in waits]

    assert [set(each.split()) for each in loops] == [names, names]
    assert jobs == [names, names]
    assert {name for name in names if f"data-db-{name}-0" in text} == names


OF_THE_ORIGINAL = {"move-in-from-the-original.md": {"auth", "catalog", "main"}}
"""The databases that the original had, too."""


def test_a_loop_over_the_databases_names_each() -> None:
    """As they are deployed, so that a backup before a change leaves none out."""
    deployed = {
        each["metadata"]["name"].removeprefix("db-")
        for each in of_kind(rendered("eks"), "StatefulSet")
    }
    loops = {
        (page.name, names): set(names.split())
        for page in RUNBOOKS.glob("*.md")
        for names in re.findall(r"for db in ([a-z ]+); do", page.read_text("utf-8"))
    }

    assert len(loops) > 3
    assert {
        key: found for key, found in loops.items() if found != OF_THE_ORIGINAL.get(key[0], deployed)
    } == {}


def test_databases_are_asked_by_the_client_that_is_there() -> None:
    """MariaDB's image has no `mysql`. Only MySQL keeps a second password."""
    commands = [
        (page.name, command)
        for page in RUNBOOKS.glob("*.md")
        for command in markdown.typed(page)
        if re.search(r"exec db-\S+ -- .*\b(?:mysql|mariadb)\)? -u", command, re.DOTALL)
    ]
    wrong = [
        page
        for page, command in commands
        if "command -v mariadb || command -v mysql" not in command
    ]

    assert len(commands) > 3
    assert wrong == ["rotate-secrets.md"]


def test_the_region_is_in_one_place() -> None:
    """The guide's command reads it from the cluster's file, and names none itself."""
    guide = (KNATIVE / "eks" / "README.md").read_text("utf-8")
    (command,) = re.findall(r"export AWS_REGION=\$\((sed .+)\)$", guide, re.MULTILINE)
    cluster = yaml.safe_load((KNATIVE / "eks" / "cluster.yaml").read_text("utf-8"))
    found = subprocess.check_output(command, shell=True, cwd=ROOT, text=True)  # noqa: S602 - ours

    assert found.strip() == cluster["metadata"]["region"]
    assert "us-east-1" not in "\n".join(re.findall(r"^\$ .*", guide, re.MULTILINE))


def test_costs_add_up() -> None:
    """The total is the sum of its rows."""
    guide = (KNATIVE / "eks" / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| .+ \| (\d+) \|$", guide, re.MULTILINE)
    (total,) = re.findall(r"^\| \| \*\*(\d+)\*\* \|$", guide, re.MULTILINE)

    assert sum(map(int, rows)) == int(total)


def test_scripts_are_valid() -> None:
    """bash parses each of them."""
    bash = shutil.which("bash")
    assert bash is not None
    for script in KNATIVE.rglob("*.sh"):
        done = subprocess.run(  # noqa: S603 - parses a script of ours, runs nothing
            [bash, "-n", str(script)], capture_output=True, text=True, check=False
        )

        assert done.returncode == 0, done.stderr


# Sizes


CPU_UNITS = {"m": 0.001, "": 1.0}
MIB_UNITS = {"Gi": 1024, "Mi": 1}


def requested(containers: list[dict[str, Any]]) -> tuple[float, int]:
    """CPUs and MiB."""
    requests = [each["resources"]["requests"] for each in containers]
    cpu = [re.fullmatch(r"([\d.]+)(m?)", str(each["cpu"])) for each in requests]
    memory = [re.fullmatch(r"(\d+)(Gi|Mi)", each["memory"]) for each in requests]
    return (
        sum(float(match[1]) * CPU_UNITS[match[2]] for match in cpu if match),
        sum(int(match[1]) * MIB_UNITS[match[2]] for match in memory if match),
    )


def sizes(overlay: str) -> dict[str, tuple[float, int]]:
    objects = rendered(overlay)
    databases = [each for each in objects if each["kind"] == "StatefulSet"]
    (rabbitmq,) = [each for each in objects if each["kind"] == "RabbitmqCluster"]
    services = [
        container
        for each in knative_services(objects)
        for container in each["spec"]["template"]["spec"]["containers"]
    ]
    return {
        "databases": requested(
            [c for each in databases for c in each["spec"]["template"]["spec"]["containers"]]
        ),
        "RabbitMQ": requested([rabbitmq["spec"]] * rabbitmq["spec"]["replicas"]),
        "all services, awake, one pod each": requested(services),
    }


def test_sizes_of_a_cluster() -> None:
    """The table of knative/README.md says what the manifests request."""
    text = (KNATIVE / "README.md").read_text("utf-8")
    rows = re.findall(
        r"^\| (.+?) \| ([\d.]+) \| (\d+) MiB \| ([\d.]+) \| (\d+) MiB \|$", text, re.MULTILINE
    )
    told = {
        overlay: {row[0]: (float(row[at]), int(row[at + 1])) for row in rows}
        for overlay, at in (("local", 1), ("eks", 3))
    }

    assert told == {
        overlay: {name: (round(cpu, 3), mib) for name, (cpu, mib) in sizes(overlay).items()}
        for overlay in told
    }
