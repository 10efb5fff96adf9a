"""New revisions and the traffic: hold it back before a deploy, say who has it afterwards."""

import shlex
from collections.abc import Iterable

from knative.ops.cluster import traffic
from knative.ops.cluster.cluster import Cluster
from knative.ops.objects import Object, is_public, knative_services, reference


def pin(cluster: Cluster, items: Iterable[Object]) -> None:
    """Keep each public door on the revision that it has, so that a new one starts with nothing."""
    cluster.runner.console.heading("traffic stays where it is")
    for service in cluster.get(
        reference(each) for each in knative_services(items) if is_public(each)
    ):
        revision = traffic.newest(service)
        if revision and not traffic.is_pinned(service):
            cluster.kn("service", "update", service["metadata"]["name"],
                       "--traffic", f"{revision}=100")  # fmt: skip


def report(cluster: Cluster, items: Iterable[Object]) -> None:
    """Say which new revisions get less than all, and how that is changed."""
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
        console.say(f"  {name}: {traffic.shown(service)}")
        console.say(
            f"  The new revision {newest} gets {percent} %: a split that kn made stays. To move it:"
        )
        for targets in (_canary(service, newest), ["@latest=100"]):
            flags = [part for target in targets for part in ("--traffic", target)]
            console.command(shlex.join(cluster.kn_argv("service", "update", name, *flags)))


def _canary(service: Object, newest: str) -> list[str]:
    others = [s for s in traffic.shares(service) if s.percent and s.revision != newest]
    first = max(others, key=lambda share: share.percent, default=None)
    return ["@latest=10", f"{first.revision}=90"] if first else ["@latest=10"]
