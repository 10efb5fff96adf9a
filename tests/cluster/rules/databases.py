"""Databases and RabbitMQ: one writer, the right user, enough connections, the right storage."""

from collections.abc import Iterator

from functions.kit.mysql.options import Options
from tests.cluster.manifests import Object, knative_services, name_of, of_kind, one, pods, selects

MYSQL_USER = 999
REVISIONS = 2
"""During a deploy or a canary the old and the new one both run."""
KILLER = 1
"""A process opens one more connection to kill a cancelled statement."""
OTHERS = 10
"""An administrator, the backup, probes."""
EFS = "efs.csi.aws.com"


def databases(objects: list[Object]) -> list[Object]:
    return [
        each
        for each in of_kind(objects, "StatefulSet")
        if each["metadata"]["labels"].get("app.kubernetes.io/component") == "database"
    ]


def one_writer(objects: list[Object]) -> Iterator[str]:
    for database in databases(objects):
        if database["spec"].get("replicas") != 1:
            yield f"{name_of(database)}: more than one server on its directory"
        kept = database["spec"].get("persistentVolumeClaimRetentionPolicy", {})
        if kept.get("whenDeleted") != "Retain":
            yield f"{name_of(database)}: deleting it deletes the data"


def durability(objects: list[Object]) -> Iterator[str]:
    for database in databases(objects):
        arguments = _arguments(database)
        for option, value in (
            ("innodb-flush-log-at-trx-commit", "1"),
            ("innodb-doublewrite", "ON"),
            ("innodb-use-native-aio", "OFF"),
            ("tmpdir", "/tmp"),  # noqa: S108 - a path in a container
        ):
            if arguments.get(option) != value:
                yield f"{name_of(database)}: --{option} is {arguments.get(option)}, not {value}"
        mounts = {
            each["mountPath"]
            for each in database["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
        }
        socket = arguments.get("socket", "").rpartition("/")[0]
        if socket not in mounts or socket.startswith("/var/lib/mysql"):
            yield f"{name_of(database)}: the socket is not on an emptyDir"


def _arguments(database: Object) -> dict[str, str]:
    (container,) = database["spec"]["template"]["spec"]["containers"]
    pairs = (each.removeprefix("--").partition("=") for each in container.get("args", ()))
    return {name: value for name, _, value in pairs}


def users(objects: list[Object]) -> Iterator[str]:
    """The images' user, also on EFS, where the driver would otherwise choose one."""
    for pod in pods(objects):
        if pod.labels.get("app.kubernetes.io/component") in ("database", "backup"):
            context = pod.spec.get("securityContext", {})
            for field in ("runAsUser", "runAsGroup", "fsGroup"):
                if context.get(field) != MYSQL_USER:
                    yield f"{pod.name}: {field} is {context.get(field)}, not {MYSQL_USER}"
    for storage in _classes(objects, EFS):
        parameters = storage.get("parameters", {})
        if parameters.get("provisioningMode") != "efs-ap":
            yield f"{name_of(storage)}: without access points EFS enforces no user"
        for field in ("uid", "gid"):
            if parameters.get(field) != str(MYSQL_USER):
                found = parameters.get(field)
                yield f"{name_of(storage)}: {field} is {found!r}, not '{MYSQL_USER}'"
        if storage.get("reclaimPolicy") != "Retain":
            yield f"{name_of(storage)}: deleting a claim deletes the data"


def _classes(objects: list[Object], provisioner: str) -> list[Object]:
    return [each for each in of_kind(objects, "StorageClass") if each["provisioner"] == provisioner]


def connections(objects: list[Object]) -> Iterator[str]:
    """Public and internal API at max-scale, two revisions of each, every pool full."""
    per_process = Options().pool_size + KILLER
    for database in databases(objects):
        name = database["metadata"]["name"]
        needed = OTHERS
        for service in knative_services(objects):
            if name in _databases_of(service):
                annotations = service["spec"]["template"]["metadata"]["annotations"]
                scale = int(annotations["autoscaling.knative.dev/max-scale"])
                needed += scale * REVISIONS * per_process
        for job in of_kind(objects, "Job"):
            needed += per_process * (name in _databases_of(job))
        allowed = int(_arguments(database)["max-connections"])
        if needed > allowed:
            yield f"{name_of(database)}: {needed} connections may be needed, of {allowed}"


def _databases_of(owner: Object) -> set[str]:
    """The databases whose Secret an object's pods read."""
    return {
        variable["valueFrom"]["secretKeyRef"]["name"]
        for pod in pods([owner])
        for container in pod.containers
        for variable in container.get("env", ())
        if variable.get("valueFrom", {}).get("secretKeyRef", {}).get("name", "").startswith("db-")
    }


def services(objects: list[Object]) -> Iterator[str]:
    """A database's Service selects its server only, and not the backup of the same name."""
    for database in databases(objects):
        name = database["metadata"]["name"]
        service = one(objects, "Service", name, "v1")
        selector = {"matchLabels": service["spec"]["selector"]}
        behind = [pod.name for pod in pods(objects) if selects(selector, pod.labels)]
        if behind != [name_of(database)]:
            yield f"Service {name} selects {behind}"
        if database["spec"]["serviceName"] != name or service["spec"].get("clusterIP") != "None":
            yield f"Service {name} is not the StatefulSet's headless one"


def backups(objects: list[Object]) -> Iterator[str]:
    """On another StorageClass than the data, and retained when their claim is deleted."""
    data = {
        claim["spec"]["storageClassName"]
        for database in databases(objects)
        for claim in database["spec"].get("volumeClaimTemplates", ())
        if "storageClassName" in claim["spec"]
    }
    classes = {each["metadata"]["name"]: each for each in of_kind(objects, "StorageClass")}
    for claim in of_kind(objects, "PersistentVolumeClaim"):
        name = claim["spec"].get("storageClassName", "")
        if name in data:
            yield f"{name_of(claim)}: is on {name}, as the data that it is a backup of"
        if name in classes and classes[name].get("reclaimPolicy") != "Retain":
            yield f"{name_of(claim)}: deleting it deletes the backups"
        if data and name not in classes:
            yield f"{name_of(claim)}: its class {name or '(none)'} is not one of the overlay"


def rabbitmq(objects: list[Object]) -> Iterator[str]:
    distributed = {each["metadata"]["name"] for each in _classes(objects, EFS)}
    for cluster in of_kind(objects, "RabbitmqCluster"):
        spec = cluster["spec"]
        if spec.get("replicas", 1) % 2 == 0:
            yield f"{name_of(cluster)}: quorum queues need an odd number of nodes"
        if spec.get("persistence", {}).get("storageClassName") in distributed:
            yield f"{name_of(cluster)}: RabbitMQ must not be on a distributed file system"


RULES = (one_writer, durability, users, connections, services, backups, rabbitmq)
