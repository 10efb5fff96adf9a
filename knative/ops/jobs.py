"""Migrations: each is a Job named by its content, so a finished one is not run again.

One that failed shows its log, and is run again by the next deploy: what it does, it does once, and
goes on where it ended (kit/data/migrations.py). One that an earlier deploy has left trying is
ended first: its image is not wanted any more, and would go on being tried beside the new one's.
"""

from collections.abc import Sequence

from knative.ops.cluster import Cluster, Object, key_of, reference
from knative.ops.edits import PART_OF, of_kind
from knative.ops.readiness import state_of
from knative.ops.waiting import until_ready

_LOG_LINES = 30
MIGRATIONS = ",".join(
    f"{key}={value}"
    for key, value in {**PART_OF, "app.kubernetes.io/component": "migration"}.items()
)


def migrate(cluster: Cluster, items: Sequence[Object], *, timeout: float, take_over: bool) -> None:
    """Raises `OpsError` where a migration fails; nothing after it may then go out."""
    jobs = of_kind(items, "Job", "batch")
    others = [item for item in items if item not in jobs]
    if others:
        cluster.apply(others, take_over=take_over)
    there = {key_of(each): each for each in cluster.get(reference(job) for job in jobs)}
    _end_superseded(cluster, jobs)
    due = [job for job in jobs if not _done(cluster, there.get(key_of(job)))]
    if due:
        cluster.apply(due, take_over=take_over)
        until_ready(cluster, "migrations", due, timeout=timeout)


def _end_superseded(cluster: Cluster, jobs: Sequence[Object]) -> None:
    wanted = {key_of(job) for job in jobs}
    for job in cluster.every("jobs.batch", selector=MIGRATIONS):
        state = state_of(job)
        if key_of(job) in wanted or state.ready or state.ended:
            continue
        name = job["metadata"]["name"]
        cluster.runner.console.say(f"  ended  {name}: of an earlier deploy, {state.detail}")
        # In the foreground: its pod is gone, and with it the lock, when the next one begins.
        cluster.kubectl(
            *("delete", reference(job), "--cascade=foreground", "--wait=true"),
            show=True,
            timeout=300.0,
        )


def _done(cluster: Cluster, job: Object | None) -> bool:
    console = cluster.runner.console
    if job is None:
        return False
    name = job["metadata"]["name"]
    state = state_of(job)
    if state.ready:
        console.say(f"  ok     {name}: done before")
        return True
    if state.failed:
        console.warn(f"{name} failed the last time ({state.detail}), and is run again:")
        for line in log_of(cluster, name).splitlines():
            console.say(f"      | {line}")
        cluster.kubectl("delete", reference(job), "--wait=true", show=True)
    return False


def log_of(cluster: Cluster, job: str) -> str:
    """The last lines of its newest pod; "" where there is none."""
    result = cluster.kubectl(
        "logs", f"job/{job}", f"--tail={_LOG_LINES}", "--all-containers", check=False
    )
    return result.stdout.strip() if result.code == 0 else ""
