"""deploy: the order, twice, interrupted, and what it never shows."""

import functools
import json
from typing import Any

import pytest

from knative.ops import images
from knative.ops.cluster import objects
from knative.ops.deploy import deploy
from knative.ops.images import Image
from tests.cluster.ops.conftest import CONTEXT, DEPLOY, Lab

DIGEST = "sha256:" + "ab" * 32
SECRETS = {"db-auth", "db-catalog", "db-main", "auth-keys", "internal-secret", "auth-first-admin"}


def position(applied: list[str], *names: str) -> list[int]:
    return [applied.index(name) for name in names]


def generations(lab: Lab) -> dict[str, int]:
    return {key: each["metadata"]["generation"] for key, each in lab.state.objects.items()}


def secret_values(lab: Lab) -> list[str]:
    return [
        value
        for secret in lab.state.of_kind("Secret")
        for key, value in secret["stringData"].items()
        if key != "email"
    ]


def test_order(lab: Lab) -> None:
    """Nothing goes in before what it needs: see `knative/ops/phases.py`."""
    code = lab.run(deploy, *DEPLOY)
    order = position(
        lab.applied(),
        "Namespace/bookstore",
        "StatefulSet/db-auth",
        "RabbitmqCluster/rabbitmq",
        "RabbitmqBrokerConfig/bookstore",
        "Trigger/purchase-books",
        *[name for name in lab.applied() if name.startswith("Job/migrate-")],
        "Service/purchase-internal",
        "PingSource/poke-auth",
    )

    assert (0, sorted(order)) == (code, order), lab.output


def test_publishers_wait_for_triggers(lab: Lab) -> None:
    """ExposedAPI that Triggers call go first; auth, which nobody calls, when Triggers are ready."""
    lab.run(deploy, *DEPLOY)
    calls = [f"{' '.join(call['argv'])}\n{call['stdin'] or ''}" for call in lab.state.calls]
    applies = [n for n, call in enumerate(calls) if "apply" in call and "containerConc" in call]
    first, second = applies[:2]
    applied = {each["metadata"]["name"] for each in objects(calls[first].partition("\n")[2])}
    between = [call for call in calls[first:second] if "trigger.eventing.knative.dev/" in call]

    assert applied == {"catalog-internal", "purchase-internal"}
    assert "name: auth-internal" in calls[second]
    assert between


def test_twice_changes_nothing(lab: Lab) -> None:
    """The second run makes no object, no Secret and no revision, and runs no migration."""
    lab.run(deploy, *DEPLOY)
    before, values = generations(lab), secret_values(lab)
    lab.state.calls.clear()
    code = lab.run(deploy, *DEPLOY)

    assert (0, before, values) == (code, generations(lab), secret_values(lab))
    assert lab.called("create") == []
    assert [name for name in lab.applied() if name.startswith("Job/")] == []
    assert "  made:" not in lab.output
    assert "  changed:" not in lab.output


@pytest.mark.parametrize(
    "defaults",
    [{}, {"imagePullPolicy": "Always"}],
    ids=["Knative's own defaults", "a cluster's own defaults"],
)
def test_one_new_image_leaves_the_other_doors_alone(lab: Lab, defaults: dict[str, Any]) -> None:
    """Knative refuses another template under a revision's name, also one without its defaults."""
    lab.state.defaults = defaults
    lab.run(deploy, *DEPLOY)
    before = generations(lab)
    images.record({"purchase": Image("r.example/bookstore/purchase", "v1", DIGEST)}, images.RECORD)
    code = lab.run(deploy, *DEPLOY)
    moved = {key for key, generation in generations(lab).items() if before.get(key) != generation}

    assert code == 0, lab.output
    assert {key for key in moved if key.startswith("serving.knative.dev/Service/")} == {
        "serving.knative.dev/Service/bookstore/purchase",
        "serving.knative.dev/Service/bookstore/purchase-internal",
    }


@functools.cache
def unbroken() -> frozenset[str]:
    """What there is after one deploy that nobody interrupts."""
    other = Lab()
    other.run(deploy, *DEPLOY)
    return frozenset(other.state.objects)


