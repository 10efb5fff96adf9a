"""A package from npm, for checks by a project's own validator."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.servers.programs import missing

INSTALL_TIMEOUT = 120
"""Seconds."""


def npm_package(
    package: str, config: pytest.Config, temporary: pytest.TempPathFactory, *, purpose: str
) -> Path:
    """The folder that a package, `name@version`, is installed in; pytest's cache keeps it.

    Without node, npm or a registry the tests are skipped with the reason, as `missing` does.
    """
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        missing(f"node and npm, which {purpose}, are not installed")
    name = package.rpartition("@")[0]
    key = package.strip("@").replace("/", "-")
    cache = getattr(config, "cache", None)
    folder = Path(cache.mkdir(key)) if cache else temporary.mktemp("npm")
    if not (folder / "node_modules" / name / "package.json").exists():
        options = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)]
        try:
            subprocess.run(  # noqa: S603 - the npm that is installed
                [npm, "install", *options, package],
                cwd=folder,
                check=True,
                capture_output=True,
                timeout=INSTALL_TIMEOUT,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            missing(f"{package} cannot be installed by npm: {type(error).__name__}")
    return folder
