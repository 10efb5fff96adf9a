"""What deploy says when something does not come up, or may not go in at all."""

import re
from typing import Any

import pytest

from knative.ops import images
from knative.ops.deploy import deploy
from knative.ops.images import Image
from tests.cluster.ops.conftest import CONTEXT, DEPLOY, Lab, storage_class

WEBHOOK = (
    "Error from server (InternalError): Internal error occurred: failed calling webhook"
    ' "webhook.eventing.knative.dev": context deadline exceeded'
)


@pytest.mark.parametrize(
    ("thing", "fault", "said"),
    [
        ("Service/purchase", "image", "ImagePullBackOff: Back-off pulling image"),
        ("Service/purchase-internal", "secret", 'Error: secret "db-main" not found'),
        ("StatefulSet/db-main", "claim", "claim data-db-main-0: ClaimPending: StorageClass the"),
        ("Service/auth", "crash", "CrashLoopBackOff: ended with 1 (Error)"),
        ("Job/migrate-auth", "crash", "migrate-auth-"),
    ],
)
def test_reasons(lab: Lab, thing: str, fault: str, said: str) -> None:
    """The pod and the cluster's own words are in the last message, not only a time-out."""
    lab.state.faults[thing] = fault
    code = lab.run(deploy, *DEPLOY)
    last = lab.output.rpartition("Not ready after")[2]

    assert code == 1
    assert said in last


def test_healed_and_run_again(lab: Lab) -> None:
    """When the cause is gone, the same command ends well."""
    lab.state.faults["Service/purchase"] = "image"
    broken = lab.run(deploy, *DEPLOY)
    lab.state.faults.clear()
    healed = lab.run(deploy, *DEPLOY)

    assert (broken, healed) == (1, 0)


def test_last_lines_of_a_crash(lab: Lab) -> None:
    """Of the run that crashed, not of the one that has just begun."""
    lab.state.faults["StatefulSet/db-auth"] = "crash"
    lab.state.logs["db-auth-0"] = "Unable to lock ./ibdata1 error: 11\n"
    lab.run(deploy, *DEPLOY)

    assert "| Unable to lock ./ibdata1 error: 11" in lab.output
    assert all("--previous" in argv for argv in lab.called("logs"))


def test_a_service_behind_a_pinned_split(lab: Lab) -> None:
    """Ready of the service says nothing of the newest revision; deploy waits for that one."""
    lab.run(deploy, *DEPLOY)
    service: Any = next(
        each
        for each in lab.state.of_kind("Service", "serving.knative.dev")
        if each["metadata"]["name"] == "auth"
    )
    old = service["status"]["latestReadyRevisionName"]
    service["spec"]["traffic"] = [{"revisionName": old, "percent": 100}]
    lab.state.faults["Service/auth"] = "image"
    code = lab.run(deploy, *[each if each != "v1" else "v2" for each in DEPLOY])

    assert code == 1
    assert "ImagePullBackOff" in lab.output


def test_failed_migration_stops_the_services(lab: Lab) -> None:
    """No revision goes out on a schema that it cannot work with; its log is shown next time."""
    lab.state.faults["Job/migrate-purchase"] = "crash"
    first = lab.run(deploy, *DEPLOY)
    services = [name for name in lab.applied() if name == "Service/purchase-internal"]
    job = next(
        each["metadata"]["name"]
        for each in lab.state.of_kind("Job")
        if each["metadata"]["name"].startswith("migrate-purchase-")
    )
    lab.state.logs[f"job/{job}"] = "Duplicate column name 'note'"
    lab.state.faults.clear()
    second = lab.run(deploy, *DEPLOY)

    assert (first, services, second) == (1, [], 0)
    assert "| Duplicate column name 'note'" in lab.output
    assert [job] == [argv[-2].partition("/")[2] for argv in lab.called("delete")]


def migration(lab: Lab, service: str) -> list[dict[str, Any]]:
    jobs = lab.state.of_kind("Job")
    return [each for each in jobs if each["metadata"]["name"].startswith(f"migrate-{service}-")]


def test_a_migration_of_an_older_image_is_not_tried_on(lab: Lab) -> None:
    """The next deploy ends what the one before has left trying, before its own begins; what is done
    or has given up is left, for its log."""
    lab.run(deploy, *DEPLOY)
    (old,) = migration(lab, "purchase")
    (done,) = migration(lab, "auth")
    old["status"] = {"failed": 3, "active": 1, "conditions": []}
    before = len(lab.state.calls)
    code = lab.run(deploy, *[each if each != "v1" else "v2" for each in DEPLOY])
    (new,) = migration(lab, "purchase")
    calls = [f"{' '.join(each['argv'])} {each['stdin'] or ''}" for each in lab.state.calls[before:]]
    (ended,) = [n for n, call in enumerate(calls) if f"delete job.batch/{_name(old)}" in call]
    begun = next(n for n, call in enumerate(calls) if f"name: {_name(new)}" in call)

    assert code == 0
    assert _name(old) != _name(new)
    assert ended < begun
    assert "--cascade=foreground --wait=true" in calls[ended]
    assert f"{_name(old)}: of an earlier deploy, failed 3 times" in lab.output
    assert done in migration(lab, "auth")


