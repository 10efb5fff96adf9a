"""Databases with two writers, a wrong user or too few connections."""

from tests.cluster.broken.parts import Case, annotations, database, server, storage
from tests.cluster.manifests import of_kind, one
from tests.cluster.rules import databases

CASES: list[Case] = [
    (
        databases.one_writer,
        lambda m: database(m)["spec"].update(replicas=2),
        "more than one server",
    ),
    (
        databases.one_writer,
        lambda m: database(m)["spec"].pop("persistentVolumeClaimRetentionPolicy"),
        "deletes the data",
    ),
    (
        databases.durability,
        lambda m: server(m)["containers"][0]["args"].remove("--innodb-flush-log-at-trx-commit=1"),
        "--innodb-flush-log-at-trx-commit is None, not 1",
    ),
    (
        databases.durability,
        lambda m: server(m)["containers"][0]["args"].append("--socket=/var/lib/mysql/s"),
        "socket is not on an emptyDir",
    ),
    (databases.users, lambda m: server(m)["securityContext"].update(runAsUser=1000), "runAsUser"),
    (databases.users, lambda m: storage(m)["parameters"].pop("uid"), "uid is None, not '999'"),
    (
        databases.users,
        lambda m: storage(m)["parameters"].update(provisioningMode="efs-dir"),
        "without access points",
    ),
    (databases.users, lambda m: storage(m).update(reclaimPolicy="Delete"), "deletes the data"),
    (
        databases.connections,
        lambda m: annotations(m).update({"autoscaling.knative.dev/max-scale": "20"}),
        "connections may be needed, of 300",
    ),
    (
        databases.services,
        lambda m: one(m, "Service", "db-catalog", "v1")["spec"]["selector"].pop(
            "app.kubernetes.io/component"
        ),
        "CronJob backup-catalog",
    ),
    (
        databases.backups,
        lambda m: of_kind(m, "PersistentVolumeClaim")[0]["spec"].update(
            storageClassName="bookstore-efs"
        ),
        "as the data that it is a backup of",
    ),
    (
        databases.backups,
        lambda m: of_kind(m, "PersistentVolumeClaim")[0]["spec"].update(
            storageClassName="bookstore-gp3"
        ),
        "deleting it deletes the backups",
    ),
    (
        databases.backups,
        lambda m: of_kind(m, "PersistentVolumeClaim")[0]["spec"].pop("storageClassName"),
        "its class (none) is not one of the overlay",
    ),
    (
        databases.rabbitmq,
        lambda m: of_kind(m, "RabbitmqCluster")[0]["spec"].update(replicas=2),
        "odd number",
    ),
    (
        databases.rabbitmq,
        lambda m: of_kind(m, "RabbitmqCluster")[0]["spec"]["persistence"].update(
            storageClassName="bookstore-efs"
        ),
        "distributed file system",
    ),
]
