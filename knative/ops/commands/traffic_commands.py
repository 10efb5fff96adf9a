"""What canary, promote and rollback share: reading a service, and setting its traffic by kn."""

from knative.ops.cli import invocation
from knative.ops.cli.errors import OpsError
from knative.ops.cluster import traffic
from knative.ops.cluster.cluster import Cluster
from knative.ops.objects import Object


def read_service(cluster: Cluster, name: str) -> tuple[Object, list[Object]]:
    """A Knative Service and its revisions. Raises `OpsError` where it does not exist."""
    service = cluster.one(f"service.serving.knative.dev/{name}")
    if service is None:
        raise OpsError(
            f"There is no {name} in {cluster.namespace}. To deploy it:"
            f" {invocation.command('deploy')}"
        )
    listed = cluster.kn("revision", "list", "-s", name, "-o", "json").json()
    return service, listed.get("items") or []


def newest_ready(service: Object) -> str:
    """The newest revision. Raises `OpsError` where it is not ready, because kn's `@latest` then
    means an older one."""
    status, name = service.get("status", {}), service["metadata"]["name"]
    created, ready = status.get("latestCreatedRevisionName"), traffic.newest(service)
    if not ready or created != ready:
        raise OpsError(
            f"The newest revision of {name}, {created}, is not ready, and @latest means"
            f" {ready or 'none'}. To see why: {invocation.command('status')}"
        )
    return ready


def set_traffic(cluster: Cluster, name: str, *targets: str) -> None:
    """Targets as kn takes them, such as `@latest=10`."""
    flags = [part for target in targets for part in ("--traffic", target)]
    cluster.kn("service", "update", name, *flags)
    after = cluster.one(f"service.serving.knative.dev/{name}")
    if after is not None:
        cluster.runner.console.print(f"{name}: {traffic.describe(after)}")
