"""`nox -s promote -- purchase`: all traffic to the newest revision, and to those that follow it."""

import sys

from knative.ops.cli.session import Session, run
from knative.ops.cluster.cluster import connect
from knative.ops.commands.traffic_commands import look, move, newest_of, options_of


def promote(session: Session) -> int:
    options = options_of(
        session,
        "promote",
        "Gives all of a service's traffic to its newest revision.",
        positionals=("service",),
    )
    name = options.text("service")
    cluster = connect(session, options)
    service, _ = look(cluster, name)
    session.console.say(f"{newest_of(service)} gets everything, and so will every newer revision")
    move(cluster, name, "@latest=100")
    return 0


if __name__ == "__main__":
    sys.exit(run(promote))
