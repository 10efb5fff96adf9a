"""canary, promote, rollback, status, logs and undeploy: the commands that they run and print."""

import json
from typing import Any

import pytest

from knative.ops.commands.canary import canary
from knative.ops.commands.deploy import deploy
from knative.ops.commands.logs import logs
from knative.ops.commands.platform import platform
from knative.ops.commands.promote import promote
from knative.ops.commands.rollback import rollback
from knative.ops.commands.seed import seed
from knative.ops.commands.status import status
from knative.ops.commands.undeploy import MONITORS, undeploy
from knative.ops.rollout.credentials import ADMIN
from tests.cluster.ops.conftest import CONTEXT, DEPLOY, FakeCluster

WHERE = "--context kind-test -n bookstore"
METRICS = """\
# HELP outbox_unsent_events Events that wait for the broker.
outbox_unsent_events 3.0
outbox_oldest_unsent_seconds 61.5
dead_letters 2.0
http_requests_total{method="GET",route="/",status="200"} 5.0
"""


TRIGGER_UID = "7d2f4c1e-9a53-4b6f-8c1d-0e2f3a4b5c6d"
BROKER_UID = "00000000-0000-0000-0000-000000000001"
DEAD_LETTER_QUEUES = (
    "t.bookstore.catalog-inventory.db0c66a4ec66042e4667ce8f1f50ba543",
    "t.bookstore.catalog-security.dl27b9d78d8307a42259a58e7feb848f0f",
    "t.bookstore.purchase-books.dlq.d903036e9d06db75079098bbb9558fc3",
    "t.bookstore.purchase-security.d6b6814f3dd0902339d0eff3bfc727389",
)
"""The names that eventing-rabbitmq gives for Triggers of that UID; digests by md5sum."""

MIGRATION = "app.kubernetes.io/component=migration,app.kubernetes.io/name=auth"


def service(cluster: FakeCluster, name: str = "purchase") -> dict[str, Any]:
    found: dict[str, Any] = next(
        each
        for each in cluster.state.of_kind("Service", "serving.knative.dev")
        if each["metadata"]["name"] == name
    )
    return found


def newest(cluster: FakeCluster) -> str:
    name: str = service(cluster)["status"]["latestReadyRevisionName"]
    return name


def traffic(cluster: FakeCluster) -> list[tuple[str, int]]:
    """Revisions of purchase with their percentages."""
    return [
        (each["revisionName"], each["percent"]) for each in service(cluster)["status"]["traffic"]
    ]


@pytest.fixture
def two(cluster: FakeCluster) -> tuple[str, str]:
    """Two revisions of each service, with all traffic on the second."""
    cluster.run(deploy, *DEPLOY)
    old = newest(cluster)
    cluster.run(deploy, *[each if each != "v1" else "v2" for each in DEPLOY])
    return old, newest(cluster)


def updates(cluster: FakeCluster) -> list[str]:
    return [" ".join(argv) for argv in cluster.called("kn", "update")]


def test_canary(cluster: FakeCluster, two: tuple[str, str]) -> None:
    """The rest stays with the previous revision; the command is printed as it is run."""
    old, _ = two
    code = cluster.run(canary, *CONTEXT, "purchase", "10")
    command = f"kn service update purchase --traffic @latest=10 --traffic {old}=90 {WHERE}"

    assert (code, updates(cluster)) == (0, [command])
    assert f"$ {command}" in cluster.output


def test_canary_of_a_third(cluster: FakeCluster, two: tuple[str, str]) -> None:
    """The rest stays with the revision that has the traffic, not with the previous one."""
    old, _ = two
    cluster.run(rollback, *CONTEXT, "purchase")
    cluster.run(deploy, *[each if each != "v1" else "v3" for each in DEPLOY])
    cluster.run(canary, *CONTEXT, "purchase", "25")

    assert updates(cluster)[-1].startswith(
        f"kn service update purchase --traffic @latest=25 --traffic {old}=75"
    )


