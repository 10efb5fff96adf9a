"""Connections of each service to its MySQL server, the servers themselves, and their backups.

The server's own metrics are not there: an exporter would need an account in each database. Times of
statements are in the traces.
"""

from grafana_foundation_sdk.builders import dashboard

from knative.monitoring.panels import HALF, THIRD, page, panel

WAITS = "db_client_connection_wait_time_seconds"


def databases() -> dashboard.Dashboard:
    return page(
        "databases",
        "Bookstore: databases",
        (
            "Connections",
            (
                panel(
                    "Connections, by service",
                    "Of all its processes. Each service has a server of its own, which takes 300;"
                    " an alert fires at 240.",
                    "short",
                    (
                        "sum by (service_name, state) (db_client_connection_count)",
                        "{{service_name}}, {{state}}",
                    ),
                    (
                        "sum by (service_name) (db_client_connection_max)",
                        "{{service_name}}, most of its pools",
                    ),
                ),
                panel(
                    "Connections in use, of each process",
                    "The ten processes with the most. A pool has ten connections.",
                    "short",
                    (
                        (
                            "topk(10, max by (service_name, instance)"
                            ' (db_client_connection_count{state="used"}))'
                        ),
                        "{{service_name}} {{instance}}",
                    ),
                ),
            ),
        ),
        (
            "Waiting",
            (
                panel(
                    "Requests that wait for a connection",
                    "More than zero for 10 minutes is an alert.",
                    "short",
                    (
                        "sum by (service_name) (db_client_connection_pending_requests)",
                        "{{service_name}}",
                    ),
                    width=THIRD,
                ),
                panel(
                    "Wait for a connection, 95 %",
                    "Of statements outside of a transaction, and of transactions.",
                    "s",
                    (
                        (
                            "histogram_quantile(0.95, sum by (service_name, le)"
                            f" (rate({WAITS}_bucket[5m])))"
                        ),
                        "{{service_name}}",
                    ),
                    width=THIRD,
                ),
                panel(
                    "Given up, an hour",
                    "Requests that got no connection in time and were answered with 503. One is an"
                    " alert.",
                    "short",
                    (
                        "sum by (service_name) (increase(db_client_connection_timeouts_total[1h]))",
                        "{{service_name}}",
                    ),
                    width=THIRD,
                ),
            ),
        ),
        (
            "Servers and backups",
            (
                panel(
                    "Servers that are ready",
                    "0 for 5 minutes is an alert. Those outside of the cluster are not shown.",
                    "short",
                    (
                        (
                            "max by (statefulset)"
                            ' (kube_statefulset_status_replicas_ready{statefulset=~"db-.*"})'
                        ),
                        "{{statefulset}}",
                    ),
                    width=HALF,
                ),
                panel(
                    "Age of the last backup",
                    "By the nightly job, and by what the dump has written into the database. Two"
                    " days are an alert.",
                    "s",
                    (
                        (
                            "time() - max by (cronjob)"
                            ' (kube_cronjob_status_last_successful_time{cronjob=~"backup-.*"})'
                        ),
                        "{{cronjob}}",
                    ),
                    ("max by (service_name) (backup_age_seconds)", "{{service_name}}"),
                    width=HALF,
                ),
            ),
        ),
    )
