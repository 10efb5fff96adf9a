"""The order that loses nothing, and which object belongs where.

Databases before the broker, so that nothing is sent that cannot be stored; Triggers before those
who publish, because RabbitMQ confirms an event that no queue takes, and drops it; migrations before
the revision that needs them; what wakes services by the clock last.
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
    # Nothing can be put into a namespace that is not there.
    found["namespace"].sort(key=lambda item: item["kind"] != "Namespace")
    return found
