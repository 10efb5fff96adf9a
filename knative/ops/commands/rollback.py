"""`nox -s rollback -- purchase`: all traffic back to the revision that had it before.

That pins the traffic: a revision which is deployed later gets none until `promote` or `canary`. The
schema stays as it is; the older revision can work with it, because migrations only add, and remove
a release later (CONTRIBUTING.md).
"""

import sys
from collections.abc import Sequence

from knative.ops.cli import invocation
from knative.ops.cli.errors import OpsError
from knative.ops.cli.options import RollbackOptions
from knative.ops.cli.session import Session, run
from knative.ops.cli.values import KNATIVE_SERVICES
from knative.ops.cluster import traffic
from knative.ops.cluster.cluster import connect
from knative.ops.commands.traffic_commands import read_service, set_traffic


def rollback(session: Session) -> int:
    options = session.options(RollbackOptions)
    name = options.service
    cluster = connect(session, options)
    service, revisions = read_service(cluster, name)
    ready = [each["metadata"]["name"] for each in traffic.ready_revisions(revisions)]
    target = options.to or traffic.stable(service, revisions)
    if target not in ready:
        raise OpsError(
            f"{target} is not a ready revision of {name}. Ready: {', '.join(ready) or 'none'}."
        )
    if traffic.percent_of(service, target) == 100 and not options.to:
        raise OpsError(_already_there(name, target, ready))
    session.console.print(f"{target} gets all traffic; newer revisions get none until promote")
    set_traffic(cluster, name, f"{target}=100")
    if (internal := f"{name}-internal") in KNATIVE_SERVICES:
        command = invocation.command(f"rollback -- {internal}")
        session.console.print(f"The internal API is unchanged. To roll it back too: {command}")
    return 0


def _already_there(name: str, target: str, ready: Sequence[str]) -> str:
    """A message for a rollback without effect; `ready` begins with the oldest revision."""
    place = ready.index(target)
    older, newer = ready[:place], ready[place + 1 :]
    text = f"All traffic of {name} goes to {target} already."
    if older:
        text += f" To go back further: --to, one of {', '.join(older)}."
    else:
        text += " It is the oldest ready revision: there is none to go back to."
    return text + (f" Newer, for promote, canary or --to: {', '.join(newer)}." if newer else "")


if __name__ == "__main__":
    sys.exit(run(rollback))
