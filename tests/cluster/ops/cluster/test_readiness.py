"""Readiness, by statuses as the real controllers write them."""

from typing import Any

import pytest

from knative.ops.cluster.readiness import state_of
from knative.ops.commands.deploy import deploy
from knative.ops.rollout.triggers import state_without_services
from tests.cluster.ops.conftest import DEPLOY, FakeCluster

Object = dict[str, Any]


def service(**status: Any) -> Object:
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "auth", "generation": 2},
        "spec": {"template": {"metadata": {"name": "auth-new"}}},
        "status": {"observedGeneration": 2, **status},
    }


def condition(name: str, status: str, message: str = "") -> Object:
    return {"type": name, "status": status, "message": message}


READY = [condition("Ready", "True"), condition("ConfigurationsReady", "True")]


@pytest.mark.parametrize(
    ("found", "ready", "failed"),
    [
        (service(conditions=READY, latestReadyRevisionName="auth-new"), True, False),
        # Just after a change: the Configuration has not created the revision yet.
        (
            service(
                conditions=READY,
                latestCreatedRevisionName="auth-old",
                latestReadyRevisionName="auth-old",
            ),
            False,
            False,
        ),
        (service(observedGeneration=1, conditions=READY), False, False),
        # Traffic is pinned, so the Service is Ready although its newest revision is not.
        (
            service(
                conditions=[condition("Ready", "True"), condition("ConfigurationsReady", "False")],
                latestCreatedRevisionName="auth-new",
                latestReadyRevisionName="auth-old",
            ),
            False,
            True,
        ),
        (service(conditions=[condition("Ready", "False", "no image")]), False, True),
        (service(), False, False),
    ],
)
def test_knative_service(found: Object, ready: bool, failed: bool) -> None:
    """Ready means that the revision of the template is ready, not an older one."""
    state = state_of(found)

    assert (state.ready, state.failed) == (ready, failed)


def trigger(*conditions: Object) -> Object:
    return {
        "apiVersion": "eventing.knative.dev/v1",
        "kind": "Trigger",
        "metadata": {"name": "purchase-books", "generation": 1},
        "spec": {},
        "status": {"observedGeneration": 1, "conditions": list(conditions)},
    }


@pytest.mark.parametrize(
    ("found", "ready"),
    [
        (
            trigger(
                condition("Ready", "False"),
                condition("BrokerReady", "True"),
                condition("DeadLetterSinkResolved", "False"),
            ),
            True,
        ),
        (
            trigger(
                condition("Ready", "False"),
                condition("BrokerReady", "True"),
                condition("Dependency", "False", "DLX exchange is not ready"),
                condition("DeadLetterSinkResolved", "Unknown"),
            ),
            False,
        ),
        (
            trigger(
                condition("Ready", "False"),
                condition("BrokerReady", "False"),
                condition("DeadLetterSinkResolved", "False"),
            ),
            False,
        ),
        (trigger(condition("Ready", "True")), True),
    ],
)
def test_trigger_before_its_services(found: Object, ready: bool) -> None:
    """A Trigger that lacks only its services counts as ready, one that lacks more does not."""
    assert state_without_services(found).ready == ready


@pytest.mark.parametrize(
    ("statuses", "ready"),
    [(("True", "True"), True), (("True", "Unknown"), False), (("False", "True"), False)],
)
def test_rabbitmq(statuses: tuple[str, str], ready: bool) -> None:
    """It has no condition Ready, and its condition NoWarnings does not count."""
    found = {
        "apiVersion": "rabbitmq.com/v1beta1",
        "kind": "RabbitmqCluster",
        "metadata": {"name": "rabbitmq", "generation": 1},
        "status": {
            "observedGeneration": 1,
            "conditions": [
                condition("AllReplicasReady", statuses[0]),
                condition("ReconcileSuccess", statuses[1]),
                condition("NoWarnings", "False", "limits and requests differ"),
            ],
        },
    }

    assert state_of(found).ready == ready


def test_kinds_without_a_status() -> None:
    """They are ready when they exist."""
    assert state_of({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}).ready


def test_broker_may_be_unready_for_long(cluster: FakeCluster) -> None:
    """A Broker is False for as long as RabbitMQ is starting, which is not a failure."""
    cluster.state.faults["Broker/bookstore"] = "waits"
    code = cluster.run(deploy, *DEPLOY, "--timeout", "600")

    assert code == 1
    assert "Not ready after 602 s" in cluster.output


def test_pod_that_blocks_its_replacement(cluster: FakeCluster) -> None:
    """A pod with a missing image is deleted, because its StatefulSet would not replace it."""
    cluster.state.faults["StatefulSet/db-main"] = "image"
    cluster.run(deploy, *DEPLOY, "--timeout", "30")
    cluster.state.revisions["db-main"] = ("old", "new")
    cluster.run(deploy, *DEPLOY, "--timeout", "30", "--database-image", "mysql:8.4.11")
    (deleted,) = cluster.called("delete")

    assert deleted[-1] == "pod/db-main-0"
