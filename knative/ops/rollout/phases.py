"""The order of a rollout, and the phase of each object.

Databases before the broker, so that every event that is delivered can be stored. Triggers before
the services that publish, because RabbitMQ's broker confirms and drops an event without a
queue. Migrations before the revision that needs them. The storefront is the last of the services
(`rollout.py`), because its pages call new routes of the others. PingSources last.
"""

from collections.abc import Iterable

from knative.ops.cli.errors import OpsError, listed
from knative.ops.manifests.transforms import PHASE
from knative.ops.objects import Object

PHASES = (
    "namespace",
    "databases",
    "broker",
    "triggers",
    "migrations",
    "services",
    "sources",
)


def by_phase(items: Iterable[Object]) -> dict[str, list[Object]]:
    """Raises `OpsError`, which names every object without a phase."""
    found: dict[str, list[Object]] = {phase: [] for phase in PHASES}
    wrong = []
    for item in items:
        metadata = item["metadata"]
        phase = metadata.get("annotations", {}).get(PHASE, "")
        if phase in found:
            found[phase].append(item)
        else:
            wrong.append(f"{item['kind']} {metadata['name']}: {phase or 'none'}")
    if wrong:
        raise OpsError(
            listed(f"Each object needs the annotation {PHASE}, one of {', '.join(PHASES)}:", wrong)
        )
    # The Namespace itself comes before what is in it.
    found["namespace"].sort(key=lambda item: item["kind"] != "Namespace")
    return found