@pytest.mark.parametrize(
    "moment",
    [
        "kind: Namespace",
        "create -f -",
        "kind: StatefulSet",
        "kind: RabbitmqCluster",
        "kind: Trigger",
        "kind: Job",
        "name: purchase-internal",
        "name: auth-internal",
        "kind: PingSource",
    ],
)
def test_interrupted_and_run_again(lab: Lab, moment: str) -> None:
    """Ctrl-C in any phase ends with 130; the same command ends where an unbroken one would."""
    lab.interrupt_at = moment
    interrupted = lab.run(deploy, *DEPLOY)
    values = set(secret_values(lab))
    again = lab.run(deploy, *DEPLOY)

    assert (interrupted, again) == (130, 0)
    assert unbroken() == set(lab.state.objects)
    assert values <= set(secret_values(lab))


def test_secrets_are_made_and_never_shown(lab: Lab) -> None:
    """Values are in what goes to `kubectl create` by standard input, and nowhere else."""
    lab.run(deploy, *DEPLOY)
    values = secret_values(lab)
    argvs = json.dumps([call["argv"] for call in lab.state.calls])
    applied = "".join(
        str(call["stdin"]) for call in lab.state.calls if "create" not in call["argv"]
    )

    assert {each["metadata"]["name"] for each in lab.state.of_kind("Secret")} == SECRETS
    assert [value for value in values if value in argvs + lab.output + applied] == []
    assert len(values) == 12


def test_secret_that_is_there_stays(lab: Lab) -> None:
    """A database elsewhere is a Secret that somebody made before."""
    own: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "db-main", "namespace": "bookstore"},
        "stringData": {"url": "mysql://them:theirs@rds.example:3306/shop"},
    }
    lab.state.put(own)
    lab.run(deploy, *DEPLOY)

    assert own["stringData"] == lab.named("Secret", "db-main")["stringData"]


def test_database_elsewhere(lab: Lab) -> None:
    """Deploy does not invent a password for a database that it does not make."""
    code = lab.run(deploy, *DEPLOY, "--components", "external-database")

    assert code == 1
    assert "Secret db-main is named by the manifests, does not exist" in lab.output

    for name in ("db-auth", "db-catalog", "db-main"):
        own = {"name": name, "namespace": "bookstore"}
        lab.state.put({"apiVersion": "v1", "kind": "Secret", "metadata": own})

    assert lab.run(deploy, *DEPLOY, "--components", "external-database") == 0
    assert lab.state.of_kind("StatefulSet") == []


def test_url_fits_the_database(lab: Lab) -> None:
    """User, password, host and database in the address are those that the server is made with."""
    lab.run(deploy, *DEPLOY)
    secret: Any = lab.named("Secret", "db-main")
    password = secret["stringData"]["password"]

    assert (
        f"mysql://bookstore:{password}@db-main:3306/bookstore_main" == secret["stringData"]["url"]
    )


def test_data_without_its_secret(lab: Lab) -> None:
    """A new password for data that an old one opens is refused: it would lock everybody out."""
    lab.run(deploy, *DEPLOY)
    del lab.state.objects["/Secret/bookstore/db-main"]
    code = lab.run(deploy, *DEPLOY)

    assert code == 1
    assert "Secret db-main is gone, but the data that it opens is there" in lab.output


def test_dry_run_without_a_cluster(lab: Lab) -> None:
    """It needs no context, calls nothing but kustomize, and prints what deploy would apply."""
    code = lab.run(deploy, "--dry-run", "--registry", "r.example/bookstore", "--tag", "v1")
    printed = objects(lab.output)

    assert code == 0
    assert [call["argv"][0] for call in lab.state.calls] == ["kustomize"]
    assert "r.example/bookstore/purchase:v1" in lab.output
    assert [item for item in printed if item["kind"] == "Secret"] == []


def test_dry_run_in_a_cluster_changes_nothing(lab: Lab) -> None:
    """With a context the preflight runs too; nothing is applied or created."""
    code = lab.run(deploy, *DEPLOY, "--dry-run")

    assert (code, lab.called("apply"), lab.called("create")) == (0, [], [])
    assert "# Secret db-auth (root-password, password, url): made if it is missing" in lab.output


def test_no_is_no(lab: Lab) -> None:
    """Whoever does not type yes has changed nothing."""
    lab.typed = ["no"]
    code = lab.run(deploy, *[each for each in DEPLOY if each != "--yes"])

    assert (code, lab.called("apply")) == (1, [])


