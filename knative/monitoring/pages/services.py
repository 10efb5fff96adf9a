"""Requests, errors and times of each service and revision; saturation, cold starts, telemetry."""

from grafana_foundation_sdk.builders import dashboard

from knative.monitoring.panels import PUBLIC, REQUESTS, THIRD, page, panel

INVOCATIONS = "kn_serving_invocation_duration_seconds"
"""Of Knative's queue-proxy (knative.dev/serving, pkg/queue/request_metric.go)."""
REVISION = "{{kn_revision_name}}"


def services() -> dashboard.Dashboard:
    return page(
        "services",
        "Bookstore: services",
        (
            "Requests",
            (
                panel(
                    "Requests a second",
                    "Public and internal, without probes.",
                    "reqps",
                    (
                        (f'sum by (service_name) (rate({REQUESTS}_count{{http_route!=""}}[5m]))'),
                        "{{service_name}}",
                    ),
                    width=THIRD,
                ),
                panel(
                    "Errors",
                    "Share of the public answers that are 5xx. The objective of purchase is 0.1 %.",
                    "percentunit",
                    ("service:http_errors:ratio_rate5m", "{{service_name}}"),
                    width=THIRD,
                ),
                panel(
                    "95 % are faster than",
                    "Of public requests.",
                    "s",
                    (
                        (
                            "histogram_quantile(0.95, sum by (service_name, le)"
                            f" (rate({REQUESTS}_bucket{{{PUBLIC}}}[5m])))"
                        ),
                        "{{service_name}}",
                    ),
                    width=THIRD,
                ),
            ),
        ),
        (
            "Revisions side by side",
            (
                panel(
                    "Requests a second, by revision",
                    "As queue-proxy counts them: during a canary two revisions of a service.",
                    "reqps",
                    (f"sum by (kn_revision_name) (rate({INVOCATIONS}_count[5m]))", REVISION),
                    width=THIRD,
                ),
                panel(
                    "Errors, by revision",
                    "Share of 5xx, also of a container that crashes and reports nothing itself.",
                    "percentunit",
                    (
                        (
                            "sum by (kn_revision_name) (rate("
                            f'{INVOCATIONS}_count{{http_response_status_code=~"5.."}}[5m]))'
                            " / sum by (kn_revision_name)"
                            f" (rate({INVOCATIONS}_count[5m]))"
                        ),
                        REVISION,
                    ),
                    width=THIRD,
                ),
                panel(
                    "95 % are faster than, by revision",
                    "Time in the container, without the wait in queue-proxy.",
                    "s",
                    (
                        (
                            "histogram_quantile(0.95, sum by (kn_revision_name, le)"
                            f" (rate({INVOCATIONS}_bucket[5m])))"
                        ),
                        REVISION,
                    ),
                    width=THIRD,
                ),
            ),
        ),
        (
            "Saturation and starts",
            (
                panel(
                    "Requests in queue-proxy",
                    "In the container and waiting for it. At the limit of concurrency for long:"
                    " raise the limit of pods, or the concurrency.",
                    "short",
                    ("sum by (kn_revision_name) (kn_serving_queue_depth)", REVISION),
                    width=THIRD,
                ),
                panel(
                    "Cold starts an hour",
                    "Processes that began to serve.",
                    "short",
                    (
                        "sum by (service_name) (increase(faas_init_duration_seconds_count[1h]))",
                        "{{service_name}}",
                    ),
                    width=THIRD,
                ),
                panel(
                    "Time of a cold start",
                    "Mean and 95 %, from the start of the process until it listens. The objective"
                    " is 2 s.",
                    "s",
                    (
                        (
                            "sum by (service_name) (increase(faas_init_duration_seconds_sum[1h]))"
                            " / sum by (service_name)"
                            " (increase(faas_init_duration_seconds_count[1h]))"
                        ),
                        "{{service_name}}, mean",
                    ),
                    (
                        (
                            "histogram_quantile(0.95, sum by (service_name, le)"
                            " (increase(faas_init_duration_seconds_bucket[1h])))"
                        ),
                        "{{service_name}}, 95 %",
                    ),
                    width=THIRD,
                ),
            ),
        ),
        (
            "Telemetry",
            (
                panel(
                    "Spans dropped",
                    "Of running processes: refused by the receiver, or not taken in time. The log"
                    " has the reason.",
                    "short",
                    ("sum by (service_name) (telemetry_dropped_spans)", "{{service_name}}"),
                ),
            ),
        ),
    )
