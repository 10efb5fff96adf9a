"""`nox -s seed -- --context NAME`: books and delivery providers for a deployed shop.

It adds what is missing, as the first admin, through the ingress. The password goes to the program
that does it by its environment, and is printed nowhere.
"""

import base64
import sys

from knative.ops.cli.errors import OpsError
from knative.ops.cli.options import ROOT, SeedOptions
from knative.ops.cli.runner import Runner
from knative.ops.cli.session import Session, run
from knative.ops.cluster.cluster import Cluster, connect
from knative.ops.cluster.ingress import open_route
from knative.ops.objects import SELECTOR
from knative.ops.rollout import credentials, smoke

SEEDED = ("auth", "catalog", "purchase")
"""The public APIs that books and providers are added by."""


def seed(session: Session) -> int:
    options = session.options(SeedOptions)
    cluster = connect(session, options)
    urls = _addresses(cluster, options.scheme)
    email, password = _admin(cluster)
    environ = {**session.environ, "SEED_EMAIL": email, "SEED_PASSWORD": password}
    runner = Runner(session.console, environ=environ, clock=session.clock)
    with open_route(cluster, urls, options.ingress) as route:
        argv = [sys.executable, "-m", "functions.local.seed"]
        argv += [part for name, url in urls.items() for part in (f"--{name}", url)]
        argv += ["--via", f"{route.host}:{route.port}"] if route.host else []
        argv += ["--books", options.books] if options.books else []
        code = runner.stream(argv, cwd=ROOT)
    if code:
        raise OpsError("Not everything was added. Run it again: what is there stays.")
    return 0


def _addresses(cluster: Cluster, scheme: str) -> dict[str, str]:
    """Of the public APIs. Raises `OpsError` where they are not deployed."""
    kinds = ("services.serving.knative.dev", "domainmappings.serving.knative.dev")
    items = [item for kind in kinds for item in cluster.every(kind, selector=SELECTOR)]
    found = smoke.addresses(cluster, items, scheme)
    urls = {name: found[name] for name in SEEDED if name in found}
    if len(urls) < len(SEEDED):
        raise OpsError(f"No shop is deployed in {cluster.namespace}.")
    return urls


def _admin(cluster: Cluster) -> tuple[str, str]:
    secret = cluster.one(f"secret/{credentials.ADMIN}")
    if secret is None:
        raise OpsError(
            f"There is no Secret {credentials.ADMIN}: deploy makes it, and may have been told not"
            " to. Import books as a member of staff instead: POST /books/import."
        )
    try:
        email, password = (
            base64.b64decode(secret["data"][name]).decode() for name in ("email", "password")
        )
    except (KeyError, ValueError) as error:
        raise OpsError(
            f"The Secret {credentials.ADMIN} has not the keys email and password, as deploy makes"
            " it. Correct it, or import books as a member of staff: POST /books/import."
        ) from error
    cluster.runner.hide(password)
    return email, password


if __name__ == "__main__":
    sys.exit(run(seed))
