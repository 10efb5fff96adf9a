"""Objects of the shop in the cluster that the overlay no longer has.

A Trigger whose filter changed is a new Trigger, for example; the old one is deleted when the new
one is ready, and not before. Deleting needs --prune. ConfigMaps stay: older revisions read them,
which a rollback needs.
"""

from collections.abc import Iterable

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
        cluster.kubectl("delete", *[reference(each) for each in found], show=True, timeout=300.0)
        return
    for each in found:
        console.print(f"  {each['kind']} {each['metadata']['name']}")
    console.print(f"  They are kept. To delete them: {invocation.command('deploy -- --prune')}")
