"""`nox -s undeploy`: removes the shop, and keeps what cannot be recreated.

Kept: the databases' volumes and backups, Secrets, the namespace. RabbitMQ's volumes belong to its
RabbitmqCluster and are deleted with it; events that still waited in a queue are then only in the
outboxes of the services that published them, from where consumers read them after the next deploy.
`--delete-data` deletes everything.
"""

import sys

from knative.ops.cli import invocation
from knative.ops.cli.console import Console
from knative.ops.cli.errors import OpsError, WrongOptions
from knative.ops.cli.options import UndeployOptions
from knative.ops.cli.session import Session, run
from knative.ops.cluster import metrics
from knative.ops.cluster.cluster import Cluster, connect
from knative.ops.objects import SELECTOR

# Publishers go before consumers, so that no event is sent to a service that is gone. Triggers and
# Broker go before RabbitMQ, because their finalizers call it.
ORDER = (
    ("pingsources.sources.knative.dev",),
    ("domainmappings.serving.knative.dev", "services.serving.knative.dev"),
    ("jobs.batch", "cronjobs.batch"),
    ("triggers.eventing.knative.dev",),
    ("brokers.eventing.knative.dev",),
    ("rabbitmqbrokerconfigs.eventing.knative.dev", "rabbitmqclusters.rabbitmq.com"),
    ("statefulsets.apps", "deployments.apps", "services", "configmaps"),
    ("networkpolicies.networking.k8s.io", "poddisruptionbudgets.policy"),
)
MONITORS = ("prometheusrules.monitoring.coreos.com", "podmonitors.monitoring.coreos.com")
_MONITORING = "monitoring.coreos.com/v1"
DOMAIN_CLAIMS = "clusterdomainclaims.networking.internal.knative.dev"
KNATIVE_SERVICES = "services.serving.knative.dev"
_SERVICE_LABEL = "serving.knative.dev/service"
_DELETE_TIMEOUT = 600.0
_DRAIN_SECONDS = 360
"""For pods to end: the longest timeoutSeconds, which is also their grace period, and a minute."""


def undeploy(session: Session) -> int:
    options = session.options(UndeployOptions)
    cluster = connect(session, options)
    console, namespace = session.console, cluster.namespace
    for line in _undelivered(cluster):
        console.warn(line)
    if options.delete_data:
        question = (
            f"Delete the shop in context {cluster.context}, namespace {namespace}, with every"
            " account, order and password? This cannot be undone."
        )
        # --yes does not answer this one.
        confirmed = _confirm_by_name(console, question, options.confirm, namespace)
    else:
        question = f"Remove the shop from context {cluster.context}, namespace {namespace}?"
        confirmed = console.confirm(question, assume=options.yes)
    if not confirmed:
        raise OpsError("Nothing was changed.")
    # Where nothing watches the shop these kinds are unknown, and naming them would be an error.
    watched = cluster.raw(f"/apis/{_MONITORING}") is not None
    for kinds in (*ORDER, MONITORS) if watched else ORDER:
        _delete(cluster, ",".join(kinds), "-l", SELECTOR)
        if KNATIVE_SERVICES in kinds:
            _wait_for_pods(cluster)
    # These are in no namespace: an account of one namespace may not delete them.
    cluster.kubectl(
        *("delete", DOMAIN_CLAIMS, "-l", SELECTOR, "--ignore-not-found"),
        check=False,
        show=True,
        namespaced=False,
    )
    if options.delete_data:
        _delete(cluster, f"namespace/{namespace}", namespaced=False)
        console.print("Volumes whose StorageClass retains them are left: kubectl get pv")
        return 0
    kept = cluster.kubectl("get", "persistentvolumeclaims,secrets", "-o", "name").stdout.split()
    console.heading("kept")
    for name in kept:
        console.print(f"  {name}")
    console.print(f"To deploy the shop again on these: {invocation.command('deploy')}")
    return 0


def _confirm_by_name(console: Console, question: str, given: str, namespace: str) -> bool:
    """Whether the namespace's name was given, or typed."""
    if given:
        if given != namespace:
            raise WrongOptions(f"{question}\n--confirm is {given!r}, not {namespace!r}.")
        return True
    return console.confirm(
        question, assume=False, needs=namespace, instead=f"--confirm {namespace}"
    )


def _wait_for_pods(cluster: Cluster) -> None:
    """Pods finish their requests and send their outbox, for which they need database and broker."""
    result = cluster.kubectl(
        *("wait", "pods", "--for=delete", "-l", _SERVICE_LABEL, f"--timeout={_DRAIN_SECONDS}s"),
        show=True,
        timeout=_DRAIN_SECONDS + 30.0,
        check=False,
    )
    if result.code != 0 and "no matching resources" not in result.stderr:
        lines = result.stderr.strip().splitlines() or ["no reason given"]
        cluster.runner.console.warn(f"not all pods have ended; continuing: {lines[-1]}")


def _delete(cluster: Cluster, resources: str, *more: str, namespaced: bool = True) -> None:
    # The pods of a Job use the database too: they go before it.
    cascade = ["--cascade=foreground"] if "jobs.batch" in resources else []
    cluster.kubectl(
        *("delete", resources, *more, "--ignore-not-found", "--wait=true", *cascade),
        show=True,
        timeout=_DELETE_TIMEOUT,
        namespaced=namespaced,
    )


def _undelivered(cluster: Cluster) -> list[str]:
    """A line for each queue that is not empty; none where queues cannot be read."""
    try:
        brokers = cluster.every("rabbitmqclusters.rabbitmq.com", selector=SELECTOR)
        triggers = cluster.every("triggers.eventing.knative.dev", selector=SELECTOR)
        found = [queue for broker in brokers for queue in metrics.queues(cluster, broker)]
    except OpsError:
        return []
    known = metrics.queue_owners(triggers)
    return [
        f"{metrics.owner_of(queue, known)}: {queue.waiting} undelivered events; they stay in the"
        " outbox of the service that published them"
        for queue in found
        if queue.waiting
    ]


if __name__ == "__main__":
    sys.exit(run(undeploy))
