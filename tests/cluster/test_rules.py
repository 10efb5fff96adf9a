"""Every overlay follows every rule, and each rule finds a manifest that breaks it."""

import pytest

from tests.cluster.broken import databases as broken_databases
from tests.cluster.broken import events as broken_events
from tests.cluster.broken import objects as broken_objects
from tests.cluster.broken import pods as broken_pods
from tests.cluster.broken import services as broken_services
from tests.cluster.broken.parts import Change, Rule
from tests.cluster.manifests import OVERLAYS, rendered
from tests.cluster.rules import databases, events, objects, pods, services

RULES: tuple[Rule, ...] = (
    *services.RULES,
    *pods.RULES,
    *events.RULES,
    *databases.RULES,
    *objects.RULES,
)
COMPONENTS = (
    (),
    ("mariadb",),
    ("always-on",),
    ("external-database",),
    ("domain",),
    ("monitoring",),
    ("observability",),
    ("managed-telemetry",),
    ("alerts",),
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.__module__[20:]}.{rule.__name__}")
@pytest.mark.parametrize("components", COMPONENTS, ids=lambda names: "+".join(names) or "plain")
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_manifests_follow_the_rule(
    overlay: str, components: tuple[str, ...], rule: Rule
) -> None:
    """In every overlay, with and without components."""
    assert list(rule(rendered(overlay, *components))) == []


BROKEN = (
    *broken_services.CASES,
    *broken_pods.CASES,
    *broken_events.CASES,
    *broken_databases.CASES,
    *broken_objects.CASES,
)


@pytest.mark.parametrize(
    ("rule", "change", "message"),
    BROKEN,
    ids=[f"{rule.__name__}-{number}" for number, (rule, _, _) in enumerate(BROKEN)],
)
def test_the_rule_finds_a_violation(rule: Rule, change: Change, message: str) -> None:
    """After a change that breaks it, with a message about it."""
    manifests = rendered("eks")
    change(manifests)

    assert any(message in wrong for wrong in rule(manifests)), list(rule(manifests))


def test_every_rule_can_fail() -> None:
    """Each has at least one case."""
    assert {rule.__qualname__ for rule, _, _ in BROKEN} == {rule.__qualname__ for rule in RULES}
