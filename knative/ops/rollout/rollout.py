"""The phases, one after the other: apply, then wait until what was applied is as it should be.

Each can be run again: server-side apply of the same content changes nothing, a Secret that is there
stays, a migration that is done is not repeated. So an interrupted deploy just starts from the top.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from knative.ops.cluster.cluster import Cluster
from knative.ops.cluster.readiness import state_of
from knative.ops.cluster.waiting import Judge, until_ready
from knative.ops.manifests import naming
from knative.ops.manifests.transforms import CATALOG_URL, set_environment
from knative.ops.objects import Object, key_of, knative_services, of_kind, reference
from knative.ops.rollout import credentials, jobs, stuck_pods, triggers
from knative.ops.rollout.phases import by_phase

ASKS_FOR_BOOKS, SHOWS_BOOKS = CATALOG_URL[0], "catalog"


@dataclass
class Rollout:
    cluster: Cluster
    items: list[Object]
    timeout: float = 900.0
    take_over: bool = False
    admin_email: str = ""
    addressed: bool = False
    """The public address of the catalogue is settled: by --domain, or by the overlay's mapping."""

    def run(self, only: Sequence[str] = ()) -> None:
        console = self.cluster.runner.console
        for phase, items in by_phase(self.items).items():
            if only and phase not in only:
                continue
            console.heading(phase)
            match phase:
                case "namespace":
                    self._apply(items)
                    self.make_secrets()
                case "broker":
                    # RabbitMQ first: who asks a server that is not up yet is made to wait longer
                    # each time, for many minutes in the end.
                    servers = of_kind(items, "RabbitmqCluster", "rabbitmq.com")
                    self._apply(servers, "RabbitMQ")
                    self._apply([each for each in items if each not in servers], phase)
                case "triggers":
                    self._apply(items, "Triggers", judge=triggers.state_without_services)
                case "migrations":
                    jobs.migrate(
                        self.cluster, items, timeout=self.timeout, take_over=self.take_over
                    )
                case "services":
                    self._services(items)
                case _:
                    self._apply(items, phase)

    def make_secrets(self) -> None:
        there = credentials.check(self.cluster, self.items)
        credentials.create(self.cluster, self.items, there, self.admin_email)

    def _services(self, items: Sequence[Object]) -> None:
        consumers, rest = triggers.consumers_first(items, self.items)
        if consumers:
            self._apply(consumers, "doors that Triggers call")
            # Now every Trigger's sinks have an address, so that its queue can be made; whoever
            # publishes more than these follows.
            until_ready(
                self.cluster, "Triggers", triggers.triggers(self.items), timeout=self.timeout
            )
        if not self._catalog_is_known(rest):
            last = [each for each in rest if _named(each, ASKS_FOR_BOOKS)]
            self._apply([each for each in rest if each not in last], "doors")
            self._catalog_is_known(last)
            rest = last
        self._apply(rest, "doors")

    def _catalog_is_known(self, items: Sequence[Object]) -> bool:
        """Tell purchase where the catalogue is, as soon as Knative has given it its address."""
        asking = [each for each in items if _named(each, ASKS_FOR_BOOKS)]
        if self.addressed or not asking:
            return True
        catalog = self.cluster.one(f"service.serving.knative.dev/{SHOWS_BOOKS}")
        url = (catalog or {}).get("status", {}).get("url", "")
        if not url:
            return False
        if urlsplit(url).hostname != urlsplit(_said(self.items)).hostname:
            set_environment(asking, *CATALOG_URL, url)
            naming.name_revisions(self.items)
        return True

    def _apply(self, items: Sequence[Object], title: str = "", *, judge: Judge = state_of) -> None:
        if not items:
            return
        before = {key_of(each): each for each in self.cluster.get(reference(i) for i in items)}
        wanted = [naming.with_defaults(each, before.get(key_of(each))) for each in items]
        after = self.cluster.apply(wanted, take_over=self.take_over)
        _tell(self.cluster, before, after)
        stuck_pods.free(self.cluster, items)
        until_ready(self.cluster, title or "ready", items, timeout=self.timeout, judge=judge)


def _tell(
    cluster: Cluster, before: dict[tuple[str, str, str], Object], after: list[Object]
) -> None:
    """What an apply did."""
    made, changed = [], []
    for item in after:
        name = f"{item['kind']} {item['metadata']['name']}"
        if (old := before.get(key_of(item))) is None:
            made.append(name)
        elif _edition(old) != _edition(item):
            changed.append(name)
    for what, names in (("made", made), ("changed", changed)):
        if names:
            cluster.runner.console.names(what, names)
    if not made and not changed:
        cluster.runner.console.say(f"  unchanged: {len(after)}")


def _edition(item: Object) -> object:
    """What moves when somebody changes an object; a status that moves is nobody's change."""
    metadata = item["metadata"]
    return metadata.get("generation") or metadata.get("resourceVersion")


def _named(item: Object, name: str) -> bool:
    return bool(knative_services([item])) and item["metadata"]["name"] == name


def _said(items: Sequence[Object]) -> str:
    """The address of the catalogue as the manifests have it."""
    values = [
        each["data"][CATALOG_URL[1]]
        for each in of_kind(items, "ConfigMap", "")
        if CATALOG_URL[1] in (each.get("data") or {})
    ]
    return values[0] if values else ""
