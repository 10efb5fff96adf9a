"""Knative Services: what the webhook refuses, and mistakes that it accepts."""

from collections.abc import Iterator

from functions.kit.app import SHUTDOWN_FLUSH
from functions.kit.start.serve import GRACE
from tests.cluster.manifests import VISIBILITY, Object, knative_services, name_of

POD_FIELDS = {
    "automountServiceAccountToken",
    "containerConcurrency",
    "containers",
    "enableServiceLinks",
    "idleTimeoutSeconds",
    "imagePullSecrets",
    "responseStartTimeoutSeconds",
    "serviceAccountName",
    "timeoutSeconds",
    "volumes",
}
"""Those that Knative accepts without a feature flag."""
CONTAINER_FIELDS = {
    "args",
    "command",
    "env",
    "envFrom",
    "image",
    "imagePullPolicy",
    "livenessProbe",
    "name",
    "ports",
    "readinessProbe",
    "resources",
    "securityContext",
    "volumeMounts",
    "workingDir",
}
VOLUMES = {"configMap", "emptyDir", "projected", "secret"}
GIVEN = {"PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION"}
RESERVED_PORTS = {8008, 8012, 8013, 8022, 8112, 9090, 9091}
DRAIN = 30
"""Seconds for which queue-proxy accepts requests before the service gets SIGTERM."""


def visibility(objects: list[Object]) -> Iterator[str]:
    """A label with a wrong value makes a service public without a warning."""
    for service in knative_services(objects):
        internal = service["metadata"]["name"].endswith("-internal")
        label = service["metadata"].get("labels", {}).get(VISIBILITY)
        if internal and label != "cluster-local":
            yield f"{name_of(service)} is reachable from outside: {VISIBILITY} is {label!r}"
        if not internal and label is not None:
            yield f"{name_of(service)} is public and has {VISIBILITY}: {label}"
        # The storefront has no internal API, and so no choice of one.
        pages = service["metadata"]["labels"].get("app.kubernetes.io/component") == "pages"
        api = [] if pages else ["internal" if internal else "public"]
        for container in service["spec"]["template"]["spec"]["containers"]:
            exposed = [each["value"] for each in container["env"] if each["name"] == "EXPOSED_API"]
            if exposed != api:
                yield f"{name_of(service)} exposes {exposed}, not {api}"


def public_addresses(objects: list[Object]) -> Iterator[str]:
    """A DomainMapping makes its target public."""
    for mapping in objects:
        if mapping["kind"] == "DomainMapping" and mapping["spec"]["ref"]["name"].endswith(
            "-internal"
        ):
            yield f"{name_of(mapping)} opens {mapping['spec']['ref']['name']} to the internet"


def pod_fields(objects: list[Object]) -> Iterator[str]:
    for service in knative_services(objects):
        spec, name = service["spec"]["template"]["spec"], name_of(service)
        for field in sorted(set(spec) - POD_FIELDS):
            yield f"{name}: Knative refuses {field} in a pod"
        for volume in spec.get("volumes", ()):
            for kind in sorted(set(volume) - VOLUMES - {"name"}):
                yield f"{name}: Knative refuses a volume of kind {kind}"
        for container in spec["containers"]:
            for field in sorted(set(container) - CONTAINER_FIELDS):
                yield f"{name}: Knative refuses {field} in a container"
            for variable in container.get("env", ()):
                if variable["name"] in GIVEN:
                    yield f"{name}: {variable['name']} is Knative's to give"
                if "fieldRef" in variable.get("valueFrom", ()):
                    yield f"{name}: Knative refuses fieldRef, in {variable['name']}"
            yield from (f"{name}: {wrong}" for wrong in _ports(container))


def _ports(container: Object) -> Iterator[str]:
    ports = container.get("ports", [])
    if len(ports) != 1:
        yield f"needs exactly one port, has {len(ports)}"
    for port in ports:
        if port["containerPort"] in RESERVED_PORTS:
            yield f"port {port['containerPort']} is queue-proxy's"
        if port.get("name", "http1") not in {"h2c", "http1"}:
            yield f"a port must be named h2c or http1, not {port['name']}"


def traffic(objects: list[Object]) -> Iterator[str]:
    """An apply must not undo a canary, nor use a revision's name twice."""
    for service in knative_services(objects):
        if "traffic" in service["spec"]:
            yield f"{name_of(service)}: traffic is set by kn only"
        if "name" in service["spec"]["template"].get("metadata", {}):
            yield f"{name_of(service)}: deploy names the revisions"


def timeouts(objects: list[Object]) -> Iterator[str]:
    """It is also the grace period, into which drain and shutdown must fit."""
    needed = DRAIN + GRACE + SHUTDOWN_FLUSH
    for service in knative_services(objects):
        seconds = service["spec"]["template"]["spec"].get("timeoutSeconds", 300)
        if not needed < seconds <= 600:
            yield f"{name_of(service)}: timeoutSeconds {seconds} is not within {needed} to 600"


def scaling(objects: list[Object]) -> Iterator[str]:
    for service in knative_services(objects):
        name, template = name_of(service), service["spec"]["template"]
        for key in service["metadata"].get("annotations", {}):
            if key.startswith("autoscaling.knative.dev/"):
                yield f"{name}: {key} belongs on the template"
        annotations = {
            key.removeprefix("autoscaling.knative.dev/"): value
            for key, value in template["metadata"]["annotations"].items()
            if key.startswith("autoscaling.knative.dev/")
        }
        for key, value in annotations.items():
            if not isinstance(value, str):
                yield f"{name}: {key} must be in quotes"
        try:
            low, high, target = (
                int(annotations[key]) for key in ("min-scale", "max-scale", "target")
            )
            hard = int(template["spec"]["containerConcurrency"])
        except (KeyError, ValueError) as error:
            yield f"{name}: not an integer: {error}"
            continue
        if not 0 <= low <= high or high < 1:
            yield f"{name}: min-scale {low} and max-scale {high}; 0 means unlimited"
        if not 0 < target <= hard:
            yield f"{name}: target {target} is above containerConcurrency {hard}"


def probes(objects: list[Object]) -> Iterator[str]:
    """Without a period for readiness Knative probes often while a pod starts."""
    for service in knative_services(objects):
        (container,) = service["spec"]["template"]["spec"]["containers"]
        for kind, path in (("readinessProbe", "/readyz"), ("livenessProbe", "/livez")):
            probe = container.get(kind, {})
            request = probe.get("httpGet", {})
            if request.get("path") != path:
                yield f"{name_of(service)}: {kind} does not request {path}"
            if request.get("port") not in [
                port["containerPort"] for port in container.get("ports", ())
            ]:
                yield f"{name_of(service)}: {kind} requests port {request.get('port')}"
        if "periodSeconds" in container.get("readinessProbe", {}):
            yield f"{name_of(service)}: a readiness probe with a period delays each cold start"


def filled_in(objects: list[Object]) -> Iterator[str]:
    """Defaults that Knative adds to a new revision, and whose absence it later refuses."""
    for service in knative_services(objects):
        (container,) = service["spec"]["template"]["spec"]["containers"]
        values = {
            "readinessProbe.successThreshold": container["readinessProbe"].get("successThreshold"),
            "ports.protocol": container["ports"][0].get("protocol"),
        }
        for name in (name for name, value in values.items() if value is None):
            yield f"{name_of(service)}: {name} is missing: Knative would refuse the second apply"


RULES = (
    visibility,
    public_addresses,
    pod_fields,
    traffic,
    timeouts,
    scaling,
    probes,
    filled_in,
)
