"""After a deploy: what visitors of the storefront would notice, and no probe does."""

from collections.abc import Iterable, Mapping

from knative.ops.cli.values import STOREFRONT
from knative.ops.cluster.cluster import Cluster
from knative.ops.manifests.transforms import SECURE_COOKIES
from knative.ops.objects import SERVING, Object, knative_services, of_kind


def report(cluster: Cluster, items: Iterable[Object], urls: Mapping[str, str]) -> None:
    """Warnings only: what ends TLS in front of the cluster is not known here."""
    items = list(items)
    console = cluster.runner.console
    url = urls.get(STOREFRONT, "")
    if url.startswith("http://") and _setting(items, SECURE_COOKIES) != "false":
        console.warn(
            f"Browsers send the session of {url} over https only. Unless a load balancer in front"
            " of the gateway ends TLS, nobody stays signed in: give --domain and --scheme https;"
            f" in a cluster without TLS set {SECURE_COOKIES}=false in storefront-config."
        )
    if of_kind(items, "DomainMapping", SERVING):
        console.warn(
            "Requests by the names of DomainMappings pass the gateway twice, so all clients have"
            " the gateway's address, and share the limits of logins and registrations:"
            " docs/client-addresses.md"
        )


def _setting(items: Iterable[Object], name: str) -> str:
    """A setting of the storefront: its own variable, else that of its ConfigMap."""
    items = list(items)
    maps = {
        each["metadata"]["name"]: each.get("data") or {} for each in of_kind(items, "ConfigMap", "")
    }
    for service in knative_services(items):
        if service["metadata"]["name"] != STOREFRONT:
            continue
        container = service["spec"]["template"]["spec"]["containers"][0]
        for variable in container.get("env", []):
            if variable["name"] == name:
                return str(variable.get("value", ""))
        for source in container.get("envFrom", []):
            read = maps.get(source.get("configMapRef", {}).get("name"), {})
            if name in read:
                return str(read[name])
    return ""
