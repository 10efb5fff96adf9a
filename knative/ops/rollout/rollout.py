"""The phases, one after the other: apply, then wait until what was applied is ready.

Each can be repeated: server-side apply of the same content changes nothing, an existing Secret is
kept, and a migration that is done does not run again. So an interrupted deploy starts over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from knative.ops.cli.values import STOREFRONT
from knative.ops.cluster.cluster import Cluster
from knative.ops.cluster.readiness import state_of
from knative.ops.cluster.waiting import StateFunction, until_ready
from knative.ops.manifests import naming
from knative.ops.manifests.transforms import CATALOG_URL, set_environment
from knative.ops.objects import SERVING, Object, key_of, knative_services, of_kind, reference
from knative.ops.rollout import credentials, jobs, stuck_pods, triggers
from knative.ops.rollout.phases import by_phase

_LINKS_TO_CATALOG, _CATALOG = CATALOG_URL[0], "catalog"


@dataclass
class Rollout:
    cluster: Cluster
    items: list[Object]
    timeout: float = 900.0
    """Seconds of each phase."""
    take_over: bool = False
    admin_email: str = ""
    catalog_url_is_final: bool = False
    """The public address of catalog comes from --domain, or from a mapping of the overlay."""

    def run(self, only: Sequence[str] = ()) -> None:
        """All phases, or `only` these. Raises `OpsError`."""
        console = self.cluster.runner.console
        for phase, items in by_phase(self.items).items():
            if only and phase not in only:
                continue
            console.heading(phase)
            match phase:
                case "namespace":
                    self._apply(items)
                    self._create_secrets()
                case "broker":
                    # RabbitMQ first: controllers that find no server back off, for many minutes in
                    # the end.
                    servers = of_kind(items, "RabbitmqCluster", "rabbitmq.com")
                    self._apply(servers, "RabbitMQ")
                    self._apply([each for each in items if each not in servers], phase)
                case "triggers":
                    self._apply(items, "Triggers", state=triggers.state_without_services)
                case "migrations":
                    jobs.migrate(
                        self.cluster, items, timeout=self.timeout, take_over=self.take_over
                    )
                case "services":
                    self._services(items)
                case _:
                    self._apply(items, phase)

    def _create_secrets(self) -> None:
        existing = credentials.check(self.cluster, self.items)
        credentials.create(self.cluster, self.items, existing, self.admin_email)

    def _services(self, items: Sequence[Object]) -> None:
        pages = [each for each in items if _belongs_to(each, STOREFRONT)]
        consumers, rest = triggers.consumers_first(
            [each for each in items if each not in pages], self.items
        )
        if consumers:
            self._apply(consumers, "services that Triggers call")
            # Now the sinks of every Trigger have an address, so that its queue can be created. The
            # other publishers follow.
            until_ready(
                self.cluster, "Triggers", triggers.triggers(self.items), timeout=self.timeout
            )
        if not self._set_catalog_url(rest):
            last = [each for each in rest if _is_service(each, _LINKS_TO_CATALOG)]
            self._apply([each for each in rest if each not in last], "services")
            self._set_catalog_url(last)
            rest = last
        self._apply(rest, "services")
        self._apply(pages, "storefront")

    def _set_catalog_url(self, items: Sequence[Object]) -> bool:
        """Set purchase's CATALOG_URL to the address that Knative gave catalog.

        False where catalog has no address yet.
        """
        linking = [each for each in items if _is_service(each, _LINKS_TO_CATALOG)]
        if self.catalog_url_is_final or not linking:
            return True
        catalog = self.cluster.one(f"service.serving.knative.dev/{_CATALOG}")
        url = (catalog or {}).get("status", {}).get("url", "")
        if not url:
            return False
        if urlsplit(url).hostname != urlsplit(_url_in_manifests(self.items)).hostname:
            set_environment(linking, *CATALOG_URL, url)
            naming.name_revisions(self.items)
        return True

    def _apply(
        self, items: Sequence[Object], title: str = "", *, state: StateFunction = state_of
    ) -> None:
        if not items:
            return
        before = {key_of(each): each for each in self.cluster.get(reference(i) for i in items)}
        wanted = [naming.with_defaults(each, before.get(key_of(each))) for each in items]
        after = self.cluster.apply(wanted, take_over=self.take_over)
        _report_changes(self.cluster, before, after)
        stuck_pods.delete(self.cluster, items)
        until_ready(self.cluster, title or "ready", items, timeout=self.timeout, state=state)


def _report_changes(
    cluster: Cluster, before: Mapping[tuple[str, str, str], Object], after: Sequence[Object]
) -> None:
    created, changed = [], []
    for item in after:
        name = f"{item['kind']} {item['metadata']['name']}"
        if (old := before.get(key_of(item))) is None:
            created.append(name)
        elif _revision(old) != _revision(item):
            changed.append(name)
    for heading, names in (("created", created), ("changed", changed)):
        if names:
            cluster.runner.console.names(heading, names)
    if not created and not changed:
        cluster.runner.console.print(f"  unchanged: {len(after)}")


def _revision(item: Object) -> object:
    """Changes with the spec, not with the status."""
    metadata = item["metadata"]
    return metadata.get("generation") or metadata.get("resourceVersion")


def _belongs_to(item: Object, name: str) -> bool:
    """Whether it is a Knative Service, or a DomainMapping that is ready with the service only."""
    if of_kind([item], "DomainMapping", SERVING):
        return bool(item["spec"]["ref"]["name"] == name)
    return _is_service(item, name)


def _is_service(item: Object, name: str) -> bool:
    return bool(knative_services([item])) and item["metadata"]["name"] == name


def _url_in_manifests(items: Sequence[Object]) -> str:
    """The address of catalog as the overlay has it."""
    values = [
        each["data"][CATALOG_URL[1]]
        for each in of_kind(items, "ConfigMap", "")
        if CATALOG_URL[1] in (each.get("data") or {})
    ]
    return values[0] if values else ""
