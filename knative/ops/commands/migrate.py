"""`nox -s migrate-cluster`: only the schemas, as `deploy` would bring them up to date.

For a change of the schema that is to go out long before the revision that uses it.
"""

import sys

from knative.ops.cli.errors import OpsError
from knative.ops.cli.option_list import PLACE, RENDERING
from knative.ops.cli.options import read
from knative.ops.cli.session import Session, run
from knative.ops.cluster.cluster import connect
from knative.ops.commands.deploy import prepared, rollout
from knative.ops.manifests import transforms

NAMES = (*PLACE, *RENDERING, "yes", "timeout", "take_over")


def migrate(session: Session) -> int:
    options = read(
        "migrate-cluster",
        NAMES,
        "Runs the migrations of the images that are named, and nothing else.",
        session.arguments,
        session.environ,
    )
    cluster = connect(session, options)
    items = prepared(session, options)
    cluster.namespace = transforms.namespace_of(items)
    question = f"Migrate in context {cluster.context}, namespace {cluster.namespace}?"
    if not session.console.confirm(question, assume=options.flag("yes")):
        raise OpsError("Nothing was changed.")
    # The settings that the Jobs read are made with the namespace.
    rollout(cluster, items, options).run(only=("namespace", "migrations"))
    return 0


if __name__ == "__main__":
    sys.exit(run(migrate))
