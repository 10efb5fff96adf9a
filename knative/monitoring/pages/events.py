"""Events from the outbox through RabbitMQ to the consumers, and the streams that they read."""

from grafana_foundation_sdk.builders import dashboard

from knative.monitoring.panels import THIRD, page, panel

STREAM = "{{service_name}} of {{source}}"


def events() -> dashboard.Dashboard:
    return page(
        "events",
        "Bookstore: events",
        (
            "Sending",
            (
                panel(
                    "Oldest unsent event",
                    "An alert fires at 20 minutes.",
                    "s",
                    ("max by (service_name) (outbox_oldest_unsent_seconds)", "{{service_name}}"),
                    width=THIRD,
                ),
                panel(
                    "Unsent events",
                    "In the outbox of each service.",
                    "short",
                    ("max by (service_name) (outbox_unsent_events)", "{{service_name}}"),
                    width=THIRD,
                ),
                panel(
                    "Sent, and not accepted",
                    "A second; what was not accepted is sent again.",
                    "short",
                    ("sum by (service_name) (rate(events_sent_total[5m]))", "{{service_name}}"),
                    (
                        "sum by (service_name) (rate(events_send_failures_total[5m]))",
                        "{{service_name}}, not accepted",
                    ),
                    width=THIRD,
                ),
            ),
        ),
        (
            "Receiving",
            (
                panel(
                    "Received, by outcome",
                    "seen-before is normal after a redelivery; quarantined and unconfirmed are"
                    " not.",
                    "short",
                    (
                        "sum by (service_name, outcome) (rate(events_received_total[5m]))",
                        "{{service_name}} {{outcome}}",
                    ),
                    width=THIRD,
                ),
                panel(
                    "Dead letters",
                    "Not replayed or discarded yet.",
                    "short",
                    ("max by (service_name) (dead_letters)", "{{service_name}}"),
                    width=THIRD,
                ),
                panel(
                    "Put aside, and gaps repaired, an hour",
                    "Events that were malformed, invalid or forged; and gaps in a stream that a"
                    " read of the owner's feed has closed.",
                    "short",
                    (
                        "sum by (service_name) (increase(events_quarantined_total[1h]))",
                        "{{service_name}}, put aside",
                    ),
                    (
                        "sum by (service_name, source) (increase(events_gaps_repaired_total[1h]))",
                        "{{service_name}}, gaps of {{source}}",
                    ),
                    width=THIRD,
                ),
            ),
        ),
        (
            "Streams",
            (
                panel(
                    "Time since a stream was read to its end",
                    "At zero nothing is reported. An alert fires at 20 minutes.",
                    "s",
                    ("max by (service_name, source) (stream_behind_seconds)", STREAM),
                    width=THIRD,
                ),
                panel(
                    "Freshness, 99 % of a day",
                    "Of the same time. The objective is 15 minutes.",
                    "s",
                    ("stream:behind_seconds:p99_1d", STREAM),
                    width=THIRD,
                ),
                panel(
                    "Events known and not read",
                    "An alert fires at 1000.",
                    "short",
                    ("max by (service_name, source) (stream_position_lag)", STREAM),
                    width=THIRD,
                ),
            ),
        ),
        (
            "RabbitMQ",
            (
                panel(
                    "Messages, by queue",
                    "A queue's name is NAMESPACE.TRIGGER.UID.",
                    "short",
                    ("sum by (queue) (rabbitmq_detailed_queue_messages)", "{{queue}}"),
                    width=THIRD,
                ),
                panel(
                    "Messages in all queues",
                    "An alert fires at 1000 for 15 minutes.",
                    "short",
                    ("sum(rabbitmq_queue_messages)", "messages"),
                    width=THIRD,
                ),
                panel(
                    "Consumers, by queue",
                    "0: the Trigger's dispatcher is away.",
                    "short",
                    ("sum by (queue) (rabbitmq_detailed_queue_consumers)", "{{queue}}"),
                    width=THIRD,
                ),
            ),
        ),
    )
