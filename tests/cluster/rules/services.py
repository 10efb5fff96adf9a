"""Knative Services: what the webhook refuses, and what it takes although it is wrong."""

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
"""Of those that Knative takes without a feature flag."""
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
"""Seconds that queue-proxy goes on taking requests, before SIGTERM reaches the service."""


def visibility(objects: list[Object]) -> Iterator[str]:
    """A value that is nearly right opens the door to the world, without a word."""
    for service in knative_services(objects):
        internal = service["metadata"]["name"].endswith("-internal")
        label = service["metadata"].get("labels", {}).get(VISIBILITY)
        if internal and label != "cluster-local":
            yield f"{name_of(service)} is reachable from outside: {VISIBILITY} is {label!r}"
        if not internal and label is not None:
            yield f"{name_of(service)} is public and bears {VISIBILITY}: {label}"
        door = "internal" if internal else "public"
        for container in service["spec"]["template"]["spec"]["containers"]:
            opened = [each["value"] for each in container["env"] if each["name"] == "EXPOSED_API"]
            if opened != [door]:
                yield f"{name_of(service)} opens {opened}, not {door}"


def public_addresses(objects: list[Object]) -> Iterator[str]:
    """A DomainMapping makes public whatever it points to."""
    for mapping in objects:
        if mapping["kind"] == "DomainMapping" and mapping["spec"]["ref"]["name"].endswith(
            "-internal"
        ):
            yield f"{name_of(mapping)} opens {mapping['spec']['ref']['name']} to the world"


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
            yield f"a port is named h2c or http1, not {port['name']}"


def traffic(objects: list[Object]) -> Iterator[str]:
    """Applying the manifests must not undo a canary, nor name a revision twice."""
    for service in knative_services(objects):
        if "traffic" in service["spec"]:
            yield f"{name_of(service)}: traffic belongs to kn"
        if "name" in service["spec"]["template"].get("metadata", {}):
            yield f"{name_of(service)}: deploy names the revisions"


def timeouts(objects: list[Object]) -> Iterator[str]:
    """The grace period is timeoutSeconds; the drain and the service's own end must fit in."""
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
            yield f"{name}: no whole number: {error}"
            continue
        if not 0 <= low <= high or high < 1:
            yield f"{name}: min-scale {low} and max-scale {high}; 0 would be without a limit"
        if not 0 < target <= hard:
            yield f"{name}: target {target} is above containerConcurrency {hard}"


def probes(objects: list[Object]) -> Iterator[str]:
    """Readiness without a period, which is how Knative asks often while a pod starts."""
    for service in knative_services(objects):
        (container,) = service["spec"]["template"]["spec"]["containers"]
        for kind, path in (("readinessProbe", "/readyz"), ("livenessProbe", "/livez")):
            probe = container.get(kind, {})
            asked = probe.get("httpGet", {})
            if asked.get("path") != path:
                yield f"{name_of(service)}: {kind} does not ask {path}"
            if asked.get("port") not in [
                port["containerPort"] for port in container.get("ports", ())
            ]:
                yield f"{name_of(service)}: {kind} asks port {asked.get('port')}"
        if "periodSeconds" in container.get("readinessProbe", {}):
            yield f"{name_of(service)}: a readiness probe with a period delays each cold start"


def filled_in(objects: list[Object]) -> Iterator[str]:
    """What Knative fills in when it makes a revision, and misses in the next apply of that name."""
    for service in knative_services(objects):
        (container,) = service["spec"]["template"]["spec"]["containers"]
        said = {
            "readinessProbe.successThreshold": container["readinessProbe"].get("successThreshold"),
            "ports.protocol": container["ports"][0].get("protocol"),
        }
        for name in (name for name, value in said.items() if value is None):
            yield f"{name_of(service)}: {name} is left to Knative, which refuses a second apply"


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
