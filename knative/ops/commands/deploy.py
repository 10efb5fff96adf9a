"""`nox -s deploy`: the shop into a cluster, in an order that loses no event.

Preflight, confirmation, then phase by phase (`rollout/rollout.py`), then leftovers, traffic, a
smoke test through the ingress, and the addresses. Running it twice changes nothing; one that was
interrupted is run again.
"""

import shlex
import sys

from knative.ops.cli.options import DeployOptions, RenderOptions
from knative.ops.cli.session import Session, run
from knative.ops.cli.versions import pins
from knative.ops.cluster.cluster import Cluster, connect
from knative.ops.manifests import images, naming, transforms
from knative.ops.manifests.render import render
from knative.ops.objects import SERVING, Object, documents, of_kind
from knative.ops.rollout import (
    credentials,
    leftovers,
    preflight,
    signatures,
    smoke,
    staging,
    visitors,
)
from knative.ops.rollout.phases import by_phase
from knative.ops.rollout.rollout import Rollout


def deploy(session: Session) -> int:
    options = session.options(DeployOptions)
    console = session.console
    console.quiet = options.dry_run
    if options.dry_run and not options.context:
        console.result(preview(prepare(session, options), existing=None))
        return 0
    cluster = connect(session, options)
    items = prepare(session, options)
    cluster.namespace = transforms.namespace_of(items)
    console.heading("preflight")
    chosen = images.chosen(options, session.runner, images.RECORD)
    preflight.check(cluster, items, pins(), chosen.values())
    if options.verify:
        console.heading("signatures")
        signatures.verify(session.runner, signatures.deployed(items), options.verify)
    if options.dry_run:
        console.result(preview(items, existing=credentials.check(cluster, items)))
        return 0
    question = f"Deploy to context {cluster.context}, namespace {cluster.namespace}?"
    session.confirm(question, assume=options.yes)
    if options.staged:
        staging.pin(cluster, items)
    rollout_of(cluster, items, options).run()
    leftovers.delete_renamed(cluster, items)
    leftovers.report(cluster, items, delete=options.prune)
    staging.report(cluster, items)
    addresses = smoke.addresses(cluster, items, options.scheme)
    smoke.run(cluster, addresses, options)
    visitors.report(cluster, items, addresses)
    console.heading("The shop is open")
    console.table(list(addresses.items()))
    console.print("\nThe first admin's password, if this deploy created it:")
    console.command(_password_command(cluster))
    return 0


def prepare(session: Session, options: RenderOptions) -> list[Object]:
    """The objects, rendered, with revisions and Jobs named by their content."""
    items = render(options, images.chosen(options, session.runner, images.RECORD), session.runner)
    naming.name_jobs(items)
    naming.name_revisions(items)
    return items


def rollout_of(cluster: Cluster, items: list[Object], options: RenderOptions) -> Rollout:
    mapped = of_kind(items, "DomainMapping", SERVING)
    return Rollout(
        cluster,
        items,
        timeout=float(options.timeout),
        take_over=options.take_over,
        admin_email=options.admin_email or f"admin@{options.domain or 'bookstore.example'}",
        catalog_url_is_final=any(each["spec"]["ref"]["name"] == "catalog" for each in mapped),
    )


def preview(items: list[Object], *, existing: set[str] | None) -> str:
    """All objects, phase by phase; of Secrets only names and keys."""
    parts = []
    for phase, objects in by_phase(items).items():
        parts.append(f"# phase: {phase}\n")
        if phase == "namespace":
            for credential in credentials.wanted(items, "admin"):
                kept = existing and credential.name in existing
                keys = ", ".join(credential.values)
                state = "kept" if kept else "created if it is missing"
                parts.append(f"# Secret {credential.name} ({keys}): {state}\n")
        if objects:
            parts.append(f"---\n{documents(objects)}")
    return "".join(parts).rstrip("\n")


def _password_command(cluster: Cluster) -> str:
    path = "jsonpath={.data.password}"
    argv = cluster.kubectl_argv("get", f"secret/{credentials.ADMIN}", "-o", path)
    return f"{shlex.join(argv)} | base64 -d"


if __name__ == "__main__":
    sys.exit(run(deploy))
