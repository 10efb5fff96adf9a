"""`nox -s rollback -- purchase`: all traffic back to the revision that had it before.

That pins it: a revision which is deployed later gets nothing until `promote` or `canary`. The
schema stays as it is, which the older revision can work with: migrations only add, until a release
later (CONTRIBUTING.md).
"""

import sys
from collections.abc import Sequence

from knative.ops.cli.errors import OpsError
from knative.ops.cli.session import Session, run
from knative.ops.cluster import traffic
from knative.ops.cluster.cluster import connect
from knative.ops.commands.traffic_commands import look, move, options_of
from knative.ops.objects import is_public


def rollback(session: Session) -> int:
    options = options_of(
        session,
        "rollback",
        "Gives all of a service's traffic back to the revision before the newest.",
        "to",
        positionals=("service",),
    )
    name = options.text("service")
    cluster = connect(session, options)
    service, revisions = look(cluster, name)
    ready = [each["metadata"]["name"] for each in traffic.ready_ones(revisions)]
    target = options.text("to") or traffic.stable(service, revisions)
    if target not in ready:
        raise OpsError(f"{target} is no ready revision of {name}; there are {', '.join(ready)}.")
    if traffic.percent_of(service, target) == 100 and not options.text("to"):
        raise OpsError(_no_further(name, target, ready))
    session.console.say(f"{target} gets everything; newer revisions get nothing until promote")
    move(cluster, name, f"{target}=100")
    if is_public(service):
        session.console.say(
            f"{name}-internal is as it was: rollback -- {name}-internal, if need be."
        )
    return 0


def _no_further(name: str, target: str, ready: Sequence[str]) -> str:
    """What there is besides the revision that has all traffic; `ready` has the oldest first."""
    place = ready.index(target)
    older, newer = ready[:place], ready[place + 1 :]
    back = f" To go back further: --to, one of {', '.join(older)}." if older else ""
    back = back or " It is the oldest revision that is ready: there is none to go back to."
    forward = f" Newer, for promote, canary or --to: {', '.join(newer)}." if newer else ""
    return f"All traffic of {name} goes to {target} already.{back}{forward}"


if __name__ == "__main__":
    sys.exit(run(rollback))
