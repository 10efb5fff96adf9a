"""Images for the tests of this folder: built once for a module, read-only, with a /tmp each."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.cluster.dockerfile import Stage
from tests.cluster.running_images import BuildImage, build_image


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Readable for other users, unlike pytest's own folder."""
    path = Path(tempfile.mkdtemp(prefix="bookstore-image-"))
    path.chmod(0o755)
    yield path
    subprocess.run(["chmod", "-R", "u+w", str(path)], check=True)  # noqa: S603, S607
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def built(folder: Path) -> BuildImage:
    """The image of a service on a Python."""

    @cache
    def build(service: str, kind: str) -> Stage:
        return build_image(folder, service, kind)

    return build


@pytest.fixture
def scratch(folder: Path) -> Iterator[Path]:
    """The container's /tmp."""
    path = Path(tempfile.mkdtemp(dir=folder))
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)
