"""Knative Services that the webhook would refuse, or take and open to the internet."""

from tests.cluster.broken.parts import Case, annotations, container, pod, service
from tests.cluster.manifests import VISIBILITY
from tests.cluster.rules import services

CASES: list[Case] = [
    (
        services.visibility,
        lambda m: service(m, "catalog-internal")["metadata"]["labels"].update(
            {VISIBILITY: "private"}
        ),
        "reachable from outside: networking.knative.dev/visibility is 'private'",
    ),
    (
        services.visibility,
        lambda m: service(m, "catalog-internal")["metadata"]["labels"].pop(VISIBILITY),
        "reachable from outside",
    ),
    (
        services.visibility,
        lambda m: service(m)["metadata"]["labels"].update({VISIBILITY: "cluster-local"}),
        "is public and has",
    ),
    (
        services.visibility,
        lambda m: container(m)["env"].remove({"name": "EXPOSED_API", "value": "public"}),
        "exposes [], not ['public']",
    ),
    (
        services.public_addresses,
        lambda m: m.append(
            {
                "kind": "DomainMapping",
                "metadata": {"name": "feeds.shop.example"},
                "spec": {"ref": {"name": "catalog-internal"}},
            }
        ),
        "opens catalog-internal to the internet",
    ),
    (services.pod_fields, lambda m: pod(m).update(nodeSelector={}), "refuses nodeSelector"),
    (services.pod_fields, lambda m: pod(m).update(securityContext={}), "refuses securityContext"),
    (services.pod_fields, lambda m: pod(m).update(initContainers=[]), "refuses initContainers"),
    (services.pod_fields, lambda m: container(m).update(lifecycle={}), "refuses lifecycle"),
    (services.pod_fields, lambda m: container(m).update(startupProbe={}), "refuses startupProbe"),
    (
        services.pod_fields,
        lambda m: pod(m)["volumes"].append({"name": "d", "persistentVolumeClaim": {}}),
        "volume of kind persistentVolumeClaim",
    ),
    (
        services.pod_fields,
        lambda m: container(m)["env"].append({"name": "PORT", "value": "80"}),
        "PORT is Knative's to give",
    ),
    (
        services.pod_fields,
        lambda m: container(m)["env"].append({"name": "N", "valueFrom": {"fieldRef": {}}}),
        "refuses fieldRef",
    ),
    (
        services.pod_fields,
        lambda m: container(m)["ports"].append({"containerPort": 9000}),
        "exactly one port, has 2",
    ),
    (
        services.pod_fields,
        lambda m: container(m).update(ports=[{"containerPort": 8012}]),
        "port 8012 is queue-proxy's",
    ),
    (
        services.pod_fields,
        lambda m: container(m)["ports"][0].update(name="http"),
        "named h2c or http1, not http",
    ),
    (services.traffic, lambda m: service(m)["spec"].update(traffic=[]), "set by kn only"),
    (
        services.traffic,
        lambda m: service(m)["spec"]["template"]["metadata"].update(name="catalog-1"),
        "deploy names the revisions",
    ),
    (services.timeouts, lambda m: pod(m).update(timeoutSeconds=601), "timeoutSeconds 601"),
    (services.timeouts, lambda m: pod(m).update(timeoutSeconds=45), "timeoutSeconds 45"),
    (
        services.scaling,
        lambda m: service(m)["metadata"]["annotations"].update(
            {"autoscaling.knative.dev/min-scale": "1"}
        ),
        "belongs on the template",
    ),
    (
        services.scaling,
        lambda m: annotations(m).update({"autoscaling.knative.dev/max-scale": 8}),
        "max-scale must be in quotes",
    ),
    (
        services.scaling,
        lambda m: annotations(m).pop("autoscaling.knative.dev/max-scale"),
        "not an integer: 'max-scale'",
    ),
    (
        services.scaling,
        lambda m: annotations(m).update({"autoscaling.knative.dev/min-scale": "9"}),
        "min-scale 9 and max-scale 8",
    ),
    (
        services.scaling,
        lambda m: annotations(m).update({"autoscaling.knative.dev/target": "500"}),
        "above containerConcurrency",
    ),
    (
        services.probes,
        lambda m: container(m)["readinessProbe"]["httpGet"].update(path="/"),
        "does not request /readyz",
    ),
    (
        services.probes,
        lambda m: container(m)["livenessProbe"]["httpGet"].update(port=80),
        "livenessProbe requests port 80",
    ),
    (
        services.probes,
        lambda m: container(m)["readinessProbe"].update(periodSeconds=1),
        "delays each cold start",
    ),
    (
        services.filled_in,
        lambda m: container(m)["readinessProbe"].pop("successThreshold"),
        "successThreshold is missing",
    ),
    (
        services.filled_in,
        lambda m: container(m)["ports"][0].pop("protocol"),
        "protocol is missing",
    ),
]
