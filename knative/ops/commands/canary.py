"""`nox -s canary -- purchase 10`: a part of the traffic for the newest revision.

The rest stays with the revision that carries it now. `promote` gives it all, `rollback` none.
"""

import sys

from knative.ops.cli.errors import OpsError, WrongOptions
from knative.ops.cli.session import Session, run
from knative.ops.cluster import traffic
from knative.ops.cluster.cluster import connect
from knative.ops.commands.traffic_commands import look, move, newest_of, options_of


def canary(session: Session) -> int:
    options = options_of(
        session,
        "canary",
        "Gives a part of a service's traffic to its newest revision.",
        positionals=("service", "percent"),
    )
    name, percent = options.text("service"), options.number("percent")
    if not 0 <= percent <= 100:
        raise WrongOptions(f"{percent} is no percentage.")
    cluster = connect(session, options)
    service, revisions = look(cluster, name)
    newest = newest_of(service)
    stable = traffic.stable(service, revisions)
    if stable == newest:
        raise OpsError(f"{newest} is the only revision of {name}.")
    session.console.say(f"{newest} gets {percent} %, {stable} keeps {100 - percent} %")
    move(cluster, name, f"@latest={percent}", f"{stable}={100 - percent}")
    return 0


if __name__ == "__main__":
    sys.exit(run(canary))
