"""`nox -s logs -- purchase`: logs of a service's pods, a database, RabbitMQ or a migration."""

import shlex
import signal
import sys

from knative.ops.cli.errors import OpsError, WrongOptions
from knative.ops.cli.options import LogsOptions
from knative.ops.cli.session import Session, run
from knative.ops.cli.values import KNATIVE_SERVICES
from knative.ops.cluster.cluster import Cluster, connect

_COMPONENT = "app.kubernetes.io/component"
_MAX_PODS = 20
"""That kubectl follows at once; its own default is five."""


def logs(session: Session) -> int:
    options = session.options(LogsOptions)
    cluster = connect(session, options)
    argv = ["logs", *_selection(cluster, options.source), "--prefix"]
    argv.append(f"--tail={options.tail}")
    if options.since:
        argv.append(f"--since={options.since}")
    if options.follow:
        argv += ["--follow", f"--max-log-requests={_MAX_PODS}"]
    program = cluster.kubectl_argv(*argv)
    session.console.command(shlex.join(program))
    if session.console.unread:  # `--follow` would not end
        return 0
    code = session.runner.stream(program, show=False)
    if code == -signal.SIGPIPE:  # the reader went away, as `head` does
        return 0
    if code:
        raise OpsError(f"kubectl exited with {code}.")
    return 0


def _selection(cluster: Cluster, source: str) -> list[str]:
    """kubectl's arguments that choose pods and container."""
    if source in KNATIVE_SERVICES:
        service = cluster.one(f"service.serving.knative.dev/{source}")
        if service is None:
            raise OpsError(f"There is no {source} in {cluster.namespace}.")
        container = service["spec"]["template"]["spec"]["containers"][0].get("name")
        # Each pod also runs Knative's queue-proxy, whose log is not wanted.
        return ["-l", f"serving.knative.dev/service={source}", "-c", container or "user-container"]
    if source.startswith("db-"):
        return [f"statefulset/{source}"]
    if source.startswith("migrate-"):
        # `-l` selects by the labels of the pods, which lack the Job's own.
        name = f"app.kubernetes.io/name={source.removeprefix('migrate-')}"
        return ["-l", f"{_COMPONENT}=migration,{name}", "--all-containers"]
    if source == "rabbitmq":
        return ["-l", f"{_COMPONENT}=rabbitmq", "-c", "rabbitmq"]
    known = ", ".join(KNATIVE_SERVICES)
    raise WrongOptions(f"{source!r} is none of {known}, db-NAME, migrate-SERVICE, rabbitmq.")


if __name__ == "__main__":
    sys.exit(run(logs))
