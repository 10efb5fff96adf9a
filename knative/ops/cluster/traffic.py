"""The split of a service's traffic over its revisions, and the revision to go back to.

Pure functions on `kn revision list` and a service's status. Only kn sets traffic: no manifest has
any, so that a deploy never undoes a split.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from knative.ops.cli.errors import OpsError
from knative.ops.cluster.readiness import conditions
from knative.ops.objects import Object

GENERATION = "serving.knative.dev/configurationGeneration"
ROUTING_STATE = "serving.knative.dev/routingState"
ROUTING_STATE_MODIFIED = "serving.knative.dev/routingStateModified"


@dataclass(frozen=True)
class Share:
    revision: str
    percent: int
    follows_newest: bool
    """It moves to every newer revision that becomes ready."""
    tag: str = ""


def shares(service: Object) -> list[Share]:
    return [
        Share(
            target.get("revisionName", ""),
            target.get("percent") or 0,
            bool(target.get("latestRevision")),
            target.get("tag", ""),
        )
        for target in service.get("status", {}).get("traffic") or ()
    ]


def newest(service: Object) -> str:
    """The newest ready revision, which is kn's `@latest`."""
    name: str = service.get("status", {}).get("latestReadyRevisionName", "")
    return name


def percent_of(service: Object, revision: str) -> int:
    return sum(share.percent for share in shares(service) if share.revision == revision)


def asked(service: Object) -> dict[str, int]:
    """The percentage of each revision that is to have traffic, whether or not it has it yet."""
    found: dict[str, int] = {}
    for target in service.get("spec", {}).get("traffic") or [{"percent": 100}]:
        revision = target.get("revisionName") or newest(service)
        found[revision] = found.get(revision, 0) + (target.get("percent") or 0)
    return {revision: percent for revision, percent in found.items() if percent}


def is_pinned(service: Object) -> bool:
    """Whether a new revision gets no traffic by itself. During a canary it gets the canary's."""
    targets = service.get("spec", {}).get("traffic") or [{"latestRevision": True, "percent": 100}]
    return not any(each.get("latestRevision") and each.get("percent") for each in targets)


def stable(service: Object, revisions: Sequence[Object]) -> str:
    """The revision that carries the traffic while the newest is tried.

    Of the revisions with traffic that are not the newest, the one with the most; else the one that
    had it last. That is not always the one before: a canary that was rolled back may lie between.
    Raises `OpsError` where there is none.
    """
    latest = newest(service)
    serving = sorted(
        (share for share in shares(service) if share.revision != latest and share.percent),
        key=lambda share: share.percent,
    )
    if serving:
        return serving[-1].revision
    earlier = [each for each in ready_revisions(revisions) if each["metadata"]["name"] != latest]
    if not earlier:
        raise OpsError(
            f"{service['metadata']['name']} has only one ready revision, {latest or 'none'}: there"
            " is no other to share the traffic with."
        )
    name: str = max(earlier, key=_left_at)["metadata"]["name"]
    return name


def ready_revisions(revisions: Sequence[Object]) -> list[Object]:
    """Oldest first. A revision that is scaled to zero is ready too."""
    ready = [
        each for each in revisions if conditions(each).get("Ready", {}).get("status") == "True"
    ]
    return sorted(ready, key=_age)


def _left_at(revision: Object) -> tuple[str, tuple[int, str]]:
    """Sorts by the time at which a revision lost its last traffic; "" for one that never had any.

    Knative writes it when a revision is in no route any more (pkg/reconciler/labeler).
    """
    metadata = revision["metadata"]
    was_routed = metadata.get("labels", {}).get(ROUTING_STATE) == "reserve"
    left_at = metadata.get("annotations", {}).get(ROUTING_STATE_MODIFIED, "") if was_routed else ""
    return left_at, _age(revision)


def _age(revision: Object) -> tuple[int, str]:
    metadata = revision["metadata"]
    generation = metadata.get("labels", {}).get(GENERATION, "0")
    return int(generation), metadata.get("creationTimestamp", "")


def describe(service: Object) -> str:
    parts = [
        f"{share.percent} % {share.revision}"
        + (" (follows the newest)" if share.follows_newest else "")
        + (f" [{share.tag}]" if share.tag else "")
        for share in shares(service)
    ]
    return ", ".join(parts) or "none yet"
