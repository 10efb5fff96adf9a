"""Sales, money and accounts."""

from grafana_foundation_sdk.builders import dashboard

from knative.monitoring.panels import REQUESTS, THIRD, created, page, panel


def _amount(metric: str) -> str:
    """Of a day, in major units."""
    return f"sum by (currency) (increase({metric}[1d])) / 100"


def shop() -> dashboard.Dashboard:
    return page(
        "shop",
        "Bookstore: shop",
        (
            "Sales",
            (
                panel(
                    "Purchases an hour",
                    "Placed, paid, expired unpaid, cancelled and refunded, each as its change"
                    " was committed.",
                    "short",
                    *(
                        (created(f"purchase.{each}"), each)
                        for each in ("placed", "paid", "expired", "cancelled", "refunded")
                    ),
                ),
                panel(
                    "Payments an hour",
                    "As the payment provider has answered.",
                    "short",
                    *(
                        (created(f"payment.{each}"), each)
                        for each in ("succeeded", "failed", "refunded")
                    ),
                ),
                panel(
                    "Refusals an hour, by reason",
                    "Purchases and payments that were refused; the reason is the problem's code.",
                    "short",
                    ("sum by (reason) (increase(purchases_refused_total[1h]))", "{{reason}}"),
                ),
                panel(
                    "Stock changes an hour",
                    "Events about the stock of a book (sales, returns, adjustments), and"
                    " adjustments by their reason.",
                    "short",
                    (created("inventory.changed"), "all"),
                    ("sum by (reason) (increase(stock_adjustments_total[1h]))", "{{reason}}"),
                ),
            ),
        ),
        (
            "Money",
            (
                panel(
                    "Taken a day, by currency",
                    "Payments that succeeded. The metric counts hundredths: the shop has two"
                    " decimals in every currency. The exact amounts are in the database.",
                    "short",
                    (_amount("purchases_revenue_total"), "{{currency}}"),
                    width=THIRD,
                ),
                panel(
                    "Refunded a day, by currency",
                    "Refunds that were decided; not deducted from what was taken.",
                    "short",
                    (_amount("purchases_refunded_total"), "{{currency}}"),
                    width=THIRD,
                ),
                panel(
                    "Violations that the audit found",
                    "By invariant, in the last audit that ended. More than zero is an alert.",
                    "short",
                    ("max by (check) (audit_violations)", "{{check}}"),
                    width=THIRD,
                ),
            ),
        ),
        (
            "Accounts",
            (
                panel(
                    "Logins and registrations, by status",
                    "429 is the throttle of password tries.",
                    "reqps",
                    (
                        (
                            f"sum by (http_route, http_response_status_code) (rate({REQUESTS}_count"
                            '{service_name="auth", http_route=~"/login|/register"}[5m]))'
                        ),
                        "{{http_route}} {{http_response_status_code}}",
                    ),
                ),
            ),
        ),
    )
