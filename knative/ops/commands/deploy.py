"""`nox -s deploy`: the shop into a cluster, in the order that loses nothing.

Preflight, confirmation, then phase by phase (`rollout.py`), then what is left over, who gets the
traffic, a smoke test through the ingress, and the addresses. Running it twice changes nothing; one
that was interrupted is run again.
"""

import shlex
import sys

from knative.ops.cli.errors import OpsError
from knative.ops.cli.option_list import PLACE, RENDERING
from knative.ops.cli.options import Options, read
from knative.ops.cli.session import Session, run
from knative.ops.cli.versions import pins
from knative.ops.cluster.cluster import Cluster, connect
from knative.ops.manifests import images, naming, transforms
from knative.ops.manifests.render import render
from knative.ops.objects import SERVING, Object, documents, of_kind
from knative.ops.rollout import credentials, leftovers, preflight, smoke, staging
from knative.ops.rollout.phases import by_phase
from knative.ops.rollout.rollout import Rollout

NAMES = (
    *PLACE, *RENDERING, "yes", "timeout", "dry_run", "staged", "take_over", "prune", "smoke",
    "ingress",
)  # fmt: skip
ABOUT = "Brings the shop to a Knative cluster, or brings the shop that is there up to date."


def deploy(session: Session) -> int:
    options = read("deploy", NAMES, ABOUT, session.arguments, session.environ)
    if options.flag("dry_run") and not options.text("context"):
        session.console.quiet = True
        items = prepared(session, options)
        session.console.result(would_apply(items, there=None))
        return 0
    cluster = connect(session, options)
    if options.flag("dry_run"):
        session.console.quiet = True
    items = prepared(session, options)
    cluster.namespace = transforms.namespace_of(items)
    console = session.console
    console.heading("preflight")
    preflight.check(cluster, items, pins())
    if options.flag("dry_run"):
        console.result(would_apply(items, there=credentials.check(cluster, items)))
        return 0
    question = f"Deploy to context {cluster.context}, namespace {cluster.namespace}?"
    if not console.confirm(question, assume=options.flag("yes")):
        raise OpsError("Nothing was changed.")
    if options.flag("staged"):
        staging.pin(cluster, items)
    rollout(cluster, items, options).run()
    leftovers.report(cluster, items, delete=options.flag("prune"))
    staging.report(cluster, items)
    addresses = smoke.addresses(cluster, items, options.text("scheme"))
    smoke.run(cluster, addresses, options)
    console.heading("The shop is open")
    for name, url in addresses.items():
        console.say(f"  {name:<10} {url}")
    console.say("\nThe first admin's password, if this deploy made it:")
    console.command(_password_command(cluster))
    return 0


def prepared(session: Session, options: Options) -> list[Object]:
    """The objects, rendered and named by their content."""
    items = render(options, images.chosen(options, session.runner, images.RECORD), session.runner)
    naming.name_jobs(items)
    naming.name_revisions(items)
    return items


def rollout(cluster: Cluster, items: list[Object], options: Options) -> Rollout:
    mapped = of_kind(items, "DomainMapping", SERVING)
    return Rollout(
        cluster,
        items,
        timeout=float(options.number("timeout")),
        take_over=options.flag("take_over"),
        admin_email=options.text("admin_email") or _default_admin(options),
        addressed=any(each["spec"]["ref"]["name"] == "catalog" for each in mapped),
    )


def would_apply(items: list[Object], *, there: set[str] | None) -> str:
    """Everything, phase by phase; of Secrets only their names."""
    parts = []
    for phase, objects in by_phase(items).items():
        parts.append(f"# phase: {phase}\n")
        if phase == "namespace":
            for credential in credentials.wanted(items, "admin"):
                state = "kept" if there and credential.name in there else "made if it is missing"
                keys = ", ".join(credential.values)
                parts.append(f"# Secret {credential.name} ({keys}): {state}\n")
        if objects:
            parts.append(f"---\n{documents(objects)}")
    return "".join(parts).rstrip("\n")


def _default_admin(options: Options) -> str:
    return f"admin@{options.text('domain') or 'bookstore.example'}"


def _password_command(cluster: Cluster) -> str:
    path = "jsonpath={.data.password}"
    argv = cluster.kubectl_argv("get", f"secret/{credentials.ADMIN}", "-o", path)
    return f"{shlex.join(argv)} | base64 -d"


if __name__ == "__main__":
    sys.exit(run(deploy))
