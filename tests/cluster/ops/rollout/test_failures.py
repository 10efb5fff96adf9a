"""Errors of deploy: objects that do not become ready, refused applies, preflight problems."""

import re
from typing import Any

import pytest

from knative.ops.commands.deploy import deploy
from knative.ops.image import Image
from knative.ops.manifests import images
from tests.cluster.manifests import IMAGES
from tests.cluster.ops.conftest import CONTEXT, DEPLOY, FakeCluster, storage_class

WEBHOOK = (
    "Error from server (InternalError): Internal error occurred: failed calling webhook"
    ' "webhook.eventing.knative.dev": context deadline exceeded'
)


@pytest.mark.parametrize(
    ("name", "fault", "reason"),
    [
        ("Service/purchase", "image", "ImagePullBackOff: Back-off pulling image"),
        ("Service/purchase-internal", "secret", 'Error: secret "db-main" not found'),
        ("StatefulSet/db-main", "claim", "claim data-db-main-0: ClaimPending: StorageClass the"),
        ("Service/auth", "crash", "CrashLoopBackOff: ended with 1 (Error)"),
        ("Job/migrate-auth", "crash", "migrate-auth-"),
    ],
)
def test_reasons(cluster: FakeCluster, name: str, fault: str, reason: str) -> None:
    """The last message names the pod and the cluster's reason, not only a time-out."""
    cluster.state.faults[name] = fault
    code = cluster.run(deploy, *DEPLOY)
    last = cluster.output.rpartition("Not ready after")[2]

    assert code == 1
    assert reason in last


def test_deploy_after_a_fault(cluster: FakeCluster) -> None:
    """The same command succeeds once the cause is resolved."""
    cluster.state.faults["Service/purchase"] = "image"
    broken = cluster.run(deploy, *DEPLOY)
    cluster.state.faults.clear()
    healed = cluster.run(deploy, *DEPLOY)

    assert (broken, healed) == (1, 0)


def test_last_lines_of_a_crash(cluster: FakeCluster) -> None:
    """The log is that of the run that crashed, not of the one that replaced it."""
    cluster.state.faults["StatefulSet/db-auth"] = "crash"
    cluster.state.logs["db-auth-0"] = "Unable to lock ./ibdata1 error: 11\n"
    cluster.run(deploy, *DEPLOY)

    assert "| Unable to lock ./ibdata1 error: 11" in cluster.output
    assert all("--previous" in argv for argv in cluster.called("logs"))


def test_a_service_behind_a_pinned_split(cluster: FakeCluster) -> None:
    """The service is Ready without the newest revision; deploy waits for the revision."""
    cluster.run(deploy, *DEPLOY)
    service: Any = next(
        each
        for each in cluster.state.of_kind("Service", "serving.knative.dev")
        if each["metadata"]["name"] == "auth"
    )
    old = service["status"]["latestReadyRevisionName"]
    service["spec"]["traffic"] = [{"revisionName": old, "percent": 100}]
    cluster.state.faults["Service/auth"] = "image"
    code = cluster.run(deploy, *[each if each != "v1" else "v2" for each in DEPLOY])

    assert code == 1
    assert "ImagePullBackOff" in cluster.output


def test_failed_migration_stops_the_services(cluster: FakeCluster) -> None:
    """No revision is deployed on an old schema; the next deploy shows the log of the failure."""
    cluster.state.faults["Job/migrate-purchase"] = "crash"
    first = cluster.run(deploy, *DEPLOY)
    services = [name for name in cluster.applied() if name == "Service/purchase-internal"]
    job = next(
        each["metadata"]["name"]
        for each in cluster.state.of_kind("Job")
        if each["metadata"]["name"].startswith("migrate-purchase-")
    )
    cluster.state.logs[f"job/{job}"] = "Duplicate column name 'note'"
    cluster.state.faults.clear()
    second = cluster.run(deploy, *DEPLOY)

    assert (first, services, second) == (1, [], 0)
    assert "| Duplicate column name 'note'" in cluster.output
    assert [job] == [argv[-2].partition("/")[2] for argv in cluster.called("delete")]


def migration(cluster: FakeCluster, service: str) -> list[dict[str, Any]]:
    jobs = cluster.state.of_kind("Job")
    return [each for each in jobs if each["metadata"]["name"].startswith(f"migrate-{service}-")]


def test_a_migration_of_an_earlier_deploy_is_deleted(cluster: FakeCluster) -> None:
    """A running one is deleted before the new one starts; one that ended is kept, for its log."""
    cluster.run(deploy, *DEPLOY)
    (old,) = migration(cluster, "purchase")
    (done,) = migration(cluster, "auth")
    old["status"] = {"failed": 3, "active": 1, "conditions": []}
    before = len(cluster.state.calls)
    code = cluster.run(deploy, *[each if each != "v1" else "v2" for each in DEPLOY])
    (new,) = migration(cluster, "purchase")
    calls = [
        f"{' '.join(each['argv'])} {each['stdin'] or ''}" for each in cluster.state.calls[before:]
    ]
    (ended,) = [n for n, call in enumerate(calls) if f"delete job.batch/{_name(old)}" in call]
    begun = next(n for n, call in enumerate(calls) if f"name: {_name(new)}" in call)

    assert code == 0
    assert _name(old) != _name(new)
    assert ended < begun
    assert "--cascade=foreground --wait=true" in calls[ended]
    assert f"{_name(old)}: of an earlier deploy, failed 3 times" in cluster.output
    assert done in migration(cluster, "auth")


