"""canary, promote, rollback, status, logs, undeploy: what they run, and that they show it."""

import json
from typing import Any

import pytest

from knative.ops.canary import canary
from knative.ops.deploy import deploy
from knative.ops.logs import logs
from knative.ops.promote import promote
from knative.ops.rollback import rollback
from knative.ops.status import status
from knative.ops.undeploy import undeploy
from tests.cluster.ops.conftest import CONTEXT, DEPLOY, Lab

WHERE = "--context kind-test -n bookstore"
METRICS = """\
# HELP outbox_unsent_events Events that wait for the broker.
outbox_unsent_events 3.0
outbox_oldest_unsent_seconds 61.5
dead_letters 2.0
http_requests_total{method="GET",route="/",status="200"} 5.0
"""


MIGRATION = "app.kubernetes.io/component=migration,app.kubernetes.io/name=auth"


def service(lab: Lab, name: str = "purchase") -> dict[str, Any]:
    found: dict[str, Any] = next(
        each
        for each in lab.state.of_kind("Service", "serving.knative.dev")
        if each["metadata"]["name"] == name
    )
    return found


def newest(lab: Lab) -> str:
    name: str = service(lab)["status"]["latestReadyRevisionName"]
    return name


@pytest.fixture
def two(lab: Lab) -> tuple[str, str]:
    """Two revisions of each service; all traffic goes to the second."""
    lab.run(deploy, *DEPLOY)
    old = newest(lab)
    lab.run(deploy, *[each if each != "v1" else "v2" for each in DEPLOY])
    return old, newest(lab)


def updates(lab: Lab) -> list[str]:
    return [" ".join(argv) for argv in lab.called("kn", "update")]


def test_canary(lab: Lab, two: tuple[str, str]) -> None:
    """The rest stays with the revision before; the command is shown as it is run."""
    old, _ = two
    code = lab.run(canary, *CONTEXT, "purchase", "10")
    command = f"kn service update purchase --traffic @latest=10 --traffic {old}=90 {WHERE}"

    assert (code, updates(lab)) == (0, [command])
    assert f"$ {command}" in lab.output


def test_canary_of_a_third(lab: Lab, two: tuple[str, str]) -> None:
    """Beside the newest goes whoever carries the shop now, not simply the one before."""
    old, _ = two
    lab.run(rollback, *CONTEXT, "purchase")
    lab.run(deploy, *[each if each != "v1" else "v3" for each in DEPLOY])
    lab.run(canary, *CONTEXT, "purchase", "25")

    assert updates(lab)[-1].startswith(
        f"kn service update purchase --traffic @latest=25 --traffic {old}=75"
    )


def test_promote(lab: Lab, two: tuple[str, str]) -> None:
    """All to the newest, and to those that come."""
    lab.run(canary, *CONTEXT, "purchase", "10")
    code = lab.run(promote, *CONTEXT, "purchase")

    assert (code, updates(lab)[-1]) == (
        0,
        f"kn service update purchase --traffic @latest=100 {WHERE}",
    )
    assert [(t["revisionName"], t["percent"]) for t in service(lab)["status"]["traffic"]] == [
        (two[1], 100)
    ]


def test_rollback(lab: Lab, two: tuple[str, str]) -> None:
    """All to the one before, which stays so when the next one is deployed."""
    old, _ = two
    code = lab.run(rollback, *CONTEXT, "purchase")

    assert (code, updates(lab)) == (0, [f"kn service update purchase --traffic {old}=100 {WHERE}"])
    assert "rollback -- purchase-internal" in lab.output


def test_rollback_of_a_canary(lab: Lab, two: tuple[str, str]) -> None:
    """The newest loses what it was given."""
    old, _ = two
    lab.run(canary, *CONTEXT, "purchase", "50")
    lab.run(rollback, *CONTEXT, "purchase")

    assert [(t["revisionName"], t["percent"]) for t in service(lab)["status"]["traffic"]] == [
        (old, 100)
    ]


