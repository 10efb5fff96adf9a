"""`nox -s logs -- purchase`: what a service's pods say; also a database, RabbitMQ, a migration."""

import sys

from knative.ops.cli.errors import OpsError, WrongOptions
from knative.ops.cli.option_list import DOORS
from knative.ops.cli.session import Session, run
from knative.ops.cluster.cluster import Cluster, connect
from knative.ops.commands.traffic_commands import options_of

_COMPONENT = "app.kubernetes.io/component"
_MANY = 20
"""kubectl follows five pods at most, unless told."""


def logs(session: Session) -> int:
    options = options_of(
        session,
        "logs",
        "Shows what a part of the shop writes.",
        *("follow", "since", "tail"),
        positionals=("what",),
    )
    cluster = connect(session, options)
    argv = ["logs", *_target(cluster, options.text("what")), "--prefix"]
    argv.append(f"--tail={options.number('tail')}")
    if since := options.text("since"):
        argv.append(f"--since={since}")
    if options.flag("follow"):
        argv += ["--follow", f"--max-log-requests={_MANY}"]
    code = session.runner.stream(cluster.kubectl_argv(*argv))
    if code:
        raise OpsError(f"kubectl ended with {code}.")
    return 0


def _target(cluster: Cluster, what: str) -> list[str]:
    if what in DOORS:
        service = cluster.one(f"service.serving.knative.dev/{what}")
        if service is None:
            raise OpsError(f"There is no {what} in {cluster.namespace}.")
        container = service["spec"]["template"]["spec"]["containers"][0].get("name")
        # Beside it in each pod is Knative's queue-proxy, whose log is another matter.
        return ["-l", f"serving.knative.dev/service={what}", "-c", container or "user-container"]
    if what.startswith("db-"):
        return [f"statefulset/{what}"]
    if what.startswith("migrate-"):
        # The Job's own label is not on its pods.
        name = f"app.kubernetes.io/name={what.removeprefix('migrate-')}"
        return ["-l", f"{_COMPONENT}=migration,{name}", "--all-containers"]
    if what == "rabbitmq":
        return ["-l", f"{_COMPONENT}=rabbitmq", "-c", "rabbitmq"]
    raise WrongOptions(f"{what!r}: one of {', '.join(DOORS)}, db-NAME, migrate-NAME, rabbitmq.")


if __name__ == "__main__":
    sys.exit(run(logs))
