"""compose.yaml: the same parts as in a cluster, and no port open to other machines.

Its structure only, without a container engine.
"""

from typing import Any

import pytest
import yaml

from functions.local.broker.manifests import load_manifests
from tests.cluster.manifests import ROOT, SERVICES
from tests.cluster.rules.pods import SETTINGS

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
    assert FOUND[f"migrate-{service}"]["command"][-1] == f"functions.{service}.migrate"
    assert FOUND[f"migrate-{service}"]["depends_on"] == {"mysql": {"condition": "service_healthy"}}


def test_only_public_apis_are_published() -> None:
    """On this machine only."""
    published = {name: each["ports"] for name, each in FOUND.items() if "ports" in each}

    assert published == {
        "auth": ["127.0.0.1:5000:8080"],
        "catalog": ["127.0.0.1:5001:8080"],
        "purchase": ["127.0.0.1:5002:8080"],
    }


def test_the_broker_reaches_what_the_triggers_name() -> None:
    """Every address of a Trigger resolves to a service of the file."""
    resolved = dict(
        each.removeprefix("--resolve=").split("=", 1)
        for each in FOUND["broker"]["command"]
        if each.startswith("--resolve=")
    )
    manifests = load_manifests(ROOT / "eventing", resolved)

    assert len(manifests.triggers) == 4
    assert {url.removeprefix("http://").removesuffix(":8080") for url in resolved.values()} <= set(
        FOUND
    )


def test_addresses_are_those_of_services() -> None:
    """Every URL in a setting names a service of the file."""
    for name, each in FOUND.items():
        for key, value in (each.get("environment") or {}).items():
            if key.endswith(("_INTERNAL_URL", "AUTH_URL", "K_SINK")):
                host = value.removeprefix("http://").removesuffix(":8080")
                assert host in FOUND, f"{name}: {key}"


def test_every_variable_is_read() -> None:
    """By one of the services: common variables are set for all."""
    known = {field.upper() for kind in SETTINGS.values() for field in kind.__struct_fields__}
    for name, each in FOUND.items():
        if name.removeprefix("migrate-").removesuffix("-internal") in SERVICES:
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
    assert named == {f"bookstore_{name}" for name in ("auth", "catalog", "main")}
    assert [name for name in named if f"CREATE DATABASE {name};" not in script_text] == []


def test_passwords_are_for_this_machine_only() -> None:
    """Nothing is fit for production: no key, no admin, a database that is not published."""
    auth = FOUND["migrate-auth"]["environment"]

    assert auth["ENVIRONMENT"] == "development"
    assert auth["KEY_ENCRYPTION_SECRET"] == "${KEY_ENCRYPTION_SECRET:-}"
    assert auth["FIRST_ADMIN_PASSWORD"] == "${FIRST_ADMIN_PASSWORD:-}"
    for name in ("mysql", "rabbitmq", "broker"):
        assert "ports" not in FOUND[name]
