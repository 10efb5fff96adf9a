"""What canary, promote and rollback share: look, run one kn command, show who has the traffic."""

from collections.abc import Sequence

from knative.ops.cli.errors import OpsError
from knative.ops.cli.option_list import PLACE
from knative.ops.cli.options import Options, read
from knative.ops.cli.session import Session
from knative.ops.cluster import traffic
from knative.ops.cluster.cluster import Cluster
from knative.ops.objects import Object


def options_of(
    session: Session, command: str, about: str, *more: str, positionals: Sequence[str]
) -> Options:
    return read(
        command,
        (*PLACE, *more),
        about,
        session.arguments,
        session.environ,
        positionals=positionals,
    )


def look(cluster: Cluster, name: str) -> tuple[Object, list[Object]]:
    """The service, and its revisions."""
    service = cluster.one(f"service.serving.knative.dev/{name}")
    if service is None:
        raise OpsError(f"There is no {name} in {cluster.namespace}: nox -s deploy brings it.")
    listed = cluster.kn("revision", "list", "-s", name, "-o", "json").json()
    return service, listed.get("items") or []


def newest_of(service: Object) -> str:
    """Raises `OpsError` where the newest revision is not ready: kn's @latest is then another."""
    status, name = service.get("status", {}), service["metadata"]["name"]
    created, ready = status.get("latestCreatedRevisionName"), traffic.newest(service)
    if not ready or created != ready:
        raise OpsError(
            f"The newest revision of {name}, {created}, is not ready; @latest means"
            f" {ready or 'none'}. nox -s status tells what it lacks."
        )
    return ready


def move(cluster: Cluster, name: str, *targets: str) -> None:
    flags = [part for target in targets for part in ("--traffic", target)]
    cluster.kn("service", "update", name, *flags)
    after = cluster.one(f"service.serving.knative.dev/{name}")
    if after is not None:
        cluster.runner.console.say(f"{name}: {traffic.shown(after)}")