def test_a_migration_that_goes_on_failing_is_not_waited_for(lab: Lab) -> None:
    """Two tries and a minute, of a quarter of an hour that the phase may take."""
    lab.state.faults["Job/migrate-purchase"] = "retrying"
    code = lab.run(deploy, *DEPLOY)
    seconds = re.findall(r"Not ready after (\d+) s", lab.output)

    assert (code, len(seconds)) == (1, 1)
    assert int(seconds[0]) < 120
    assert "failed 3 times" in lab.output


def test_a_migration_that_would_fail_again_ends_its_job(lab: Lab) -> None:
    """By the exit code that kit/data/migrations.py gives; a database that is away does not."""
    lab.run(deploy, *DEPLOY)
    for job in lab.state.of_kind("Job"):
        disrupted, failed = job["spec"]["podFailurePolicy"]["rules"]

        assert disrupted["action"] == "Ignore"
        assert failed["action"] == "FailJob"
        assert failed["onExitCodes"]["values"] == [1]
        assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"


def _name(item: dict[str, Any]) -> str:
    name: str = item["metadata"]["name"]
    return name


def test_a_first_start_gives_no_alarm(lab: Lab) -> None:
    """Probes that fail while a database is initialised, a Secret that its operator makes a moment
    later: told, and without the mark of what somebody must put right."""
    lab.state.coming = {"StatefulSet/db-auth": 8, "Service/auth": 8}
    lab.state.faults["Service/auth"] = "secret"
    code = lab.run(deploy, *DEPLOY)

    assert code == 0
    assert "so far: " in lab.output
    assert [line for line in lab.output.splitlines() if line.startswith("  ! ")] == []


def test_what_time_does_not_heal_is_an_alarm(lab: Lab) -> None:
    """At the second look, and once; its log is shown once."""
    lab.state.faults["Service/purchase"] = "image"
    lab.run(deploy, *DEPLOY)
    alarms = [line for line in lab.output.splitlines() if line.startswith("  ! ")]

    assert len([line for line in alarms if "ImagePullBackOff" in line]) == 1


def test_webhook_that_comes_up(lab: Lab) -> None:
    """A webhook that cannot be reached yet is asked again."""
    lab.state.refusals = [WEBHOOK, WEBHOOK]
    code = lab.run(deploy, *DEPLOY)

    assert code == 0
    assert "not taken yet, trying again" in lab.output


def test_webhook_that_never_answers(lab: Lab) -> None:
    """It names the ports that EKS keeps closed, instead of the deadline alone."""
    lab.state.refusals = [WEBHOOK] * 4
    code = lab.run(deploy, *DEPLOY)

    assert code == 1
    assert "the nodes' security group must let the control plane in (ports 443 and 8443)" in (
        lab.output
    )


def test_change_by_hand(lab: Lab) -> None:
    """A field that kn changed is not overwritten silently; --take-over does it."""
    lab.state.refusals = [
        'error: Apply failed with 1 conflict: conflict with "kn" using v1: .spec.template'
    ]
    code = lab.run(deploy, *DEPLOY)

    assert (code, lab.called("--force-conflicts")) == (1, [])
    assert "--take-over" in lab.output

    lab.run(deploy, *DEPLOY, "--take-over")

    assert lab.called("--force-conflicts")


def test_backups_that_are_to_move(lab: Lab) -> None:
    """A claim's class cannot change: what to do is said, and what it would cost."""
    lab.state.refusals = [
        'The PersistentVolumeClaim "backup-auth" is invalid: spec: Forbidden: spec is immutable'
    ]
    code = lab.run(deploy, *DEPLOY)

    assert code == 1
    assert "Copy what\nis to be kept, delete the claims" in lab.output


def test_account_of_one_namespace(lab: Lab) -> None:
    """What it may not look at in the cluster is said, and does not stop the deploy."""
    lab.state.forbidden = ["storageclasses", "deployments", "namespace/"]
    code = lab.run(deploy, *DEPLOY, "--dry-run")

    assert code == 0, lab.output

    lab.run(deploy, *DEPLOY)

    assert "not looked at, this account may not" in lab.output
    assert "knative-serving: this account may not look at it" in lab.output


def test_unknown_context(lab: Lab) -> None:
    """It lists those that kubectl knows, and calls none of them."""
    code = lab.run(deploy, *[each if each != "kind-test" else "kind-tset" for each in DEPLOY])

    assert code == 2
    assert "kubectl knows these contexts: kind-test, production; 'kind-tset' is none" in lab.output
    assert lab.called() == [["kubectl", "config", "get-contexts", "-o", "name"]]


