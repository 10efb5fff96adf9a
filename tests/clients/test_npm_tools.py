"""The documents before tools of npm: redocly's linter and openapi-typescript.

They are used as `npx` brings them, where there is npm and a registry it can reach; else these tests
are skipped, with the reason.
"""

import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from functions.kit.http.openapi import document
from tests.clients.test_generated_clients import APPS
from tests.journeys.shop_in_process import SERVICES

REDOCLY = "@redocly/cli@2"
TYPESCRIPT = "openapi-typescript@7"


def npx(package: str, *arguments: str, folder: Path) -> str:
    """What a tool writes; it must succeed. Skips the test where the tool cannot be had."""
    command = shutil.which("npx")
    if command is None:
        pytest.skip("npm is not installed")
    base = [command, "--yes", "--prefer-offline", package]
    there = subprocess.run(  # noqa: S603 - npx, as found
        [*base, "--version"], cwd=folder, capture_output=True, text=True, check=False, timeout=200
    )
    if there.returncode != 0:
        pytest.skip(f"{package} cannot be had from npm's registry: {there.stderr[-200:]}")
    done = subprocess.run(  # noqa: S603 - npx, as found
        [*base, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=200
    )

    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def write(service: str, folder: Path, *, internal: bool = False) -> str:
    path = folder / f"{service}{'-internal' if internal else ''}.json"
    path.write_bytes(msgspec.json.encode(document(APPS[service](), internal=internal)))
    return str(path)


def test_redocly_finds_no_error(tmp_path: Path) -> None:
    """Its recommended rules hold for both APIs of all services."""
    paths = [write(each, tmp_path, internal=inner) for each in SERVICES for inner in (False, True)]

    npx(REDOCLY, "lint", *paths, folder=tmp_path)


def test_typescript_has_a_type_for_every_operation(tmp_path: Path) -> None:
    """By the names of the operations."""
    for service in SERVICES:
        path = write(service, tmp_path)
        made = npx(TYPESCRIPT, path, folder=tmp_path)
        described = msgspec.json.decode(Path(path).read_bytes())
        ids = [
            each["operationId"] for item in described["paths"].values() for each in item.values()
        ]

        assert ids
        assert all(f"    {name}: {{" in made for name in ids)