def test_rollback_twice(lab: Lab, two: tuple[str, str]) -> None:
    """The second does not guess: it names the revisions that there are."""
    lab.run(rollback, *CONTEXT, "purchase")
    code = lab.run(rollback, *CONTEXT, "purchase")

    assert (code, len(updates(lab))) == (1, 1)
    assert f"--to, one of {two[1]}" in lab.output


def test_rollback_to_nowhere(lab: Lab, two: tuple[str, str]) -> None:
    """A revision that is not there is refused before kn is asked."""
    code = lab.run(rollback, *CONTEXT, "purchase", "--to", "purchase-00001")

    assert (code, updates(lab)) == (1, [])


def test_only_one_revision(lab: Lab) -> None:
    """There is nothing to split with."""
    lab.run(deploy, *DEPLOY)
    code = lab.run(canary, *CONTEXT, "purchase", "10")

    assert (code, updates(lab)) == (1, [])
    assert "has only one ready revision" in lab.output


def test_newest_is_not_ready(lab: Lab, two: tuple[str, str]) -> None:
    """@latest would mean the revision before; neither canary nor promote act on that."""
    lab.state.faults["Service/purchase"] = "image"
    lab.run(deploy, *[each if each != "v1" else "v3" for each in DEPLOY])

    assert lab.run(canary, *CONTEXT, "purchase", "10") == 1
    assert lab.run(promote, *CONTEXT, "purchase") == 1
    assert updates(lab) == []


@pytest.mark.parametrize("words", [("purchase", "101"), ("shop", "10"), ("purchase", "ten")])
def test_wrong_words(lab: Lab, words: tuple[str, str]) -> None:
    """Exit code 2, nothing run."""
    try:
        code = lab.run(canary, *CONTEXT, *words)
    except SystemExit as ended:
        code = int(str(ended.code))

    assert (code, updates(lab)) == (2, [])


def test_status(lab: Lab, two: tuple[str, str]) -> None:
    """Revisions, traffic, readiness, queues, outbox and dead letters, and how each is read."""
    uid = "00000000-0000-0000-0000-000000000001"
    lab.state.answers["rabbitmq-server-0"] = json.dumps(
        [
            {"name": f"bookstore.purchase-books.{uid}", "messages": 7, "consumers": 0},
            {"name": f"t.bookstore.purchase-books.dlq.{uid}", "messages": 0, "consumers": 1},
        ]
    )
    awake(lab, "purchase-internal")
    lab.state.answers["purchase-internal-pod"] = METRICS
    lab.run(rollback, *CONTEXT, "purchase")
    code = lab.run(status, *CONTEXT)

    assert code == 0
    for said in (
        f"pinned   {two[1]} is newer and gets nothing",
        "7 waiting, and nobody reads it",
        "purchase-books, dead letters",
        "3 unsent, the oldest 62 s old; 2 dead letters",
        "asleep: --wake reads it",
        "Trigger purchase-books             ready",
        f"$ kubectl {WHERE} get services.serving.knative.dev",
    ):
        assert said in lab.output


def awake(lab: Lab, name: str) -> None:
    lab.state.put(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"{name}-pod",
                "namespace": "bookstore",
                "labels": {"serving.knative.dev/service": name},
            },
            "spec": {"containers": [{"name": "queue-proxy"}, {"name": "purchase"}]},
        }
    )["status"] = {"phase": "Running"}


def test_metrics_are_read_past_the_queue_proxy(lab: Lab) -> None:
    """In the service's own container, so that looking keeps nobody awake."""
    lab.run(deploy, *DEPLOY)
    awake(lab, "purchase-internal")
    lab.run(status, *CONTEXT)
    (found,) = lab.called("exec", "purchase-internal-pod")

    assert found[found.index("-c") + 1] == "purchase"


def test_status_of_nothing(lab: Lab) -> None:
    """It says so."""
    assert lab.run(status, *CONTEXT) == 1
    assert "No shop in bookstore" in lab.output


