"""The newest revisions of a shop at addresses of their own, while they have no traffic."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from knative.ops.cluster import traffic
from knative.ops.cluster.cluster import Cluster
from knative.ops.cluster.waiting import until_ready
from knative.ops.objects import SERVING

TAG = "candidate"


@contextmanager
def tagged(cluster: Cluster, urls: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The URL of each service's newest revision, by service; the tags are removed at the end.

    A tag that a killed run left on an older revision is moved. The split of the traffic stays.
    """
    moved = []
    try:
        for name in urls:
            service = cluster.one(f"service.serving.knative.dev/{name}")
            assert service is not None
            left = any(share.tag == TAG for share in traffic.shares(service))
            untag = ("--untag", TAG) if left else ()
            newest = traffic.newest(service)
            cluster.kn("service", "update", name, *untag, "--tag", f"{newest}={TAG}", show=False)
            moved.append(name)
        found = [_reference(name) for name in urls]
        until_ready(cluster, "candidates", found, timeout=300)
        yield {name: _url(cluster, name) for name in urls}
    finally:
        for name in moved:
            cluster.kn("service", "update", name, "--untag", TAG, show=False)


def _reference(name: str) -> dict[str, object]:
    return {"apiVersion": f"{SERVING}/v1", "kind": "Service", "metadata": {"name": name}}


def _url(cluster: Cluster, name: str) -> str:
    service = cluster.one(f"service.serving.knative.dev/{name}")
    assert service is not None
    (target,) = (each for each in service["status"]["traffic"] if each.get("tag") == TAG)
    url: str = target["url"]
    return url
