"""`nox -s promote -- purchase`: all traffic to the newest revision, and to later ones."""

import sys

from knative.ops.cli.options import PromoteOptions
from knative.ops.cli.session import Session, run
from knative.ops.cluster.cluster import connect
from knative.ops.commands.traffic_commands import newest_ready, read_service, set_traffic


def promote(session: Session) -> int:
    options = session.options(PromoteOptions)
    cluster = connect(session, options)
    service, _ = read_service(cluster, options.service)
    session.console.print(f"{newest_ready(service)} gets all traffic, and so will later revisions")
    set_traffic(cluster, options.service, "@latest=100")
    return 0


if __name__ == "__main__":
    sys.exit(run(promote))