def test_a_migration_that_keeps_failing(cluster: FakeCluster) -> None:
    """Deploy gives up after two tries and a minute, before the phase's 15 minutes are over."""
    cluster.state.faults["Job/migrate-purchase"] = "retrying"
    code = cluster.run(deploy, *DEPLOY)
    seconds = re.findall(r"Not ready after (\d+) s", cluster.output)

    assert (code, len(seconds)) == (1, 1)
    assert int(seconds[0]) < 120
    assert "failed 3 times" in cluster.output


def test_a_permanent_failure_ends_its_job(cluster: FakeCluster) -> None:
    """Exit code 1 of functions/kit/data/migrations.py; a database that is down has another."""
    cluster.run(deploy, *DEPLOY)
    for job in cluster.state.of_kind("Job"):
        disrupted, failed = job["spec"]["podFailurePolicy"]["rules"]

        assert disrupted["action"] == "Ignore"
        assert failed["action"] == "FailJob"
        assert failed["onExitCodes"]["values"] == [1]
        assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"


def _name(item: dict[str, Any]) -> str:
    name: str = item["metadata"]["name"]
    return name


def test_a_first_start_warns_of_nothing(cluster: FakeCluster) -> None:
    """Failing probes of a database that is initialised, or a Secret that an operator creates a
    moment later, are printed as progress, not as warnings."""
    cluster.state.starting = {"StatefulSet/db-auth": 8, "Service/auth": 8}
    cluster.state.faults["Service/auth"] = "secret"
    code = cluster.run(deploy, *DEPLOY)

    assert code == 0
    assert "so far: " in cluster.output
    assert [line for line in cluster.output.splitlines() if line.startswith("  ! ")] == []


def test_a_permanent_fault_is_a_warning(cluster: FakeCluster) -> None:
    """Printed once, at the second diagnosis."""
    cluster.state.faults["Service/purchase"] = "image"
    cluster.run(deploy, *DEPLOY)
    warnings = [line for line in cluster.output.splitlines() if line.startswith("  ! ")]

    assert len([line for line in warnings if "ImagePullBackOff" in line]) == 1


def test_webhook_that_is_starting(cluster: FakeCluster) -> None:
    """The apply is retried."""
    cluster.state.refusals = [WEBHOOK, WEBHOOK]
    code = cluster.run(deploy, *DEPLOY)

    assert code == 0
    assert "refused, trying again" in cluster.output


def test_webhook_that_cannot_be_reached(cluster: FakeCluster) -> None:
    """The error names the ports that EKS closes by default."""
    cluster.state.refusals = [WEBHOOK] * 4
    code = cluster.run(deploy, *DEPLOY)

    assert code == 1
    assert "nodes' security group must admit the control plane (ports 443 and 8443)" in (
        cluster.output
    )


def test_change_by_hand(cluster: FakeCluster) -> None:
    """A field that kn changed is overwritten only with --take-over."""
    cluster.state.refusals = [
        'error: Apply failed with 1 conflict: conflict with "kn" using v1: .spec.template'
    ]
    code = cluster.run(deploy, *DEPLOY)

    assert (code, cluster.called("--force-conflicts")) == (1, [])
    assert "--take-over" in cluster.output

    cluster.run(deploy, *DEPLOY, "--take-over")

    assert cluster.called("--force-conflicts")


def test_another_storage_class_for_backups(cluster: FakeCluster) -> None:
    """A claim's class cannot change; the error describes how to replace the claim."""
    cluster.state.refusals = [
        'The PersistentVolumeClaim "backup-auth" is invalid: spec: Forbidden: spec is immutable'
    ]
    code = cluster.run(deploy, *DEPLOY)

    assert code == 1
    assert "Copy what is to\nbe kept, delete the claims" in cluster.output


def test_account_of_one_namespace(cluster: FakeCluster) -> None:
    """Checks that its permissions do not allow are reported, and do not stop the deploy."""
    cluster.state.forbidden = ["storageclasses", "deployments", "namespace/"]
    code = cluster.run(deploy, *DEPLOY, "--dry-run")

    assert code == 0, cluster.output

    cluster.run(deploy, *DEPLOY)

    assert "not checked, this account may not read it" in cluster.output
    assert "knative-serving: this account may not read it" in cluster.output


def test_unknown_context(cluster: FakeCluster) -> None:
    """The error lists the known contexts; no cluster is called."""
    code = cluster.run(deploy, *[each if each != "kind-test" else "kind-tset" for each in DEPLOY])

    assert code == 2
    assert (
        "kubectl knows no context 'kind-tset'. The contexts of kubectl are: kind-test, production."
        in cluster.output
    )
    assert cluster.called() == [["kubectl", "config", "get-contexts", "-o", "name"]]


