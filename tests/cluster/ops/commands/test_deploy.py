"""deploy: order, repetition, interruption, secrets, traffic and leftovers."""

import functools
import json
from typing import Any

import pytest

from knative.ops.commands.deploy import deploy
from knative.ops.image import Image
from knative.ops.manifests import images
from knative.ops.objects import objects
from knative.ops.rollout import credentials, leftovers
from tests.cluster.ops.conftest import CONTEXT, DEPLOY, FakeCluster
from tests.cluster.ops.fake_kubectl import identity

DIGEST = "sha256:" + "ab" * 32
SECRETS = {
    *("db-auth", "db-catalog", "db-main", "db-notifications", "smtp", "storefront-session"),
    *("auth-keys", "internal-secret", "auth-first-admin"),
}


def position(applied: list[str], *names: str) -> list[int]:
    return [applied.index(name) for name in names]


def generations(cluster: FakeCluster) -> dict[str, int]:
    return {key: each["metadata"]["generation"] for key, each in cluster.state.objects.items()}


def secret_values(cluster: FakeCluster) -> list[str]:
    """Without the admin's address, and the word that stands for no SMTP server."""
    return [
        value
        for secret in cluster.state.of_kind("Secret")
        for key, value in secret["stringData"].items()
        if key != "email" and value != credentials.NO_MAIL
    ]


def test_order(cluster: FakeCluster) -> None:
    """Each object is applied after what it needs: see `knative/ops/rollout/phases.py`."""
    code = cluster.run(deploy, *DEPLOY)
    order = position(
        cluster.applied(),
        "Namespace/bookstore",
        "StatefulSet/db-auth",
        "RabbitmqCluster/rabbitmq",
        "RabbitmqBrokerConfig/bookstore",
        "Trigger/purchase-books",
        *[name for name in cluster.applied() if name.startswith("Job/migrate-")],
        "Service/purchase-internal",
        "Service/auth",
        "Service/purchase",
        "Service/storefront",
        "PingSource/ping-auth",
    )

    assert (0, sorted(order)) == (code, order), cluster.output


def test_publishers_wait_for_triggers(cluster: FakeCluster) -> None:
    """Services that Triggers call are first; auth, a publisher only, follows ready Triggers."""
    cluster.run(deploy, *DEPLOY)
    calls = [f"{' '.join(call['argv'])}\n{call['stdin'] or ''}" for call in cluster.state.calls]
    applies = [n for n, call in enumerate(calls) if "apply" in call and "containerConc" in call]
    first, second = applies[:2]
    applied = {each["metadata"]["name"] for each in objects(calls[first].partition("\n")[2])}
    between = [call for call in calls[first:second] if "trigger.eventing.knative.dev/" in call]

    assert applied == {"catalog-internal", "notifications-internal", "purchase-internal"}
    assert "name: auth-internal" in calls[second]
    assert between


def test_twice_changes_nothing(cluster: FakeCluster) -> None:
    """The second run creates no object, Secret or revision, and runs no migration."""
    cluster.run(deploy, *DEPLOY)
    before, values = generations(cluster), secret_values(cluster)
    cluster.state.calls.clear()
    code = cluster.run(deploy, *DEPLOY)

    assert (0, before, values) == (code, generations(cluster), secret_values(cluster))
    assert cluster.called("create") == []
    assert [name for name in cluster.applied() if name.startswith("Job/")] == []
    assert "  created:" not in cluster.output
    assert "  changed:" not in cluster.output


@pytest.mark.parametrize(
    "defaults",
    [{}, {"imagePullPolicy": "Always"}],
    ids=["Knative's own defaults", "a cluster's own defaults"],
)
def test_one_new_image_changes_one_service(cluster: FakeCluster, defaults: dict[str, Any]) -> None:
    """The others keep their templates with all defaults, or Knative would refuse them."""
    cluster.state.defaults = defaults
    cluster.run(deploy, *DEPLOY)
    before = generations(cluster)
    images.record({"purchase": Image("r.example/bookstore/purchase", "v1", DIGEST)}, images.RECORD)
    code = cluster.run(deploy, *DEPLOY)
    moved = {
        key for key, generation in generations(cluster).items() if before.get(key) != generation
    }

    assert code == 0, cluster.output
    assert {key for key in moved if key.startswith("serving.knative.dev/Service/")} == {
        "serving.knative.dev/Service/bookstore/purchase",
        "serving.knative.dev/Service/bookstore/purchase-internal",
    }