def test_no_context(lab: Lab) -> None:
    """There is no default cluster."""
    code = lab.run(deploy, "--registry", "r.example", "--tag", "v1")

    assert code == 2
    assert "say which with --context" in lab.output


def test_everything_that_is_wrong_at_once(lab: Lab) -> None:
    """Version, kinds, storage class and namespace are all in one message."""
    lab.state.server = "v1.33.4-eks-1"
    lab.state.unserved = ["RabbitmqCluster", "Trigger"]
    lab.state.put(
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": "bookstore"},
        }
    )["status"] = {"phase": "Terminating"}
    code = lab.run(deploy, *DEPLOY, "--storage-class", "fast")

    assert (code, lab.called("apply")) == (1, [])
    for said in (
        "Kubernetes v1.33.4-eks-1 is too old: 1.34 or newer is needed",
        "eventing.knative.dev/v1 Trigger is not there",
        "rabbitmq.com/v1beta1 RabbitmqCluster is not there",
        "StorageClass fast is not there: there are standard",
        "namespace bookstore is being deleted",
    ):
        assert said in lab.output


def test_no_default_storage_class(lab: Lab) -> None:
    """The overlay names none: then there must be a default one."""
    lab.state.objects.clear()
    lab.state.put(storage_class("gp2"))
    code = lab.run(deploy, *DEPLOY)

    assert code == 1
    assert "give --storage-class (gp2)" in lab.output


def test_rabbitmq_on_a_network_file_system(lab: Lab) -> None:
    """Its own checklist forbids it."""
    lab.state.put(storage_class("shared", provisioner="efs.csi.aws.com"))
    code = lab.run(deploy, *DEPLOY, "--storage-class", "shared")

    assert code == 1
    assert "RabbitMQ must not be on shared" in lab.output

    code = lab.run(
        deploy, *DEPLOY, "--storage-class", "shared", "--rabbitmq-storage-class", "standard"
    )

    assert code == 0


@pytest.mark.parametrize(("tool", "code"), [("kubectl", 1), ("kn", 0)])
def test_tool_missing(lab: Lab, tool: str, code: int) -> None:
    """Without kubectl nothing goes; without kn a deploy does, and says what will not."""
    lab.absent = [tool]

    assert code == lab.run(deploy, *DEPLOY)
    assert f"{tool} is not" in lab.output


def test_no_images(lab: Lab) -> None:
    """Where no registry is given and nothing was pushed, deploy does not invent an image."""
    code = lab.run(deploy, "--dry-run")

    assert code == 2
    assert "Service purchase: bookstore/purchase:unset" in lab.output


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"_example": "of the release"}, 1),
        ({"use-remote-address": "false"}, 1),
        ({"use-remote-address": "true"}, 0),
        ({"enable-proxy-protocol": "true"}, 0),
    ],
)
def test_a_gateway_that_passes_on_what_callers_say(
    lab: Lab, data: dict[str, str], code: int
) -> None:
    """The services believe its header, so it must write it; another gateway is not asked."""
    metadata = {"name": "config-kourier", "namespace": "knative-serving"}
    lab.state.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})

    assert lab.run(deploy, *DEPLOY) == code
    assert ("use-remote-address must be true" in lab.output) == bool(code)


LOCAL = (*CONTEXT, "--registry", "localhost:5001/shop", "--tag", "v1", "--yes", "--smoke", "none")


def test_tags_of_a_registry_on_this_machine(lab: Lab) -> None:
    """Knative asks from a pod, where localhost is another machine: deploy says what to do."""
    lab.run(deploy, *LOCAL)

    assert "Knative's controller asks localhost:5001 what a tag means" in lab.output
    assert "registries-skipping-tag-resolving" in lab.output


def test_digests_of_a_registry_on_this_machine(lab: Lab) -> None:
    """They need no asking."""
    pushed = {
        name: Image(f"localhost:5001/shop/{name}", "v1", "sha256:" + "ab" * 32)
        for name in ("auth", "catalog", "purchase")
    }
    images.record(pushed, images.RECORD)
    lab.run(deploy, *LOCAL)

    assert "what a tag means" not in lab.output


def test_tags_that_knative_takes_as_they_are(lab: Lab) -> None:
    """Nothing to say then."""
    lab.state.put(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "config-deployment", "namespace": "knative-serving"},
            "data": {"registries-skipping-tag-resolving": "kind.local, localhost:5001"},
        }
    )
    lab.run(deploy, *LOCAL)

    assert "what a tag means" not in lab.output


def test_a_webhook_whose_authority_is_not_known_yet(lab: Lab) -> None:
    """cert-manager brings it a moment later: it is asked again."""
    lab.state.refusals = ["failed calling webhook: x509: certificate signed by unknown authority"]

    assert lab.run(deploy, *DEPLOY) == 0
    assert "not taken yet, trying again" in lab.output
