"""What a service imports before its first request: nothing that this request does not need.

A service that scales to zero is as good as its start, and a start is imports. The list is of
packages; a change that adds one says what it costs (`python -X importtime`), and why no later
moment will do.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.services import APPS, NAMES

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
import functions.kit.start.serve
app = import_module(f"functions.{sys.argv[1]}.app").create_app()
print(json.dumps(sorted(sys.modules)))
"""


_SHOW_WHAT_LISTENING_ADDS = """
import json, sys
from functions.kit.start.serve import configuration
from tests.support.run_once import serve_briefly
config = configuration(f"functions.{sys.argv[1]}.app:create_app", port=0)
config.load()
before = set(sys.modules)
serve_briefly(config, lambda: print(json.dumps(sorted(sys.modules.keys() - before))))
"""

_SHOW_WHAT_THE_DOCUMENT_ADDS = """
import json, sys
from importlib import import_module
app = import_module(f"functions.{sys.argv[1]}.app").create_app()
before = set(sys.modules)
from functions.kit.http.openapi import document
document(app)
print(json.dumps(sorted(sys.modules.keys() - before)))
"""


def imported(service: str, program: str = _SHOW_WHAT_IS_IMPORTED, **environment: str) -> set[str]:
    """The modules of a process that has built a service's app, and has met no request yet.

    Or what another program says that it has imported, in the first line that it writes.
    """
    settings = {"DATABASE_URL": "mysql://shop:secret@127.0.0.1:1/shop", **environment}
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", program, service],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("[")]
    return set(json.loads(lines[0]))


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
    if not any(name.startswith("opentelemetry.") for name in modules):
        # The folder of a package of the tests, in which Litestar has looked for another one.
        found.discard("opentelemetry")
    return {name for name in found if not name.startswith("_")}


@pytest.mark.parametrize("service", APPS)
def test_a_public_api_imports_what_is_listed_and_nothing_else(service: str) -> None:
    """Neither a client for HTTP, nor the driver, nor cryptography, CloudEvents or Prometheus."""
    found = packages(imported(service, EXPOSED_API="public"))

    assert sorted(found - MAY_BE_IMPORTED.keys()) == []


def test_the_storefront_imports_nothing_of_a_database() -> None:
    """It has none: no tables, no outbox and no feed, which are a sixth of its modules."""
    found = imported("storefront")
    parts = ("piccolo", "functions.kit.data", "functions.kit.events", "functions.kit.mysql")

    assert sorted(name for name in found if name.startswith(parts)) == []


def test_the_list_names_nothing_that_is_not_imported_any_more() -> None:
    """So that what was got rid of does not come back unseen."""
    found = set().union(*(packages(imported(service, EXPOSED_API="public")) for service in NAMES))

    assert sorted(MAY_BE_IMPORTED.keys() - found) == []


@pytest.mark.parametrize("service", NAMES)
def test_both_apis_add_no_packages(service: str) -> None:
    """One process with all of it, as on one machine, still starts without the rest."""
    found = packages(imported(service, EXPOSED_API="both"))

    assert sorted(found - MAY_BE_IMPORTED.keys()) == []


def test_listening_adds_nothing_to_the_storefront() -> None:
    """No driver; templates, translations and the client come with the first page."""
    added = imported("storefront", _SHOW_WHAT_LISTENING_ADDS)

    assert sorted(packages(added) - MAY_BE_IMPORTED.keys()) == []


@pytest.mark.parametrize("service", NAMES)
def test_listening_adds_the_driver_and_nothing_else(service: str) -> None:
    """Not anyio's event loop, which Litestar's own events would bring; nobody has any here."""
    added = imported(service, _SHOW_WHAT_LISTENING_ADDS, EXPOSED_API="public")
    known = MAY_BE_IMPORTED.keys() | {"aiomysql", "pymysql", "cryptography", "cffi"}

    assert sorted(packages(added) - known) == []
    assert sorted(name for name in added if name.startswith("anyio.")) == []


@pytest.mark.parametrize("service", NAMES)
def test_the_document_is_built_without_further_packages(service: str) -> None:
    """Only its builder is added, and no faker or polyfactory, which would take 50 MiB."""
    added = imported(service, _SHOW_WHAT_THE_DOCUMENT_ADDS, EXPOSED_API="both")
    ours = {name for name in added if name.partition(".")[0] == "functions"}

    assert ours == {"functions.kit.http.openapi"}
    assert packages(added - ours) == set()
