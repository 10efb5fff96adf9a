"""What the release before named differently still works beside this release.

Both revisions of a service get traffic during a rollout, and the pods of the old one keep the
labels they were created with.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from knative.ops.objects import key_of
from knative.ops.rollout.leftovers import FORMER_NAMES
from tests.cluster.manifests import OVERLAYS, Object, name_of, pods, rendered, selects

COMPONENT = "app.kubernetes.io/component"
FORMER_LABELS = {"public-api": "public-door", "internal-api": "internal-door"}
SELECTING = ("NetworkPolicy", "PodDisruptionBudget", "PodMonitor")


def selectors(value: Any) -> Iterator[Object]:
    """Every selector of pods inside an object's spec."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key in ("podSelector", "selector"):
                yield each
            yield from selectors(each)
    elif isinstance(value, list):
        for each in value:
            yield from selectors(each)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_of_the_release_before_are_selected_like_new_ones(overlay: str) -> None:
    """By every policy, budget and monitor."""
    objects = rendered(overlay, "monitoring")
    relabelled = [
        (pod.name, pod.labels, {**pod.labels, COMPONENT: FORMER_LABELS[pod.labels[COMPONENT]]})
        for pod in pods(objects)
        if pod.labels.get(COMPONENT) in FORMER_LABELS
    ]
    selecting = [
        (name_of(each), selector)
        for each in objects
        if each["kind"] in SELECTING
        for selector in selectors(each["spec"])
    ]

    assert len(relabelled) == 8
    assert {kind for name, _ in selecting for kind in [name.split()[0]]} == set(SELECTING)
    assert [
        (name, pod)
        for name, selector in selecting
        for pod, new, old in relabelled
        if selects(selector, new) != selects(selector, old)
    ] == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_successors_of_renamed_objects_are_deployed(overlay: str) -> None:
    """The others would never be deleted; and no object has its former name."""
    deployed = {key_of(each) for each in rendered(overlay)}

    assert set(FORMER_NAMES.values()) <= deployed
    assert not set(FORMER_NAMES) & deployed
