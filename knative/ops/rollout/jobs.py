"""Migrations: Jobs that are named by their content, so that a finished one does not run again.

The log of a failed one is shown, and the next deploy runs it again: each operation of a migration
takes effect once, and it continues where it ended (functions/kit/data/migrations.py). One that an
earlier deploy left running is deleted first, so that its image is not retried beside the new one's.
"""

from collections.abc import Sequence

from knative.ops.cluster.cluster import Cluster
from knative.ops.cluster.readiness import state_of
from knative.ops.cluster.waiting import until_ready
from knative.ops.objects import SELECTOR, Object, key_of, of_kind, reference

_LOG_LINES = 30
MIGRATIONS = f"{SELECTOR},app.kubernetes.io/component=migration"


def migrate(cluster: Cluster, items: Sequence[Object], *, timeout: float, take_over: bool) -> None:
    """Raises `OpsError` where a migration fails; no later phase may then run."""
    jobs = of_kind(items, "Job", "batch")
    others = [item for item in items if item not in jobs]
    if others:
        cluster.apply(others, take_over=take_over)
    existing = {key_of(each): each for each in cluster.get(reference(job) for job in jobs)}
    _delete_superseded(cluster, jobs)
    pending = [job for job in jobs if not _is_done(cluster, existing.get(key_of(job)))]
    if pending:
        cluster.apply(pending, take_over=take_over)
        until_ready(cluster, "migrations", pending, timeout=timeout)


def _delete_superseded(cluster: Cluster, jobs: Sequence[Object]) -> None:
    wanted = {key_of(job) for job in jobs}
    for job in cluster.every("jobs.batch", selector=MIGRATIONS):
        state = state_of(job)
        if key_of(job) in wanted or state.ready or state.ended:
            continue
        name = job["metadata"]["name"]
        cluster.runner.console.print(f"  deleting {name}: of an earlier deploy, {state.detail}")
        # In the foreground, so that its pod, which holds the lock, is gone before the next begins.
        cluster.kubectl(
            *("delete", reference(job), "--cascade=foreground", "--wait=true"),
            show=True,
            timeout=300.0,
        )


def _is_done(cluster: Cluster, job: Object | None) -> bool:
    """Whether it need not run; one that failed is deleted, so that it can be created again."""
    console = cluster.runner.console
    if job is None:
        return False
    name = job["metadata"]["name"]
    state = state_of(job)
    if state.ready:
        console.print(f"  ok     {name}: done earlier")
        return True
    if state.failed:
        console.warn(f"{name} failed the last time ({state.detail}), and runs again. Its log:")
        for line in log_of(cluster, name).splitlines():
            console.print(f"      | {line}")
        cluster.kubectl("delete", reference(job), "--wait=true", show=True)
    return False


def log_of(cluster: Cluster, job: str) -> str:
    """The last lines of its newest pod; "" where there is none."""
    result = cluster.kubectl(
        "logs", f"job/{job}", f"--tail={_LOG_LINES}", "--all-containers", check=False
    )
    return result.stdout.strip() if result.code == 0 else ""