@pytest.mark.parametrize(
    ("what", "target"),
    [
        ("purchase", ["-l", "serving.knative.dev/service=purchase", "-c", "purchase"]),
        ("db-main", ["statefulset/db-main"]),
        ("migrate-auth", ["-l", MIGRATION, "--all-containers"]),
        ("rabbitmq", ["-l", "app.kubernetes.io/component=rabbitmq", "-c", "rabbitmq"]),
    ],
)
def test_logs(lab: Lab, what: str, target: list[str]) -> None:
    """Of the service's own container: beside it is Knative's."""
    lab.run(deploy, *DEPLOY)
    lab.run(logs, *CONTEXT, what, "--follow", "--since", "10m")
    (argv,) = lab.streamed

    assert argv == [
        *("kubectl", "--context", "kind-test", "-n", "bookstore", "logs", *target, "--prefix"),
        *("--tail=50", "--since=10m", "--follow", "--max-log-requests=20"),
    ]


def test_logs_of_a_migration_are_found_by_its_pods(lab: Lab) -> None:
    """`kubectl logs -l` looks at pods' labels, and not at those of their Job."""
    lab.run(deploy, *DEPLOY)
    labels = [job["spec"]["template"]["metadata"]["labels"] for job in lab.state.of_kind("Job")]
    wanted = dict(part.split("=") for part in MIGRATION.split(","))

    assert len([each for each in labels if wanted.items() <= each.items()]) == 1


def test_undeploy_keeps_data(lab: Lab) -> None:
    """Volumes, Secrets and the namespace stay, and a deploy fits them again."""
    lab.run(deploy, *DEPLOY)
    secrets = lab.state.of_kind("Secret")
    code = lab.run(undeploy, *CONTEXT, "--yes")
    kinds = {each["kind"] for each in lab.state.objects.values()}

    assert code == 0
    assert secrets == lab.state.of_kind("Secret")
    assert {"Namespace", "PersistentVolumeClaim", "Secret"} <= kinds
    assert not kinds & {"StatefulSet", "Service", "Trigger", "Broker", "RabbitmqCluster", "Job"}
    assert lab.run(deploy, *DEPLOY) == 0


def test_undeploy_order(lab: Lab) -> None:
    """Who sends goes before who receives; Triggers and Broker before RabbitMQ, which they ask."""
    lab.run(deploy, *DEPLOY)
    lab.run(undeploy, *CONTEXT, "--yes")
    words = " ".join(argv[6] for argv in lab.called("delete") if len(argv) > 6)
    order = [
        words.index(kind)
        for kind in ("pingsources", "services.serving", "triggers", "brokers.", "rabbitmqclusters",
                     "statefulsets")
    ]  # fmt: skip

    assert order == sorted(order)


def test_delete_data_asks_in_any_case(lab: Lab) -> None:
    """--yes does not answer it, and neither does yes: the namespace's name does."""
    lab.run(deploy, *DEPLOY)
    unasked = lab.run(undeploy, *CONTEXT, "--yes", "--delete-data")
    lab.typed = ["yes"]
    refused = lab.run(undeploy, *CONTEXT, "--delete-data")

    assert (unasked, refused) == (2, 1)
    assert lab.state.of_kind("PersistentVolumeClaim")

    lab.typed = ["bookstore"]
    code = lab.run(undeploy, *CONTEXT, "--delete-data")

    assert (code, lab.state.of_kind("PersistentVolumeClaim")) == (0, [])
    assert lab.state.of_kind("Secret") == []


def test_undeploy_tells_of_events(lab: Lab) -> None:
    """Queues go with RabbitMQ: whoever ends the shop hears what was in them."""
    lab.run(deploy, *DEPLOY)
    name = "bookstore.purchase-books.00000000-0000-0000-0000-000000000001"
    lab.state.answers["rabbitmq-server-0"] = json.dumps(
        [{"name": name, "messages": 12, "consumers": 1}]
    )
    lab.run(undeploy, *CONTEXT, "--yes")

    assert "purchase-books: 12 events under way" in lab.output
