"""compose.yaml: the cluster's shape on one machine, and nothing open to others.

Its structure only: no container engine is needed, and none is there.
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
def test_each_service_has_two_doors_from_one_image(service: str) -> None:
    public, internal = FOUND[service], FOUND[f"{service}-internal"]

    assert public["environment"]["EXPOSED_API"] == "public"
    assert internal["environment"] == {**public["environment"], "EXPOSED_API": "internal"}
    assert public["image"] == internal["image"] == FOUND[f"migrate-{service}"]["image"]
    assert public["build"]["args"] == {"SERVICE": service}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_waits_for_its_migration(service: str) -> None:
    for name in (service, f"{service}-internal"):
        assert FOUND[name]["depends_on"] == {
            f"migrate-{service}": {"condition": "service_completed_successfully"},
            "broker": {"condition": "service_healthy"},
        }
    assert FOUND[f"migrate-{service}"]["command"][-1] == f"functions.{service}.migrate"
    assert FOUND[f"migrate-{service}"]["depends_on"] == {"mysql": {"condition": "service_healthy"}}


def test_only_public_doors_are_published_and_only_here() -> None:
    published = {name: each["ports"] for name, each in FOUND.items() if "ports" in each}

    assert published == {
        "auth": ["127.0.0.1:5000:8080"],
        "catalog": ["127.0.0.1:5001:8080"],
        "purchase": ["127.0.0.1:5002:8080"],
    }


def test_the_broker_reaches_what_the_triggers_name() -> None:
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


def test_addresses_lead_to_services_of_the_file() -> None:
    for name, each in FOUND.items():
        for key, value in (each.get("environment") or {}).items():
            if key.endswith(("_INTERNAL_URL", "AUTH_URL", "K_SINK")):
                host = value.removeprefix("http://").removesuffix(":8080")
                assert host in FOUND, f"{name}: {key}"


def test_every_service_knows_its_environment() -> None:
    """What all share is set for all, so another service's names are known too."""
    known = {field.upper() for kind in SETTINGS.values() for field in kind.__struct_fields__}
    for name, each in FOUND.items():
        if name.removeprefix("migrate-").removesuffix("-internal") in SERVICES:
            assert set(each["environment"]) - known == set()


def test_containers_are_as_confined_as_pods() -> None:
    for name, each in FOUND.items():
        if name not in ("mysql", "rabbitmq"):
            assert each["read_only"] is True
            assert each["cap_drop"] == ["ALL"]
            assert each["security_opt"] == ["no-new-privileges:true"]


def test_it_holds_what_older_composes_and_podmans_understand() -> None:
    """podman-compose passes over inline `configs`, and compose before 2.20 refuses
    `start_interval`: what is mounted is a file of this repository, and it makes every database."""
    script = "/docker-entrypoint-initdb.d/databases.sql"
    (mounted,) = [each for each in FOUND["mysql"]["volumes"] if script in each]
    made = (ROOT / mounted.partition(":")[0]).read_text("utf-8")
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
    assert [name for name in named if f"CREATE DATABASE {name};" not in made] == []


def test_passwords_are_for_this_machine_only() -> None:
    """Nothing that production would take: no key, no admin, a database that nobody else reaches."""
    auth = FOUND["migrate-auth"]["environment"]

    assert auth["ENVIRONMENT"] == "development"
    assert auth["KEY_ENCRYPTION_SECRET"] == "${KEY_ENCRYPTION_SECRET:-}"
    assert auth["FIRST_ADMIN_PASSWORD"] == "${FIRST_ADMIN_PASSWORD:-}"
    for name in ("mysql", "rabbitmq", "broker"):
        assert "ports" not in FOUND[name]
