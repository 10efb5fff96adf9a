"""Every overlay keeps every rule; and each rule sees a manifest that breaks it."""

import pytest

from tests.cluster.broken import databases as broken_databases
from tests.cluster.broken import events as broken_events
from tests.cluster.broken import objects as broken_objects
from tests.cluster.broken import pods as broken_pods
from tests.cluster.broken import services as broken_services
from tests.cluster.broken.parts import Break, Rule
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
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.__module__[20:]}.{rule.__name__}")
@pytest.mark.parametrize("components", COMPONENTS, ids=lambda names: "+".join(names) or "plain")
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_manifests_keep_the_rule(overlay: str, components: tuple[str, ...], rule: Rule) -> None:
    assert list(rule(rendered(overlay, *components))) == []


BROKEN = (
    *broken_services.CASES,
    *broken_pods.CASES,
    *broken_events.CASES,
    *broken_databases.CASES,
    *broken_objects.CASES,
)


@pytest.mark.parametrize(
    ("rule", "spoil", "complaint"),
    BROKEN,
    ids=[f"{rule.__name__}-{number}" for number, (rule, _, _) in enumerate(BROKEN)],
)
def test_the_rule_sees_what_is_broken(rule: Rule, spoil: Break, complaint: str) -> None:
    manifests = rendered("eks")
    spoil(manifests)

    assert any(complaint in wrong for wrong in rule(manifests)), list(rule(manifests))


def test_every_rule_is_shown_to_fail() -> None:
    assert {rule.__qualname__ for rule, _, _ in BROKEN} == {rule.__qualname__ for rule in RULES}
