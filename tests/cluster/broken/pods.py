"""Pods with too many permissions, too few settings or wrong ones."""

from tests.cluster.broken.parts import Case, config, container, pod, server
from tests.cluster.manifests import of_kind
from tests.cluster.rules import pods

CASES: list[Case] = [
    (pods.images, lambda m: container(m).update(image="bookstore/catalog"), "is not a fixed image"),
    (
        pods.images,
        lambda m: container(m).update(image="r:5000/catalog:latest"),
        "is not a fixed image",
    ),
    (
        pods.images,
        lambda m: of_kind(m, "RabbitmqCluster")[0]["spec"].pop("image"),
        "RabbitmqCluster rabbitmq:",
    ),
    (
        pods.restricted,
        lambda m: container(m)["securityContext"].pop("readOnlyRootFilesystem"),
        "root file system is writable",
    ),
    (
        pods.restricted,
        lambda m: container(m)["securityContext"].update(capabilities={"drop": ["NET_RAW"]}),
        "capabilities",
    ),
    (
        pods.restricted,
        lambda m: container(m)["securityContext"].pop("allowPrivilegeEscalation"),
        "allowPrivilegeEscalation",
    ),
    (
        pods.restricted,
        lambda m: container(m)["securityContext"].update(runAsUser=0),
        "runAsUser",
    ),
    (
        pods.restricted,
        lambda m: server(m)["securityContext"].pop("seccompProfile"),
        "StatefulSet db-catalog: seccompProfile",
    ),
    (
        pods.restricted,
        lambda m: (
            server(m)["securityContext"].update(runAsNonRoot=None)
            or server(m)["containers"][0]["securityContext"].pop("runAsNonRoot")
        ),
        "runAsNonRoot",
    ),
    (pods.restricted, lambda m: pod(m).pop("automountServiceAccountToken"), "token of a service"),
    (pods.restricted, lambda m: server(m).update(hostNetwork=True), "hostNetwork"),
    (
        pods.restricted,
        lambda m: server(m)["volumes"].append({"name": "h", "hostPath": {"path": "/"}}),
        "kind hostPath",
    ),
    (pods.restricted, lambda m: container(m).pop("volumeMounts"), "is not an emptyDir"),
    (pods.resources, lambda m: container(m)["resources"].pop("limits"), "no memory in its limits"),
    (
        pods.environment,
        lambda m: config(m).update(LOGLEVEL="INFO"),
        "Service catalog: catalog does not read LOGLEVEL",
    ),
    (
        pods.environment,
        lambda m: config(m, "catalog-config").update(CURRENCY="dollars"),
        "CURRENCY",
    ),
    (pods.environment, lambda m: config(m).pop("ENVIRONMENT"), "ENVIRONMENT is not production"),
    (
        pods.environment,
        lambda m: container(m).update(
            env=[each for each in container(m)["env"] if each["name"] != "DATABASE_URL"]
        ),
        "DATABASE_URL: production needs one",
    ),
    (
        pods.environment,
        lambda m: config(m, "storefront-config").update(K_SINK="http://broker"),
        "Service storefront: storefront does not read K_SINK",
    ),
    (
        pods.sessions,
        lambda m: config(m, "storefront-config").update(SECURE_COOKIES="false"),
        "SECURE_COOKIES is false, and the addresses are https",
    ),
    (pods.secrets, lambda m: m.append({"kind": "Secret", "metadata": {"name": "s"}}), "Secret s"),
    (
        pods.secrets,
        lambda m: container(m)["env"].append(
            {"name": "X", "valueFrom": {"secretKeyRef": {"name": "db-catalog", "key": "uri"}}}
        ),
        "deploy does not create db-catalog/uri",
    ),
]
