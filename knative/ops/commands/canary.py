"""`nox -s canary -- purchase 10`: a part of the traffic for the newest revision.

The rest stays with the revision that carries most of it now. `promote` gives all traffic to the
newest, `rollback` none. `--auto` moves the traffic by itself (`rollout/automatic_canary.py`).
"""

import sys
from datetime import UTC, datetime
from functools import partial

from knative.ops.cli import invocation
from knative.ops.cli.errors import OpsError, WrongOptions
from knative.ops.cli.options import CanaryOptions
from knative.ops.cli.session import Session, run
from knative.ops.cluster import requests, traffic
from knative.ops.cluster.cluster import Cluster, connect
from knative.ops.commands.traffic_commands import newest_ready, read_service, set_traffic
from knative.ops.objects import Object
from knative.ops.rollout import automatic_canary


def canary(session: Session) -> int:
    options = session.options(CanaryOptions)
    name, percent = options.service, options.percent
    if options.auto == (percent is not None):
        raise WrongOptions("Give either a percentage, such as `purchase 10`, or --auto.")
    cluster = connect(session, options)
    service, revisions = read_service(cluster, name)
    newest = newest_ready(service)
    if percent is None and traffic.percent_of(service, newest) == 100:
        # Also of a service that is new, or that a release has not changed.
        session.console.print(f"{newest} has all traffic of {name}: there is nothing to move.")
        return 0
    stable = traffic.stable(service, revisions)
    if percent is None:
        return _automatic(session, options, cluster, service, old=stable, new=newest)
    session.console.print(f"{newest} gets {percent} %, {stable} keeps {100 - percent} %")
    set_traffic(cluster, name, f"@latest={percent}", f"{stable}={100 - percent}")
    return 0


def _automatic(
    session: Session,
    options: CanaryOptions,
    cluster: Cluster,
    service: Object,
    *,
    old: str,
    new: str,
) -> int:
    if options.prometheus:
        now = partial(datetime.now, UTC)
        source = requests.from_prometheus(options.prometheus, cluster.namespace, now)
    else:
        container = service["spec"]["template"]["spec"]["containers"][0].get("name")
        source = requests.from_logs(cluster, container or "user-container")
    plan = automatic_canary.Plan(
        options.service,
        old,
        new,
        step_seconds=float(options.step_seconds),
        samples=options.samples,
        patience=float(options.patience),
    )
    console, name = session.console, options.service
    console.print(f"The traffic of {name} is now: {traffic.describe(service)}.")
    if part := traffic.percent_of(service, new):
        console.print(
            f"{new} has {part} %, from an earlier run or by hand: it begins again at the first"
            " step."
        )
    move = partial(set_traffic, cluster, name)
    split = partial(_split, cluster, name)
    try:
        if not automatic_canary.advance(plan, source, move, split, console, session.clock):
            return 1
        _promote(cluster, name, new)
    except (KeyboardInterrupt, OpsError):
        console.print(f"\nThe traffic of {name} stays: {_described(cluster, name)}.")
        console.print(f"To go on: {invocation.command('canary')} -- {name} --auto")
        console.print(f"To go back: {invocation.command('rollback')} -- {name}")
        raise
    return 0


def _split(cluster: Cluster, name: str) -> dict[str, int]:
    service = cluster.one(f"service.serving.knative.dev/{name}")
    if service is None:
        raise automatic_canary.SplitChanged(f"There is no {name} in {cluster.namespace} any more.")
    return traffic.asked(service)


def _promote(cluster: Cluster, name: str, new: str) -> None:
    """All traffic for the revision that was compared, and for later ones where it is the newest."""
    console = cluster.runner.console
    console.heading(f"all traffic for {new}")
    service, _ = read_service(cluster, name)
    if service.get("status", {}).get("latestCreatedRevisionName") == new:
        set_traffic(cluster, name, "@latest=100")
        return
    set_traffic(cluster, name, f"{new}=100")
    console.warn(
        f"a newer revision than {new} was deployed meanwhile, and gets no traffic:"
        f" {invocation.command('canary')} -- {name} --auto"
    )


def _described(cluster: Cluster, name: str) -> str:
    try:
        service, _ = read_service(cluster, name)
    except OpsError as error:
        return f"as it was last set above; it cannot be read ({str(error).splitlines()[0]})"
    return traffic.describe(service)


if __name__ == "__main__":
    sys.exit(run(canary))
