"""`nox -s canary -- purchase 10`: a part of the traffic for the newest revision.

The rest stays with the revision that carries most of it now. `promote` gives all
traffic to the newest, `rollback` none.
"""

import sys

from knative.ops.cli.errors import OpsError
from knative.ops.cli.options import CanaryOptions
from knative.ops.cli.session import Session, run
from knative.ops.cluster import traffic
from knative.ops.cluster.cluster import connect
from knative.ops.commands.traffic_commands import newest_ready, read_service, set_traffic


def canary(session: Session) -> int:
    options = session.options(CanaryOptions)
    name, percent = options.service, options.percent
    cluster = connect(session, options)
    service, revisions = read_service(cluster, name)
    newest = newest_ready(service)
    stable = traffic.stable(service, revisions)
    if stable == newest:
        raise OpsError(f"{newest} is the only revision of {name}.")
    session.console.print(f"{newest} gets {percent} %, {stable} keeps {100 - percent} %")
    set_traffic(cluster, name, f"@latest={percent}", f"{stable}={100 - percent}")
    return 0


if __name__ == "__main__":
    sys.exit(run(canary))
