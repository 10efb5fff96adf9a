"""The SBOMs: written by cyclonedx-py from the lock file, and equal to what an image installs."""

import importlib.metadata
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from knative.ops.cli.values import SERVICES
from knative.ops.commands.sbom import sbom
from knative.ops.manifests.sbom import (
    REQUIREMENTS,
    base_image,
    entries,
    installed,
    python_of,
)
from tests.cluster.manifests import ROOT
from tests.cluster.ops.conftest import FakeCluster

LOCK = """\
# made by uv
alpha==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
beta==2.0 ; sys_platform == 'win32' \\
    --hash=sha256:cc
gamma==3.0 ; python_version < '3.12' \\
    --hash=sha256:dd
requests==2.0 \\
    --hash=sha256:ee
jinja2==3.1 \\
    --hash=sha256:ff
"""


def test_entries_of_a_lock_file() -> None:
    """An entry is one requirement with its hashes, on one line."""
    found = [text for _, _, text in entries(LOCK)]

    assert found[0] == "alpha==1.0 --hash=sha256:aa --hash=sha256:bb"
    assert len(found) == 5


def test_what_an_image_holds() -> None:
    """Packages of other systems, of other services, and those that are taken out are left out."""
    assert list(installed(LOCK, "catalog", "3.13.1")) == ["alpha"]
    assert list(installed(LOCK, "storefront", "3.11.2")) == ["alpha", "gamma", "jinja2"]


def test_the_base_image() -> None:
    """The Dockerfile's own, whose Python decides what is installed."""
    image = base_image((ROOT / "functions" / "Dockerfile").read_text("utf-8"))

    assert image.startswith("python:3.")
    assert python_of("python:3.13.14-slim-trixie") == "3.13.14"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The documents of all services, which take a dozen seconds of a core to make."""
    folder, cluster = tmp_path_factory.mktemp("sbom"), FakeCluster()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        # Not the settings of this checkout.
        patch.setattr("knative.ops.cli.parsing.SETTINGS", folder / "deploy.toml")
        assert shutil.which("cyclonedx-py")
        command = ("--tag", "v1.2.0", "--output", str(folder))
        code = cluster.run(sbom, *command, environ=dict(os.environ))
    assert code == 0, cluster.output
    return {path.name.partition(".")[0]: json.loads(path.read_text()) for path in folder.iterdir()}


def test_documents_name_every_package(written: dict[str, dict[str, Any]]) -> None:
    """All that the lock installs in an image, with version and hashes.

    `tests/cluster/test_image.py` compares that with the packages of a built image.
    """
    python = python_of(base_image((ROOT / "functions" / "Dockerfile").read_text("utf-8")))
    lock = REQUIREMENTS.read_text("utf-8")
    found = {
        service: {
            each["name"]: (each["version"], bool(each["externalReferences"][0]["hashes"]))
            for each in document["components"]
            if each["type"] == "library"
        }
        for service, document in written.items()
    }

    assert found == {
        service: {
            name: (text.partition("==")[2].split()[0], True)
            for name, text in installed(lock, service, python).items()
        }
        for service in SERVICES
    }


def test_documents(written: dict[str, dict[str, Any]]) -> None:
    """One for each service: the image, its base, and each package with version and hashes."""
    catalog = written["catalog"]
    packages = {each["name"]: each for each in catalog["components"] if each["type"] == "library"}

    assert sorted(written) == sorted(SERVICES)
    assert catalog["metadata"]["component"]["name"] == "bookstore/catalog"
    assert catalog["metadata"]["component"]["version"] == "v1.2.0"
    assert packages["litestar"]["version"] == importlib.metadata.version("litestar")
    assert packages["litestar"]["purl"].startswith("pkg:pypi/litestar@")
    assert packages["litestar"]["externalReferences"][0]["hashes"]
    assert "faker" not in packages
    assert "jinja2" not in packages
    assert "jinja2" in {each["name"] for each in written["storefront"]["components"]}
    assert [c["name"] for c in catalog["components"] if c["type"] == "container"] == ["python"]
