"""`nox -s migrate-cluster`: the migrations alone, as `deploy` would run them.

For a change of the schema that must be deployed long before the revision that uses it.
"""

import sys

from knative.ops.cli.options import MigrateOptions
from knative.ops.cli.session import Session, run
from knative.ops.cluster.cluster import connect
from knative.ops.commands.deploy import prepare, rollout_of
from knative.ops.manifests import transforms


def migrate(session: Session) -> int:
    options = session.options(MigrateOptions)
    cluster = connect(session, options)
    items = prepare(session, options)
    cluster.namespace = transforms.namespace_of(items)
    question = f"Migrate in context {cluster.context}, namespace {cluster.namespace}?"
    session.confirm(question, assume=options.yes)
    # The ConfigMaps that the Jobs read belong to the phase `namespace`.
    rollout_of(cluster, items, options).run(only=("namespace", "migrations"))
    return 0


if __name__ == "__main__":
    sys.exit(run(migrate))
