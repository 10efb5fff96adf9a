"""`nox -s undeploy`: takes the shop away, and keeps what nobody could make again.

Kept: databases' volumes and backups, Secrets, the namespace. RabbitMQ's volumes belong to its
cluster and go with it: events that still wait in a queue are then only in the owners' outboxes,
from where consumers read them when the shop is back. `--delete-data` takes all of it.
"""

import sys

from knative.ops.cli.console import Console
from knative.ops.cli.errors import OpsError, WrongOptions
from knative.ops.cli.session import Session, run
from knative.ops.cluster import metrics
from knative.ops.cluster.cluster import Cluster, connect
from knative.ops.commands.traffic_commands import options_of
from knative.ops.objects import SELECTOR

# What sends first, then what receives: nothing is sent to somebody who is gone. Triggers and Broker
# end before RabbitMQ, because their finalizers still talk to it.
ORDER = (
    ("pingsources.sources.knative.dev",),
    ("domainmappings.serving.knative.dev", "services.serving.knative.dev"),
    ("jobs.batch", "cronjobs.batch"),
    ("triggers.eventing.knative.dev",),
    ("brokers.eventing.knative.dev",),
    ("rabbitmqbrokerconfigs.eventing.knative.dev", "rabbitmqclusters.rabbitmq.com"),
    ("statefulsets.apps", "services", "configmaps"),
    ("networkpolicies.networking.k8s.io", "poddisruptionbudgets.policy"),
)
CLAIMS = "clusterdomainclaims.networking.internal.knative.dev"
DOORS = "services.serving.knative.dev"
_SERVING = "serving.knative.dev/service"
_LONG = 600.0
_DRAIN = 360
"""Seconds for pods to end: the longest timeoutSeconds, which is also their grace, and a minute."""


def undeploy(session: Session) -> int:
    options = options_of(
        session,
        "undeploy",
        "Takes the shop away; data stays unless --delete-data.",
        *("yes", "delete_data", "confirm"),
        positionals=(),
    )
    cluster = connect(session, options)
    console, namespace = session.console, cluster.namespace
    everything = options.flag("delete_data")
    for line in _waiting(cluster):
        console.warn(line)
    if everything:
        question = (
            f"Delete the shop in context {cluster.context}, namespace {namespace}, with every"
            " account, order and password? Nothing brings them back."
        )
        # --yes does not answer this one.
        sure = _named(console, question, options.text("confirm"), namespace)
    else:
        question = f"Take the shop away from context {cluster.context}, namespace {namespace}?"
        sure = console.confirm(question, assume=options.flag("yes"))
    if not sure:
        raise OpsError("Nothing was changed.")
    for kinds in ORDER:
        _delete(cluster, ",".join(kinds), "-l", SELECTOR)
        if DOORS in kinds:
            _drained(cluster)
    # Knative's own kind, which an account of one namespace may not touch.
    cluster.kubectl("delete", CLAIMS, "-l", SELECTOR, "--ignore-not-found", check=False, show=True,
                    namespaced=False)  # fmt: skip
    if everything:
        _delete(cluster, f"namespace/{namespace}", namespaced=False)
        console.say("Volumes whose StorageClass says Retain are left: kubectl get pv")
        return 0
    kept = cluster.kubectl("get", "persistentvolumeclaims,secrets", "-o", "name").stdout.split()
    console.heading("kept")
    for name in kept:
        console.say(f"  {name}")
    console.say("nox -s deploy brings the shop back with them.")
    return 0


def _named(console: Console, question: str, given: str, namespace: str) -> bool:
    """Whether the namespace's name was given, or typed."""
    if given:
        if given != namespace:
            raise WrongOptions(f"{question}\n--confirm says {given!r}, not {namespace!r}.")
        return True
    return console.confirm(
        question, assume=False, needs=namespace, instead=f"--confirm {namespace}"
    )


def _drained(cluster: Cluster) -> None:
    """Pods still answer what is under way, and send their outbox: for that they need database and
    broker, which go after them."""
    result = cluster.kubectl(
        *("wait", "pods", "--for=delete", "-l", _SERVING, f"--timeout={_DRAIN}s"),
        show=True,
        timeout=_DRAIN + 30.0,
        check=False,
    )
    if result.code != 0 and "no matching resources" not in result.stderr:
        said = result.stderr.strip().splitlines() or ["no reason given"]
        cluster.runner.console.warn(f"not all pods have ended, and are not waited for: {said[-1]}")


def _delete(cluster: Cluster, what: str, *more: str, namespaced: bool = True) -> None:
    cluster.kubectl(
        *("delete", what, *more, "--ignore-not-found", "--wait=true", *_cascade(what)),
        show=True,
        timeout=_LONG,
        namespaced=namespaced,
    )


def _cascade(what: str) -> list[str]:
    """A Job's pods read and write the database too: they go before it."""
    return ["--cascade=foreground"] if "jobs.batch" in what else []


def _waiting(cluster: Cluster) -> list[str]:
    """What is still under way, if that can be seen."""
    try:
        brokers = cluster.every("rabbitmqclusters.rabbitmq.com", selector=SELECTOR)
        known = metrics.names(cluster.every("triggers.eventing.knative.dev", selector=SELECTOR))
        found = [queue for broker in brokers for queue in metrics.queues(cluster, broker)]
    except OpsError:
        return []
    return [
        f"{metrics.trigger_of(queue, known)}: {queue.waiting} events under way; they"
        " stay in their owner's outbox"
        for queue in found
        if queue.waiting
    ]


if __name__ == "__main__":
    sys.exit(run(undeploy))
