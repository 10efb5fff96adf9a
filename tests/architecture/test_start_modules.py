"""What a service imports before its first request: nothing that this request does not need.

A service that scales to zero is as good as its start, and a start is imports. The list is of
packages; whoever adds one to it says what it costs (`python -X importtime`), and why no later
moment will do.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.services import NAMES

ROOT = Path(__file__).parents[2]

MAY_BE_IMPORTED = {
    # The framework, and what it imports whatever is used of it.
    "litestar": "HTTP",
    "annotated_types": "litestar",
    "anyio": "litestar",
    "multidict": "litestar",
    "multipart": "litestar",
    "sniffio": "litestar",
    "yaml": "litestar",
    "msgspec": "bodies, settings, litestar",
    "typing_extensions": "litestar, piccolo",
    # The server.
    "uvicorn": "HTTP",
    "h11": "HTTP; the relay's posts too",
    "click": "uvicorn",
    # The tables.
    "piccolo": "SQL",
    "colorama": "piccolo",
    "inflection": "piccolo",
    # Of our own.
    "functions": "the service",
    "uuid_utils": "ids of events",
}

_SHOW_WHAT_IS_IMPORTED = """
import json, os, sys
from importlib import import_module
import functions.kit.serve
app = import_module(f"functions.{sys.argv[1]}.app").create_app()
print(json.dumps(sorted(sys.modules)))
"""


def imported(service: str, **environment: str) -> set[str]:
    """The modules of a process that has built a service's app, and has met no request yet."""
    settings = {"DATABASE_URL": "mysql://shop:secret@127.0.0.1:1/shop", **environment}
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", _SHOW_WHAT_IS_IMPORTED, service],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout))


def packages(modules: set[str]) -> set[str]:
    """Their packages that are not Python's own; what `site` brings along is not ours to judge."""
    bare = subprocess.run(
        [sys.executable, "-c", "import sys, json; print(json.dumps(sorted(sys.modules)))"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = {name.partition(".")[0] for name in modules - set(json.loads(bare.stdout))}
    found -= sys.stdlib_module_names | {"cython_runtime"}  # which compiled modules make up
    return {name for name in found if not name.startswith("_")}


@pytest.mark.parametrize("service", NAMES)
def test_a_public_door_imports_what_is_listed_and_nothing_else(service: str) -> None:
    """Neither a client for HTTP, nor the driver, nor cryptography, CloudEvents or Prometheus."""
    found = packages(imported(service, DOORS="public"))

    assert sorted(found - MAY_BE_IMPORTED.keys()) == []


def test_the_list_names_nothing_that_is_not_imported_any_more() -> None:
    """So that what was got rid of does not come back unseen."""
    found = set().union(*(packages(imported(service, DOORS="public")) for service in NAMES))

    assert sorted(MAY_BE_IMPORTED.keys() - found) == []


@pytest.mark.parametrize("service", NAMES)
def test_both_doors_add_only_what_shows_metrics(service: str) -> None:
    """One process with all of it, as on one machine, still starts without the rest."""
    found = packages(imported(service, DOORS="both"))

    assert sorted(found - MAY_BE_IMPORTED.keys()) == ["prometheus_client"]
