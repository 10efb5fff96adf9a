"""The image and the Job of the command, without a cluster."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from functions.adoption.options import source_of, target_of
from tests.adoption.running import parsed
from tests.architecture import markdown
from tests.cluster.broken.parts import Rule
from tests.cluster.manifests import one, rendered
from tests.cluster.rules import databases, events, pods, services
from tests.cluster.rules import objects as all_objects

ROOT = Path(__file__).parents[2]
MANIFEST = ROOT / "knative" / "adoption" / "job.yaml"
RUNBOOK = ROOT / "docs" / "runbooks" / "move-in-from-the-original.md"
ALIASES = ROOT / "knative" / "adoption" / "original-names.yaml"
RULES: tuple[Rule, ...] = (
    *services.RULES,
    *pods.RULES,
    *events.RULES,
    *databases.RULES,
    *all_objects.RULES,
)
DOCKERFILE = ROOT / "functions" / "adoption" / "Dockerfile"


def objects() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(MANIFEST.read_text("utf-8")))


def container() -> dict[str, Any]:
    found: dict[str, Any] = objects()[0]["spec"]["template"]["spec"]["containers"][0]
    return found


def test_the_image_has_what_the_command_imports(tmp_path: Path) -> None:
    """From the tree that the Dockerfile copies, and nothing else of the project."""
    copied = re.findall(
        r"^COPY (functions/\S+) (\S+)$", DOCKERFILE.read_text("utf-8"), re.MULTILINE
    )
    for source, target in copied:
        (tmp_path / target).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, tmp_path / target)
        else:
            shutil.copy(ROOT / source, tmp_path / target)
    done = subprocess.run(
        [sys.executable, "-m", "functions.adoption", "--sqlite", "shop", "--from", "missing.sql"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "LANG": "en_GB.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert len(copied) == 7
    assert (done.returncode, done.stderr) == (
        2,
        "missing.sql cannot be read: No such file or directory.\n",
    )


@pytest.mark.parametrize("each", objects(), ids=lambda each: each["kind"])
def test_the_manifest_is_valid(each: dict[str, Any]) -> None:
    """By Kubernetes' own schemas."""
    kubernetes_validate.validate(each, "1.34", strict=True)


def test_the_pod_meets_the_restricted_standard() -> None:
    """Pod Security's, which the namespace enforces."""
    pod = objects()[0]["spec"]["template"]["spec"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_its_options_name_an_original_and_a_target(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every URL comes from a Secret."""
    environment = {each["name"]: each["valueFrom"]["secretKeyRef"] for each in container()["env"]}
    for name, secret in environment.items():
        monkeypatch.setenv(name, f"mysql://host/{secret['name']}_{secret['key']}")
    options = parsed(container()["args"])

    assert options.apply
    assert source_of(options).urls == {
        "auth": "mysql://host/original_auth",
        "catalog": "mysql://host/original_catalog",
        "main": "mysql://host/original_main",
    }
    assert target_of(options) == {
        "auth": "mysql://host/db-auth_url",
        "catalog": "mysql://host/db-catalog_url",
        "purchase": "mysql://host/db-main_url",
    }


def test_the_runbooks_command_applies_everything(tmp_path: Path) -> None:
    """With the image that is named there: without its NetworkPolicy the Job reaches no database."""
    (command,) = (
        each for each in markdown.typed(RUNBOOK) if "job.yaml" in each and "apply" in each
    )
    applied = tmp_path / "applied.yaml"
    kubectl = f'kubectl() {{ [ "$*" = "apply -f -" ] && cat >"{applied}"; }}'
    bash = shutil.which("bash") or "bash"
    subprocess.run([bash, "-ec", f"{kubectl}\n{command}"], cwd=ROOT, check=True)  # noqa: S603 - the runbook
    job, *others = yaml.safe_load_all(applied.read_text("utf-8"))
    image = job["spec"]["template"]["spec"]["containers"][0].pop("image")
    expected = objects()
    del expected[0]["spec"]["template"]["spec"]["containers"][0]["image"]

    assert image == "REGISTRY/bookstore/adoption:1"
    assert [job, *others] == expected


def test_the_databases_let_it_in() -> None:
    """By the labels of its pod."""
    job, policy = objects()
    (rule,) = policy["spec"]["ingress"]
    wanted = rule["from"][0]["podSelector"]["matchLabels"]

    assert wanted.items() <= job["spec"]["template"]["metadata"]["labels"].items()


def test_the_originals_names_lead_to_the_public_services() -> None:
    """With the ports that the original listens on, through the queue-proxy of each pod."""
    aliases = yaml.safe_load_all(ALIASES.read_text("utf-8"))
    shop = rendered("local", "always-on", "original-names")
    found = {}
    for alias in aliases:
        name, namespace = alias["spec"]["externalName"].split(".")[:2]
        target = one(shop, "Service", name, "v1")
        (port,) = target["spec"]["ports"]
        (service,) = target["spec"]["selector"].values()
        found[alias["metadata"]["name"]] = (namespace, service, port["port"], port["targetPort"])

    assert found == {
        "auth-service": ("bookstore", "auth", 5001, 8012),
        "catalog-service": ("bookstore", "catalog", 5002, 8012),
        "purchase-service": ("bookstore", "purchase", 5003, 8012),
    }


def test_the_names_that_are_assumed_are_in_the_runbook() -> None:
    """With their namespace and their ports, because clients may use others."""
    runbook = (ROOT / "docs" / "runbooks" / "move-in-from-the-original.md").read_text("utf-8")
    aliases = [each["metadata"] for each in yaml.safe_load_all(ALIASES.read_text("utf-8"))]
    shop = rendered("local", "always-on", "original-names")
    ports = [
        one(shop, "Service", f"original-{name}", "v1")["spec"]["ports"][0]["port"]
        for name in ("auth", "catalog", "purchase")
    ]
    assumed = {each for alias in aliases for each in (alias["name"], alias["namespace"])}

    assert [each for each in assumed if f"`{each}`" not in runbook] == []
    assert f"{ports[0]} to {ports[-1]}" in runbook


def test_the_component_opens_nothing_but_the_queue_proxies() -> None:
    """It breaks one rule, that only Knative reaches the pods, and that by port 8012 alone."""
    shop = rendered("eks", "always-on", "original-names")
    broken = {rule.__name__: list(rule(shop)) for rule in RULES}
    opened = broken.pop("services_through_knative")

    assert {name: wrong for name, wrong in broken.items() if wrong} == {}
    assert len(opened) == 3
    assert all("'pods of ours': {8012}" in each for each in opened)