def test_promote(cluster: FakeCluster, two: tuple[str, str]) -> None:
    """All traffic goes to the newest revision, and follows later ones."""
    cluster.run(canary, *CONTEXT, "purchase", "10")
    code = cluster.run(promote, *CONTEXT, "purchase")

    assert (code, updates(cluster)[-1]) == (
        0,
        f"kn service update purchase --traffic @latest=100 {WHERE}",
    )
    assert [(t["revisionName"], t["percent"]) for t in service(cluster)["status"]["traffic"]] == [
        (two[1], 100)
    ]


def test_rollback(cluster: FakeCluster, two: tuple[str, str]) -> None:
    """All traffic goes to the previous revision, pinned by its name."""
    old, _ = two
    code = cluster.run(rollback, *CONTEXT, "purchase")

    assert (code, updates(cluster)) == (
        0,
        [f"kn service update purchase --traffic {old}=100 {WHERE}"],
    )
    assert "rollback -- purchase-internal" in cluster.output


def test_rollback_of_a_canary(cluster: FakeCluster, two: tuple[str, str]) -> None:
    """The newest revision loses its part."""
    old, _ = two
    cluster.run(canary, *CONTEXT, "purchase", "50")
    cluster.run(rollback, *CONTEXT, "purchase")

    assert [(t["revisionName"], t["percent"]) for t in service(cluster)["status"]["traffic"]] == [
        (old, 100)
    ]


def test_rollback_twice(cluster: FakeCluster, two: tuple[str, str]) -> None:
    """The second changes nothing, and offers only the newer revision, as a way forward."""
    cluster.run(rollback, *CONTEXT, "purchase")
    code = cluster.run(rollback, *CONTEXT, "purchase")

    assert (code, len(updates(cluster))) == (1, 1)
    assert "It is the oldest ready revision: there is none to go back to" in cluster.output
    assert f"Newer, for promote, canary or --to: {two[1]}." in cluster.output


def test_rollback_further(cluster: FakeCluster, two: tuple[str, str]) -> None:
    """From the second of three revisions, --to leads to the oldest."""
    cluster.run(deploy, *[each if each != "v1" else "v3" for each in DEPLOY])
    third = newest(cluster)
    cluster.run(rollback, *CONTEXT, "purchase")
    code = cluster.run(rollback, *CONTEXT, "purchase")

    assert code == 1
    assert f"To go back further: --to, one of {two[0]}." in cluster.output
    assert f"Newer, for promote, canary or --to: {third}." in cluster.output
    assert cluster.run(rollback, *CONTEXT, "purchase", "--to", two[0]) == 0


@pytest.mark.parametrize("staged", [True, False])
def test_rollback_passes_over_a_canary_that_failed(
    cluster: FakeCluster, two: tuple[str, str], staged: bool
) -> None:
    """The traffic goes back to the revision that had it last, and not to the one before."""
    good = two[1]
    for tag in ("bad", "worse"):
        release = [each if each != "v1" else tag for each in DEPLOY]
        cluster.run(deploy, *release, *["--staged"] * staged)
        if not staged and tag == "bad":
            cluster.run(rollback, *CONTEXT, "purchase", "--to", good)
        cluster.run(canary, *CONTEXT, "purchase", "10")
        if tag == "bad":
            cluster.run(rollback, *CONTEXT, "purchase")
    cluster.run(promote, *CONTEXT, "purchase")
    code = cluster.run(rollback, *CONTEXT, "purchase")

    assert (code, traffic(cluster)) == (0, [(good, 100)])


def test_a_canary_shares_with_the_revision_that_had_the_traffic(
    cluster: FakeCluster, two: tuple[str, str]
) -> None:
    """Also where the newest has taken all of it already."""
    good = two[1]
    for tag in ("bad", "worse"):
        cluster.run(deploy, *[each if each != "v1" else tag for each in DEPLOY], "--staged")
        if tag == "bad":
            cluster.run(canary, *CONTEXT, "purchase", "10")
            cluster.run(rollback, *CONTEXT, "purchase")
    cluster.run(promote, *CONTEXT, "purchase")
    cluster.run(canary, *CONTEXT, "purchase", "10")

    assert traffic(cluster)[1] == (good, 90)