def test_no_context(cluster: FakeCluster) -> None:
    """There is no default; the error names the option."""
    code = cluster.run(deploy, "--registry", "r.example", "--tag", "v1")

    assert code == 2
    assert "Which cluster? Give --context." in cluster.output


def test_all_problems_at_once(cluster: FakeCluster) -> None:
    """Version, kinds, storage class and namespace are in one message."""
    cluster.state.server = "v1.33.4-eks-1"
    cluster.state.unserved = ["RabbitmqCluster", "Trigger"]
    cluster.state.put(
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": "bookstore"},
        }
    )["status"] = {"phase": "Terminating"}
    code = cluster.run(deploy, *DEPLOY, "--storage-class", "fast")

    assert (code, cluster.called("apply")) == (1, [])
    for text in (
        "Kubernetes v1.33.4-eks-1 is too old: 1.34 or newer is needed",
        "eventing.knative.dev/v1 Trigger is not served",
        "rabbitmq.com/v1beta1 RabbitmqCluster is not served",
        "StorageClass fast does not exist. Existing: standard",
        "namespace bookstore is being deleted",
    ):
        assert text in cluster.output


def test_no_default_storage_class(cluster: FakeCluster) -> None:
    """An overlay that names none needs a default one."""
    cluster.state.objects.clear()
    cluster.state.put(storage_class("gp2"))
    code = cluster.run(deploy, *DEPLOY)

    assert code == 1
    assert "give --storage-class (gp2)" in cluster.output


def test_rabbitmq_on_a_network_file_system(cluster: FakeCluster) -> None:
    """RabbitMQ's production checklist forbids it."""
    cluster.state.put(storage_class("shared", provisioner="efs.csi.aws.com"))
    code = cluster.run(deploy, *DEPLOY, "--storage-class", "shared")

    assert code == 1
    assert "RabbitMQ must not be on shared" in cluster.output

    code = cluster.run(
        deploy, *DEPLOY, "--storage-class", "shared", "--rabbitmq-storage-class", "standard"
    )

    assert code == 0


@pytest.mark.parametrize(("tool", "code"), [("kubectl", 1), ("kn", 0)])
def test_tool_missing(cluster: FakeCluster, tool: str, code: int) -> None:
    """deploy needs kubectl; without kn it works, and warns that canary and rollback do not."""
    cluster.absent = [tool]

    assert code == cluster.run(deploy, *DEPLOY)
    assert f"{tool} is not" in cluster.output


def test_no_images(cluster: FakeCluster) -> None:
    """Without a registry and a recorded push, deploy refuses, and names the services."""
    code = cluster.run(deploy, "--dry-run")

    assert code == 2
    assert "Service purchase: bookstore/purchase:unset" in cluster.output


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"_example": "of the release"}, 1),
        ({"use-remote-address": "false"}, 1),
        ({"use-remote-address": "true"}, 0),
        ({"enable-proxy-protocol": "true"}, 0),
    ],
)
def test_a_gateway_that_trusts_callers(
    cluster: FakeCluster, data: dict[str, str], code: int
) -> None:
    """The services trust its header, so its settings must make it overwrite a caller's."""
    metadata = {"name": "config-kourier", "namespace": "knative-serving"}
    cluster.state.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})

    assert cluster.run(deploy, *DEPLOY) == code
    assert ("use-remote-address must be true" in cluster.output) == bool(code)


LOCAL = (*CONTEXT, "--registry", "localhost:5001/shop", "--tag", "v1", "--yes", "--smoke", "none")


def test_tags_of_a_registry_on_this_machine(cluster: FakeCluster) -> None:
    """Knative resolves tags in a pod, where localhost is the pod: deploy warns, and says how."""
    cluster.run(deploy, *LOCAL)

    assert "Knative's controller resolves tags at localhost:5001" in cluster.output
    assert "registries-skipping-tag-resolving" in cluster.output


def test_digests_of_a_registry_on_this_machine(cluster: FakeCluster) -> None:
    """Digests are not resolved, so there is no warning."""
    pushed = {
        name: Image(f"localhost:5001/shop/{name}", "v1", "sha256:" + "ab" * 32) for name in IMAGES
    }
    images.record(pushed, images.RECORD)
    cluster.run(deploy, *LOCAL)

    assert "resolves tags at" not in cluster.output


def test_tags_that_knative_does_not_resolve(cluster: FakeCluster) -> None:
    """With the registry in Knative's settings there is no warning."""
    cluster.state.put(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "config-deployment", "namespace": "knative-serving"},
            "data": {"registries-skipping-tag-resolving": "kind.local, localhost:5001"},
        }
    )
    cluster.run(deploy, *LOCAL)

    assert "resolves tags at" not in cluster.output


def test_a_webhook_without_its_ca(cluster: FakeCluster) -> None:
    """cert-manager injects it a moment later: the apply is retried."""
    cluster.state.refusals = [
        "failed calling webhook: x509: certificate signed by unknown authority"
    ]

    assert cluster.run(deploy, *DEPLOY) == 0
    assert "refused, trying again" in cluster.output
