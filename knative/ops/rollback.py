"""`nox -s rollback -- purchase`: all traffic back to the revision that had it before.

That pins it: a revision which is deployed later gets nothing until `promote` or `canary`. The
schema stays as it is, which the older revision can work with: migrations only add, until a release
later (CONTRIBUTING.md).
"""

import sys

from knative.ops import traffic
from knative.ops.edits import is_public
from knative.ops.entry import Session, run
from knative.ops.errors import OpsError
from knative.ops.moving import look, move, options_of


def rollback(session: Session) -> int:
    options = options_of(
        session,
        "rollback",
        "Gives all of a service's traffic back to the revision before the newest.",
        "to",
        positionals=("service",),
    )
    name = options.text("service")
    cluster = session.cluster(options)
    service, revisions = look(cluster, name)
    ready = [each["metadata"]["name"] for each in traffic.ready_ones(revisions)]
    target = options.text("to") or traffic.stable(service, revisions)
    if target not in ready:
        raise OpsError(f"{target} is no ready revision of {name}; there are {', '.join(ready)}.")
    if traffic.percent_of(service, target) == 100 and not options.text("to"):
        raise OpsError(
            f"All traffic of {name} goes to {target} already. To go back further: --to,"
            f" one of {', '.join(each for each in ready if each != target)}."
        )
    session.console.say(f"{target} gets everything; newer revisions get nothing until promote")
    move(cluster, name, f"{target}=100")
    if is_public(service):
        session.console.say(
            f"{name}-internal is as it was: rollback -- {name}-internal, if need be."
        )
    return 0


if __name__ == "__main__":
    sys.exit(run(rollback))