def test_a_staged_deploy_during_a_canary_gets_none_of_its_traffic(
    cluster: FakeCluster, two: tuple[str, str]
) -> None:
    """The canary keeps its part: kn's `@latest` would hand it to the revision that is staged."""
    old, new = two
    cluster.run(canary, *CONTEXT, "purchase", "10")
    cluster.run(deploy, *[each if each != "v1" else "v3" for each in DEPLOY], "--staged")

    assert newest(cluster) not in two
    assert sorted(traffic(cluster)) == sorted([(old, 90), (new, 10)])


@pytest.mark.parametrize("data", [None, {}, {"email": "YQ=="}, {"email": "/w==", "password": ""}])
def test_seed_with_an_admin_of_another_form(
    cluster: FakeCluster, data: dict[str, str] | None
) -> None:
    """As somebody has made the Secret by hand: what is missing is said, and no value of it."""
    cluster.run(deploy, *DEPLOY)
    metadata = {"name": ADMIN, "namespace": "bookstore"}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
    cluster.state.put(secret if data is None else {**secret, "data": data})
    code = cluster.run(seed, *CONTEXT)

    assert code == 1
    assert f"The Secret {ADMIN} has not the keys email and password" in cluster.output


def test_rollback_to_an_unknown_revision(cluster: FakeCluster, two: tuple[str, str]) -> None:
    """It is refused before kn runs."""
    code = cluster.run(rollback, *CONTEXT, "purchase", "--to", "purchase-00001")

    assert (code, updates(cluster)) == (1, [])


def test_only_one_revision(cluster: FakeCluster) -> None:
    """A canary needs two revisions."""
    cluster.run(deploy, *DEPLOY)
    code = cluster.run(canary, *CONTEXT, "purchase", "10")

    assert (code, updates(cluster)) == (1, [])
    assert "has only one ready revision" in cluster.output


def test_newest_is_not_ready(cluster: FakeCluster, two: tuple[str, str]) -> None:
    """canary and promote refuse, because @latest would be the previous revision."""
    cluster.state.faults["Service/purchase"] = "image"
    cluster.run(deploy, *[each if each != "v1" else "v3" for each in DEPLOY])

    assert cluster.run(canary, *CONTEXT, "purchase", "10") == 1
    assert cluster.run(promote, *CONTEXT, "purchase") == 1
    assert updates(cluster) == []


@pytest.mark.parametrize("words", [("purchase", "101"), ("shop", "10"), ("purchase", "ten")])
def test_invalid_arguments(cluster: FakeCluster, words: tuple[str, str]) -> None:
    """They exit with 2 and run nothing."""
    code = cluster.run(canary, *CONTEXT, *words)

    assert (code, updates(cluster)) == (2, [])


def test_rollback_of_the_storefront(cluster: FakeCluster) -> None:
    """It has no internal API that would have to follow."""
    cluster.run(deploy, *DEPLOY)
    cluster.run(deploy, *[each if each != "v1" else "v2" for each in DEPLOY])
    code = cluster.run(rollback, *CONTEXT, "storefront")

    assert code == 0, cluster.output
    assert "gets all traffic" in cluster.output
    assert "internal" not in cluster.output


