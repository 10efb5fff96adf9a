"""What an image holds is enough, and what a process need not load it does not load."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.services import APPS, FUNCTIONS

ANSWER = """
import asyncio, json, sys
from functions.{service}.app import create_app

async def main():
    app = create_app()
    received, sent = asyncio.Queue(), asyncio.Queue()
    lifespan = asyncio.create_task(
        app({{"type": "lifespan", "asgi": {{"version": "3.0"}}}}, received.get, sent.put)
    )
    await received.put({{"type": "lifespan.startup"}})
    assert (await sent.get())["type"] == "lifespan.startup.complete"
    scope = {{
        "type": "http", "asgi": {{"version": "3.0"}}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": "/", "raw_path": b"/", "query_string": b"", "root_path": "",
        "headers": [], "client": ("192.0.2.7", 4711), "server": ("127.0.0.1", 80),
    }}
    await received.put({{"type": "http.request", "body": b"", "more_body": False}})
    await app(scope, received.get, sent.put)
    status = (await sent.get())["status"]
    await sent.get()
    loaded = sorted(sys.modules)
    await received.put({{"type": "lifespan.shutdown"}})
    await lifespan
    print(json.dumps({{"status": status, "loaded": loaded}}), file=sys.stderr)

asyncio.run(main())
"""

NAME_WHAT_IS_LOADED = """
import sys
import functions.{service}.{module}
print(*sorted({{name.partition(".")[0] for name in sys.modules}}))
"""

HEAVY = {"asyncpg", "black", "jinja2", "piccolo.conf.apps", "swagger_ui"}
FRAMEWORKS = {"httpx", "litestar", "msgspec", "piccolo"}


def image(tmp_path: Path, service: str) -> Path:
    """A folder with what an image of the service holds of this repository."""
    packages = tmp_path / "functions"
    packages.mkdir()
    shutil.copy(FUNCTIONS / "__init__.py", packages)
    for name in ("kit", service):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(FUNCTIONS / name, packages / name, ignore=ignored)
    return tmp_path


def run(folder: Path, program: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-B", "-c", program]
    return subprocess.run(  # noqa: S603
        command, cwd=folder, env={}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("service", APPS)
def test_a_service_runs_on_its_own_folder_and_the_kit(tmp_path: Path, service: str) -> None:
    """With no environment set, to its first answer, without what only tools need. The storefront's
    leads to a page in the visitor's language."""
    ran = run(image(tmp_path, service), ANSWER.format(service=service))
    lines = ran.stderr.splitlines()

    assert ran.returncode == 0, ran.stderr
    assert f'"status": {302 if service == "storefront" else 200}' in lines[-1]
    assert sorted(name for name in HEAVY if f'"{name}"' in lines[-1]) == []


@pytest.mark.parametrize("service", APPS)
@pytest.mark.parametrize("module", ["domain", "errors"])
def test_rules_and_refusals_load_no_framework(tmp_path: Path, service: str, module: str) -> None:
    """Nor through anything that they import."""
    program = NAME_WHAT_IS_LOADED.format(service=service, module=module)
    ran = run(image(tmp_path, service), program)

    assert ran.returncode == 0, ran.stderr
    assert sorted(set(ran.stdout.split()) & FRAMEWORKS) == []


def test_the_kits_refusals_load_no_framework(tmp_path: Path) -> None:
    """They are what the services' refusals are made of."""
    program = NAME_WHAT_IS_LOADED.format(service="kit", module="base.errors")
    ran = run(image(tmp_path, "auth"), program)

    assert ran.returncode == 0, ran.stderr
    assert sorted(set(ran.stdout.split()) & FRAMEWORKS) == []