@functools.cache
def unbroken() -> frozenset[str]:
    """The objects after a deploy without interruption."""
    other = FakeCluster()
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
        "name: storefront\n",
        "kind: PingSource",
    ],
)
def test_interrupted_and_run_again(cluster: FakeCluster, moment: str) -> None:
    """Ctrl-C in any phase exits with 130; a second run completes, and keeps the Secrets."""
    cluster.interrupt_at = moment
    interrupted = cluster.run(deploy, *DEPLOY)
    values = set(secret_values(cluster))
    again = cluster.run(deploy, *DEPLOY)

    assert (interrupted, again) == (130, 0)
    assert unbroken() == set(cluster.state.objects)
    assert values <= set(secret_values(cluster))


def test_secrets_are_created_and_never_printed(cluster: FakeCluster) -> None:
    """Values are passed to `kubectl create` on standard input, and are nowhere else."""
    cluster.run(deploy, *DEPLOY)
    values = secret_values(cluster)
    argvs = json.dumps([call["argv"] for call in cluster.state.calls])
    applied = "".join(
        str(call["stdin"]) for call in cluster.state.calls if "create" not in call["argv"]
    )

    assert {each["metadata"]["name"] for each in cluster.state.of_kind("Secret")} == SECRETS
    assert [value for value in values if value in argvs + cluster.output + applied] == []
    assert len(values) == 16


def test_existing_secret_is_kept(cluster: FakeCluster) -> None:
    """An external database is a Secret that was created before the deploy."""
    own: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "db-main", "namespace": "bookstore"},
        "stringData": {"url": "mysql://them:theirs@rds.example:3306/shop"},
    }
    cluster.state.put(own)
    cluster.run(deploy, *DEPLOY)

    assert own["stringData"] == cluster.named("Secret", "db-main")["stringData"]


def test_external_database(cluster: FakeCluster) -> None:
    """Deploy creates no Secret for a database that it does not create."""
    code = cluster.run(deploy, *DEPLOY, "--components", "external-database")

    assert code == 1
    assert "Secret db-main is named by the manifests, does not exist" in cluster.output

    for name in ("db-auth", "db-catalog", "db-main", "db-notifications"):
        own = {"name": name, "namespace": "bookstore"}
        cluster.state.put({"apiVersion": "v1", "kind": "Secret", "metadata": own})

    assert cluster.run(deploy, *DEPLOY, "--components", "external-database") == 0
    assert cluster.state.of_kind("StatefulSet") == []


def test_database_url(cluster: FakeCluster) -> None:
    """It has the user, password, host and database that the server is created with."""
    cluster.run(deploy, *DEPLOY)
    secret: Any = cluster.named("Secret", "db-main")
    password = secret["stringData"]["password"]

    assert (
        f"mysql://bookstore:{password}@db-main:3306/bookstore_main" == secret["stringData"]["url"]
    )


def test_data_without_its_secret(cluster: FakeCluster) -> None:
    """Deploy refuses to create a new password for existing data, which has the old one."""
    cluster.run(deploy, *DEPLOY)
    del cluster.state.objects["/Secret/bookstore/db-main"]
    code = cluster.run(deploy, *DEPLOY)

    assert code == 1
    assert "Secret db-main is missing, but the data that it opens exists" in cluster.output


def test_dry_run_without_a_cluster(cluster: FakeCluster) -> None:
    """It needs no context, runs only kustomize, and prints the objects."""
    code = cluster.run(deploy, "--dry-run", "--registry", "r.example/bookstore", "--tag", "v1")
    printed = objects(cluster.output)

    assert code == 0
    assert [call["argv"][0] for call in cluster.state.calls] == ["kustomize"]
    assert "r.example/bookstore/purchase:v1" in cluster.output
    assert [item for item in printed if item["kind"] == "Secret"] == []


def test_dry_run_in_a_cluster_changes_nothing(cluster: FakeCluster) -> None:
    """With a context it also runs the preflight; nothing is applied or created."""
    code = cluster.run(deploy, *DEPLOY, "--dry-run")

    assert (code, cluster.called("apply"), cluster.called("create")) == (0, [], [])
    assert (
        "# Secret db-auth (root-password, password, url): created if it is missing"
        in cluster.output
    )