def test_status(cluster: FakeCluster, two: tuple[str, str]) -> None:
    """Revisions, traffic, readiness, queues, outbox and dead letters, with the commands."""
    for trigger in cluster.state.of_kind("Trigger"):
        trigger["metadata"]["uid"] = TRIGGER_UID
    queues = [{"name": name, "messages": 2, "consumers": 1} for name in DEAD_LETTER_QUEUES]
    queues.append({"name": f"bookstore.purchase-books.{BROKER_UID}", "messages": 7, "consumers": 0})
    queues.append({"name": f"other.purchase-books.{BROKER_UID}", "messages": 1, "consumers": 1})
    cluster.state.answers["rabbitmq-server-0"] = json.dumps(queues)
    run_pod(cluster, "purchase-internal")
    cluster.state.answers["purchase-internal-pod"] = METRICS
    cluster.run(rollback, *CONTEXT, "purchase")
    code = cluster.run(status, *CONTEXT)
    shown = " ".join(cluster.output.split())  # columns are aligned with blanks

    assert code == 0
    for text in (
        f"pinned {two[1]} is newer and gets nothing",
        "purchase-books 7 waiting, without a consumer",
        "catalog-inventory, dead letters 2 waiting",
        "catalog-security, dead letters 2 waiting",
        "purchase-books, dead letters 2 waiting",
        "purchase-security, dead letters 2 waiting",
        f"other.purchase-books.{BROKER_UID}",
        "purchase 3 unsent, the oldest 62 s old; 2 dead letters",
        "auth scaled to zero: --wake starts it",
        "Trigger purchase-books ready",
        "storefront ready, scaled to zero",
        "address http://storefront.bookstore.127.0.0.1.sslip.io",
        f"$ kubectl {WHERE} get services.serving.knative.dev",
    ):
        assert text in shown


