"""What the cluster has of the shop, and the overlay has no longer.

A Trigger whose filter changed is a new Trigger, for example; the old one goes when the new one is
ready, and not before. Deleting is asked for with --prune. ConfigMaps stay: older revisions read
them, and a rollback needs those.
"""

from collections.abc import Iterable

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
    there = cluster.every(",".join(KINDS), selector=SELECTOR)
    # What another object made (a Knative Service's own, say) goes with its owner.
    return [
        each
        for each in there
        if key_of(each) not in wanted and not each["metadata"].get("ownerReferences")
    ]


def report(cluster: Cluster, items: Iterable[Object], *, delete: bool) -> None:
    console = cluster.runner.console
    left = find(cluster, items)
    if not left:
        return
    console.heading("left over from before")
    if delete:
        cluster.kubectl("delete", *[reference(each) for each in left], show=True, timeout=300.0)
        return
    for each in left:
        console.say(f"  {each['kind']} {each['metadata']['name']}")
    console.say("  They are left alone; deploy --prune deletes them.")