def test_answer_no(cluster: FakeCluster) -> None:
    """Any other answer than yes changes nothing, and exits with 1."""
    cluster.typed = ["no"]
    code = cluster.run(deploy, *[each for each in DEPLOY if each != "--yes"])

    assert (code, cluster.called("apply")) == (1, [])


def test_without_a_terminal(cluster: FakeCluster) -> None:
    """Without --yes it exits with 2, and names the option."""
    code = cluster.run(deploy, *[each for each in DEPLOY if each != "--yes"])

    assert (code, cluster.called("apply")) == (2, [])
    assert "give --yes" in cluster.output


def test_context_is_in_every_command(cluster: FakeCluster) -> None:
    """No call uses the current context of the kubeconfig."""
    cluster.run(deploy, *DEPLOY)
    elsewhere = [
        call["argv"]
        for call in cluster.state.calls
        if call["argv"][0] not in {"config", "kustomize", "version"}
        and "kind-test" not in call["argv"]
    ]

    assert elsewhere == []


def test_revisions_are_reused(cluster: FakeCluster) -> None:
    """A new image creates new revisions; deploying the former one again creates none."""
    cluster.run(deploy, *DEPLOY)
    first = {each["metadata"]["name"] for each in cluster.state.of_kind("Revision")}
    other = [each if each != "v1" else "v2" for each in DEPLOY]
    cluster.run(deploy, *other)
    second = {each["metadata"]["name"] for each in cluster.state.of_kind("Revision")}
    cluster.run(deploy, *DEPLOY)

    assert (len(first), len(second)) == (9, 18)
    assert second == {each["metadata"]["name"] for each in cluster.state.of_kind("Revision")}


def test_pinned_split_is_reported(cluster: FakeCluster) -> None:
    """A revision without traffic is reported, with the commands that give it some."""
    cluster.run(deploy, *DEPLOY)
    purchase: Any = cluster.named("Service", "purchase-internal")
    old = purchase["status"]["latestReadyRevisionName"]
    purchase["spec"]["traffic"] = [{"revisionName": old, "percent": 100, "latestRevision": False}]
    cluster.run(deploy, *[each if each != "v1" else "v2" for each in DEPLOY])
    new = purchase_revision(cluster, "purchase-internal")

    assert f"The new revision {new} gets 0 %" in cluster.output
    assert (
        "kn service update purchase-internal --traffic @latest=10 --traffic"
        f" {old}=90 --context kind-test -n bookstore" in cluster.output
    )


def purchase_revision(cluster: FakeCluster, name: str) -> str:
    service: Any = next(
        each
        for each in cluster.state.of_kind("Service", "serving.knative.dev")
        if each["metadata"]["name"] == name
    )
    revision: str = service["status"]["latestReadyRevisionName"]
    return revision


def test_staged(cluster: FakeCluster) -> None:
    """--staged pins the public services first, so that new revisions get no traffic."""
    cluster.run(deploy, *DEPLOY)
    old = purchase_revision(cluster, "purchase")
    cluster.run(deploy, *[each if each != "v1" else "v2" for each in DEPLOY], "--staged")

    assert [["kn", "service", "update", "purchase", "--traffic", f"{old}=100", *CONTEXT, "-n",
             "bookstore"]] == cluster.called("kn", "service", "purchase")  # fmt: skip
    assert old != purchase_revision(cluster, "purchase")
    assert f"The new revision {purchase_revision(cluster, 'purchase')} gets 0 %" in cluster.output


def test_leftovers(cluster: FakeCluster) -> None:
    """A Trigger that the overlay no longer has is reported, and deleted only with --prune."""
    cluster.run(deploy, *DEPLOY)
    trigger: Any = dict(cluster.named("Trigger", "purchase-books"))
    old = {**trigger, "metadata": {**trigger["metadata"], "name": "purchase-books-v0"}}
    cluster.state.put(old)
    cluster.run(deploy, *DEPLOY)

    assert "Trigger purchase-books-v0" in cluster.output
    assert cluster.named("Trigger", "purchase-books-v0")

    cluster.run(deploy, *DEPLOY, "--prune")

    assert "purchase-books-v0" not in {
        each["metadata"]["name"] for each in cluster.state.of_kind("Trigger")
    }