def run_pod(cluster: FakeCluster, name: str) -> None:
    cluster.state.put(
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


def test_metrics_are_read_past_the_queue_proxy(cluster: FakeCluster) -> None:
    """They are read in the service's own container, which does not count as a request."""
    cluster.run(deploy, *DEPLOY)
    run_pod(cluster, "purchase-internal")
    cluster.run(status, *CONTEXT)
    (found,) = cluster.called("exec", "purchase-internal-pod")

    assert found[found.index("-c") + 1] == "purchase"


OBSERVED = (*DEPLOY, "--components", "observability")


def test_status_without_observability(cluster: FakeCluster) -> None:
    """It says how to get each half."""
    cluster.run(deploy, *DEPLOY)
    cluster.run(status, *CONTEXT)
    shown = " ".join(cluster.output.split())

    assert "collector not deployed: --components observability" in shown
    assert "platform not installed: nox -s platform -- --with observability" in shown


def test_status_with_observability(cluster: FakeCluster) -> None:
    """The collector, and each part with its version; what is missing or not ready is said."""
    assert cluster.run(deploy, *OBSERVED) == 0, cluster.output
    cluster.run(platform, *CONTEXT, "--yes", "--with", "observability")
    cluster.state.faults["Deployment/tempo"] = "image"
    del cluster.state.objects["apps/StatefulSet/monitoring/prometheus-bookstore"]
    del cluster.state.objects["monitoring.coreos.com/Prometheus/monitoring/bookstore"]
    cluster.run(platform, *CONTEXT, "--check")
    cluster.run(status, *CONTEXT)
    shown = " ".join(cluster.output.split())

    assert "collector telemetry ready" in shown
    assert "grafana ready, 13.1.3" in shown
    assert "tempo NOT READY, 3.0.2" in shown
    assert "prometheus missing" in shown


def test_status_of_observability_that_may_not_be_read(cluster: FakeCluster) -> None:
    """An account of the shop's namespace sees the rest."""
    cluster.run(deploy, *DEPLOY)
    cluster.state.forbidden = ["deployments.apps/", "statefulsets.apps/"]

    assert cluster.run(status, *CONTEXT) == 0
    assert "grafana" in cluster.output
    assert "this account may not read it" in cluster.output


def test_a_deploy_with_observability_twice(cluster: FakeCluster) -> None:
    """The second changes nothing."""
    cluster.run(deploy, *OBSERVED)
    before = {key: each["metadata"] for key, each in cluster.state.objects.items()}
    code = cluster.run(deploy, *OBSERVED)

    assert code == 0, cluster.output
    assert {key: each["metadata"] for key, each in cluster.state.objects.items()} == before


def test_observability_on_a_cluster_without_its_kinds(cluster: FakeCluster) -> None:
    """The error names the option of platform that brings them."""
    cluster.state.unserved = ["PodMonitor", "PrometheusRule"]
    code = cluster.run(deploy, *OBSERVED)

    assert (code, cluster.called("apply")) == (1, [])
    assert "platform -- --check --with observability shows what is missing" in cluster.output


@pytest.mark.parametrize("served", [True, False])
def test_undeploy_removes_what_watches_the_shop(cluster: FakeCluster, served: bool) -> None:
    """The collector, and alerts and monitors where the cluster knows such kinds."""
    cluster.run(deploy, *(OBSERVED if served else DEPLOY))
    cluster.state.unserved = [] if served else ["PodMonitor", "PrometheusRule"]
    code = cluster.run(undeploy, *CONTEXT, "--yes")
    kinds = {each["kind"] for each in cluster.state.objects.values()}

    assert code == 0
    assert not kinds & {"Deployment", "PrometheusRule", "PodMonitor"}
    assert bool(cluster.called("delete", ",".join(MONITORS))) is served


def test_status_of_nothing(cluster: FakeCluster) -> None:
    """An empty namespace is an error."""
    assert cluster.run(status, *CONTEXT) == 1
    assert "No shop in bookstore" in cluster.output


@pytest.mark.parametrize(
    ("what", "target"),
    [
        ("purchase", ["-l", "serving.knative.dev/service=purchase", "-c", "purchase"]),
        ("storefront", ["-l", "serving.knative.dev/service=storefront", "-c", "storefront"]),
        ("db-main", ["statefulset/db-main"]),
        ("migrate-auth", ["-l", MIGRATION, "--all-containers"]),
        ("rabbitmq", ["-l", "app.kubernetes.io/component=rabbitmq", "-c", "rabbitmq"]),
    ],
)
def test_logs(cluster: FakeCluster, what: str, target: list[str]) -> None:
    """Logs are of the service's own container, without Knative's queue-proxy."""
    cluster.run(deploy, *DEPLOY)
    cluster.run(logs, *CONTEXT, what, "--follow", "--since", "10m")
    (argv,) = cluster.streamed

    assert argv == [
        *("kubectl", "--context", "kind-test", "-n", "bookstore", "logs", *target, "--prefix"),
        *("--tail=50", "--since=10m", "--follow", "--max-log-requests=20"),
    ]


def test_logs_of_a_migration_are_found_by_its_pods(cluster: FakeCluster) -> None:
    """`kubectl logs -l` selects by the labels of pods, which are not those of their Job."""
    cluster.run(deploy, *DEPLOY)
    labels = [job["spec"]["template"]["metadata"]["labels"] for job in cluster.state.of_kind("Job")]
    wanted = dict(part.split("=") for part in MIGRATION.split(","))

    assert len([each for each in labels if wanted.items() <= each.items()]) == 1


def test_undeploy_keeps_data(cluster: FakeCluster) -> None:
    """Volumes, Secrets and the namespace stay, and the next deploy uses them."""
    cluster.run(deploy, *DEPLOY)
    secrets = cluster.state.of_kind("Secret")
    code = cluster.run(undeploy, *CONTEXT, "--yes")
    kinds = {each["kind"] for each in cluster.state.objects.values()}

    assert code == 0
    assert secrets == cluster.state.of_kind("Secret")
    assert {"Namespace", "PersistentVolumeClaim", "Secret"} <= kinds
    assert not kinds & {"StatefulSet", "Service", "Trigger", "Broker", "RabbitmqCluster", "Job"}
    assert cluster.run(deploy, *DEPLOY) == 0


def test_undeploy_order(cluster: FakeCluster) -> None:
    """Publishers go before consumers; Triggers and Broker go before RabbitMQ."""
    cluster.run(deploy, *DEPLOY)
    cluster.run(undeploy, *CONTEXT, "--yes")
    words = " ".join(argv[6] for argv in cluster.called("delete") if len(argv) > 6)
    order = [
        words.index(kind)
        for kind in ("pingsources", "services.serving", "triggers", "brokers.", "rabbitmqclusters",
                     "statefulsets")
    ]  # fmt: skip

    assert order == sorted(order)


def test_undeploy_waits_for_pods(cluster: FakeCluster) -> None:
    """They finish requests and send their outbox before broker and database are deleted."""
    cluster.run(deploy, *DEPLOY)
    before = len(cluster.state.calls)
    cluster.run(undeploy, *CONTEXT, "--yes")
    calls = [" ".join(each["argv"]) for each in cluster.state.calls[before:]]
    (waited,) = [number for number, call in enumerate(calls) if " wait pods --for=delete" in call]
    deleted = {
        kind: next(number for number, call in enumerate(calls) if f"delete {kind}" in call)
        for kind in ("domainmappings", "jobs", "triggers", "brokers", "rabbitmqb", "statefulsets")
    }

    assert "-l serving.knative.dev/service " in calls[waited]
    assert deleted.pop("domainmappings") < waited < min(deleted.values())
    assert "--cascade=foreground" in calls[deleted["jobs"]]


def test_pods_that_do_not_end(cluster: FakeCluster) -> None:
    """Pods of a lost node never end; undeploy warns and continues."""
    cluster.run(deploy, *DEPLOY)
    cluster.state.lingering = "error: timed out waiting for the condition on pods/auth-1"
    code = cluster.run(undeploy, *CONTEXT, "--yes")

    assert code == 0
    assert "not all pods have ended" in cluster.output
    assert "pods/auth-1" in cluster.output
    assert cluster.state.of_kind("StatefulSet") == []


def test_delete_data_always_asks(cluster: FakeCluster) -> None:
    """Only the namespace's name confirms it, neither --yes nor a typed yes."""
    cluster.run(deploy, *DEPLOY)
    unasked = cluster.run(undeploy, *CONTEXT, "--yes", "--delete-data")
    unasked_output = cluster.output
    cluster.typed = ["yes"]
    refused = cluster.run(undeploy, *CONTEXT, "--delete-data")

    assert (unasked, refused) == (2, 1)
    assert cluster.state.of_kind("PersistentVolumeClaim")

    assert "give --confirm bookstore" in unasked_output
    assert "give --yes" not in unasked_output

    cluster.typed = ["bookstore"]
    code = cluster.run(undeploy, *CONTEXT, "--delete-data")

    assert (code, cluster.state.of_kind("PersistentVolumeClaim")) == (0, [])
    assert cluster.state.of_kind("Secret") == []


@pytest.mark.parametrize(("name", "code"), [("bookstore", 0), ("production", 2), ("yes", 2)])
def test_delete_data_without_a_terminal(cluster: FakeCluster, name: str, code: int) -> None:
    """--confirm with the namespace's name; another name changes nothing."""
    cluster.run(deploy, *DEPLOY)

    assert cluster.run(undeploy, *CONTEXT, "--delete-data", "--confirm", name) == code
    assert bool(cluster.state.of_kind("Secret")) == bool(code)


def test_undeploy_reports_undelivered_events(cluster: FakeCluster) -> None:
    """Queues are deleted with RabbitMQ, so a warning names those that are not empty."""
    cluster.run(deploy, *DEPLOY)
    name = "bookstore.purchase-books.00000000-0000-0000-0000-000000000001"
    cluster.state.answers["rabbitmq-server-0"] = json.dumps(
        [{"name": name, "messages": 12, "consumers": 1}]
    )
    cluster.run(undeploy, *CONTEXT, "--yes")

    assert "purchase-books: 12 undelivered events" in cluster.output
