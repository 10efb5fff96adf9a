"""The traffic of new revisions: pinned before a staged deploy, reported after every deploy."""

import shlex
from collections.abc import Iterable

from knative.ops.cluster import traffic
from knative.ops.cluster.cluster import Cluster
from knative.ops.objects import Object, is_public, knative_services, reference


def pin(cluster: Cluster, items: Iterable[Object]) -> None:
    """Pin each public service to its current revisions, so that a new one gets no traffic.

    Those of a canary keep their parts: its newest would else hand its own to the one after it.
    """
    cluster.runner.console.heading("pinning traffic")
    public = [reference(each) for each in knative_services(items) if is_public(each)]
    for service in cluster.get(public):
        if traffic.newest(service) and not traffic.is_pinned(service):
            split = traffic.asked(service)
            targets = [f"{revision}={percent}" for revision, percent in split.items()]
            flags = [part for target in targets for part in ("--traffic", target)]
            cluster.kn("service", "update", service["metadata"]["name"], *flags)


def report(cluster: Cluster, items: Iterable[Object]) -> None:
    """The new revisions that get less than all traffic, and the commands that change it."""
    console = cluster.runner.console
    pinned = [
        service
        for service in cluster.get(reference(each) for each in knative_services(items))
        if traffic.percent_of(service, traffic.newest(service)) < 100
    ]
    if not pinned:
        return
    console.heading("traffic")
    for service in pinned:
        name, newest = service["metadata"]["name"], traffic.newest(service)
        percent = traffic.percent_of(service, newest)
        console.print(f"  {name}: {traffic.describe(service)}")
        console.print(
            f"  The new revision {newest} gets {percent} %, because a split by kn stays. To"
            " change it:"
        )
        for targets in (_canary(service, newest), ["@latest=100"]):
            flags = [part for target in targets for part in ("--traffic", target)]
            console.command(shlex.join(cluster.kn_argv("service", "update", name, *flags)))


def _canary(service: Object, newest: str) -> list[str]:
    """Targets that give the newest revision 10 %."""
    others = [s for s in traffic.shares(service) if s.percent and s.revision != newest]
    first = max(others, key=lambda share: share.percent, default=None)
    return ["@latest=10", f"{first.revision}=90"] if first else ["@latest=10"]