def test_nobody_to_ask(lab: Lab) -> None:
    """Without a terminal and without --yes it ends with 2."""
    code = lab.run(deploy, *[each for each in DEPLOY if each != "--yes"])

    assert (code, lab.called("apply")) == (2, [])
    assert "give --yes" in lab.output


def test_context_is_in_every_command(lab: Lab) -> None:
    """No call goes to whichever cluster kubectl looked at last."""
    lab.run(deploy, *DEPLOY)
    elsewhere = [
        call["argv"]
        for call in lab.state.calls
        if call["argv"][0] not in {"config", "kustomize", "version"}
        and "kind-test" not in call["argv"]
    ]

    assert elsewhere == []


def test_another_template_is_another_revision(lab: Lab) -> None:
    """A new image makes new revisions; going back makes none."""
    lab.run(deploy, *DEPLOY)
    first = {each["metadata"]["name"] for each in lab.state.of_kind("Revision")}
    other = [each if each != "v1" else "v2" for each in DEPLOY]
    lab.run(deploy, *other)
    second = {each["metadata"]["name"] for each in lab.state.of_kind("Revision")}
    lab.run(deploy, *DEPLOY)

    assert (len(first), len(second)) == (6, 12)
    assert second == {each["metadata"]["name"] for each in lab.state.of_kind("Revision")}


def test_pinned_split_is_reported(lab: Lab) -> None:
    """After a rollback a new revision gets nothing; deploy says so, and what changes it."""
    lab.run(deploy, *DEPLOY)
    purchase: Any = lab.named("Service", "purchase-internal")
    old = purchase["status"]["latestReadyRevisionName"]
    purchase["spec"]["traffic"] = [{"revisionName": old, "percent": 100, "latestRevision": False}]
    lab.run(deploy, *[each if each != "v1" else "v2" for each in DEPLOY])
    new = purchase_revision(lab, "purchase-internal")

    assert f"The new revision {new} gets 0 %" in lab.output
    assert (
        "kn service update purchase-internal --traffic @latest=10 --traffic"
        f" {old}=90 --context kind-test -n bookstore" in lab.output
    )


def purchase_revision(lab: Lab, name: str) -> str:
    service: Any = next(
        each
        for each in lab.state.of_kind("Service", "serving.knative.dev")
        if each["metadata"]["name"] == name
    )
    revision: str = service["status"]["latestReadyRevisionName"]
    return revision


def test_staged(lab: Lab) -> None:
    """--staged pins the public doors first, so that the new revisions start with nothing."""
    lab.run(deploy, *DEPLOY)
    old = purchase_revision(lab, "purchase")
    lab.run(deploy, *[each if each != "v1" else "v2" for each in DEPLOY], "--staged")

    assert [["kn", "service", "update", "purchase", "--traffic", f"{old}=100", *CONTEXT, "-n",
             "bookstore"]] == lab.called("kn", "service", "purchase")  # fmt: skip
    assert old != purchase_revision(lab, "purchase")
    assert f"The new revision {purchase_revision(lab, 'purchase')} gets 0 %" in lab.output


def test_leftovers(lab: Lab) -> None:
    """A Trigger that the overlay has no longer is told of, and deleted only when asked."""
    lab.run(deploy, *DEPLOY)
    trigger: Any = dict(lab.named("Trigger", "purchase-books"))
    old = {**trigger, "metadata": {**trigger["metadata"], "name": "purchase-books-v0"}}
    lab.state.put(old)
    lab.run(deploy, *DEPLOY)

    assert "Trigger purchase-books-v0" in lab.output
    assert lab.named("Trigger", "purchase-books-v0")

    lab.run(deploy, *DEPLOY, "--prune")

    assert "purchase-books-v0" not in {
        each["metadata"]["name"] for each in lab.state.of_kind("Trigger")
    }


def test_catalog_address(lab: Lab) -> None:
    """purchase is told the address that Knative gave the catalogue, where nobody named a domain."""
    lab.run(deploy, *DEPLOY, "--namespace", "shop")
    purchase: Any = next(
        each
        for each in lab.state.of_kind("Service", "serving.knative.dev")
        if each["metadata"]["name"] == "purchase"
    )
    env = purchase["spec"]["template"]["spec"]["containers"][0]["env"]

    assert {"name": "CATALOG_URL", "value": "http://catalog.shop.127.0.0.1.sslip.io"} in env