def under_name(item: Any, name: str) -> dict[str, Any]:
    return {**item, "metadata": {**item["metadata"], "name": name}}


def source_names(cluster: FakeCluster) -> set[str]:
    return {each["metadata"]["name"] for each in cluster.state.of_kind("PingSource")}


def test_renamed_objects_replace_those_with_former_names(cluster: FakeCluster) -> None:
    """A deploy over an earlier release deletes its PingSources without --prune, after the new ones
    are ready; others that are not in the overlay stay."""
    cluster.run(deploy, *DEPLOY)
    for (_, kind, former), (_, _, name) in leftovers.FORMER_NAMES.items():
        source = cluster.named(kind, name)
        del cluster.state.objects[identity(source)]
        cluster.state.put(under_name(source, former))
    cluster.state.put(under_name(cluster.named("PingSource", "poke-auth"), "report"))
    before = len(cluster.state.calls)
    cluster.run(deploy, *DEPLOY)
    calls = [
        f"{' '.join(call['argv'])}\n{call['stdin'] or ''}" for call in cluster.state.calls[before:]
    ]
    applied = [n for n, call in enumerate(calls) if "apply" in call and "kind: PingSource" in call]
    deleted = [n for n, call in enumerate(calls) if "delete" in call and "poke-auth" in call]

    assert source_names(cluster) == {
        *("ping-auth", "ping-catalog", "ping-notifications", "ping-purchase"),
        "report",
    }
    assert (len(applied), len(deleted)) == (1, 1)
    assert applied < deleted


def test_catalog_address(cluster: FakeCluster) -> None:
    """Without a domain, purchase gets the address that Knative gave catalog."""
    cluster.run(deploy, *DEPLOY, "--namespace", "shop")
    purchase: Any = next(
        each
        for each in cluster.state.of_kind("Service", "serving.knative.dev")
        if each["metadata"]["name"] == "purchase"
    )
    env = purchase["spec"]["template"]["spec"]["containers"][0]["env"]

    assert {"name": "CATALOG_URL", "value": "http://catalog.shop.127.0.0.1.sslip.io"} in env


def test_storefront_follows_the_services_that_it_calls(cluster: FakeCluster) -> None:
    """It is applied when the others are ready, with the name that needs it; they are listed after
    it, because visitors come to it."""
    cluster.run(deploy, *DEPLOY, "--domain", "books.example.org")
    calls = [f"{' '.join(call['argv'])}\n{call['stdin'] or ''}" for call in cluster.state.calls]
    applies = [
        n for n, call in enumerate(calls) if "apply" in call and "name: storefront\n" in call
    ]
    last = max(n for n, call in enumerate(calls) if "apply" in call and "name: purchase\n" in call)
    applied = objects(calls[applies[-1]].partition("\n")[2])
    shown = cluster.output.partition("The shop is open")[2].split()

    assert last < applies[-1]
    assert [(each["kind"], each["metadata"]["name"]) for each in applied] == [
        ("Service", "storefront"),
        ("DomainMapping", "shop.books.example.org"),
    ]
    assert shown[:4] == [
        *("storefront", "http://shop.books.example.org"),
        *("auth", "http://auth.books.example.org"),
    ]


@pytest.mark.parametrize(
    ("arguments", "warned"),
    [
        ((), False),
        (("--overlay", "eks", "--efs-file-system", "fs-01234567"), True),
        (("--domain", "books.example.org", "--scheme", "https"), False),
    ],
    ids=["the local overlay has no TLS", "TLS is not known", "https"],
)
def test_a_session_that_browsers_would_not_send(
    cluster: FakeCluster, arguments: tuple[str, ...], warned: bool
) -> None:
    """An address without TLS and a cookie for https are a shop in which nobody stays signed in."""
    code = cluster.run(deploy, *DEPLOY, *arguments)

    assert code == 0, cluster.output
    assert ("Browsers send the session of http://" in cluster.output) == warned


def test_names_that_hide_the_client(cluster: FakeCluster) -> None:
    """A DomainMapping leads through the gateway twice, and deploy says what follows from it."""
    cluster.run(deploy, *DEPLOY)
    plain = cluster.output
    cluster.run(deploy, *DEPLOY, "--domain", "books.example.org")

    assert "pass the gateway twice" not in plain
    assert "pass the gateway twice" in cluster.output
