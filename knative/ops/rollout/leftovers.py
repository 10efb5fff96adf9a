"""Objects of the shop in the cluster that the overlay no longer has.

A Trigger whose filter changed is a new Trigger, for example; the old one is deleted when the new
one is ready, and not before. Deleting needs --prune, except for objects that only have another name
now: both would do the same work twice. ConfigMaps stay: older revisions read them, which a rollback
needs.
"""

from collections.abc import Iterable, Sequence

from knative.ops.cli import invocation
from knative.ops.cluster.cluster import Cluster
from knative.ops.objects import SELECTOR, Object, key_of, reference

KINDS = (
    "pingsources.sources.knative.dev",
    "domainmappings.serving.knative.dev",
    "services.serving.knative.dev",
    "triggers.eventing.knative.dev",
    "cronjobs.batch",
    "networkpolicies.networking.k8s.io",
)

_SOURCES = ("sources.knative.dev", "PingSource")
FORMER_NAMES = {
    (*_SOURCES, "poke-auth"): (*_SOURCES, "ping-auth"),
    (*_SOURCES, "poke-catalog"): (*_SOURCES, "ping-catalog"),
    (*_SOURCES, "poke-purchase"): (*_SOURCES, "ping-purchase"),
}
"""By group, kind and name: what replaced an object of an earlier release."""


def delete_renamed(cluster: Cluster, items: Sequence[Object]) -> None:
    """Delete objects under former names whose successors are in the overlay.

    To be called after the successors are ready.
    """
    successors = {key_of(item) for item in items}
    found = [each for each in find(cluster, items) if FORMER_NAMES.get(key_of(each)) in successors]
    if found:
        cluster.runner.console.heading("renamed")
        _delete(cluster, found)


def find(cluster: Cluster, items: Iterable[Object]) -> list[Object]:
    wanted = {key_of(item) for item in items}
    existing = cluster.every(",".join(KINDS), selector=SELECTOR)
    # An object that belongs to another one, such as the Service of a Knative Service, is deleted
    # with its owner.
    return [
        each
        for each in existing
        if key_of(each) not in wanted and not each["metadata"].get("ownerReferences")
    ]


def report(cluster: Cluster, items: Iterable[Object], *, delete: bool) -> None:
    console = cluster.runner.console
    found = find(cluster, items)
    if not found:
        return
    console.heading("no longer in the overlay")
    if delete:
        _delete(cluster, found)
        return
    for each in found:
        console.print(f"  {each['kind']} {each['metadata']['name']}")
    console.print(f"  They are kept. To delete them: {invocation.command('deploy -- --prune')}")


def _delete(cluster: Cluster, found: Iterable[Object]) -> None:
    cluster.kubectl("delete", *[reference(each) for each in found], show=True, timeout=300.0)
