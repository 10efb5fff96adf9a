"""What the pages are made of: a panel, a page of rows, and parts of their queries."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard, prometheus, timeseries
from grafana_foundation_sdk.models.dashboard import DataSourceRef

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
HALF, THIRD = 12, 8
"""Widths of panels, of 24."""

Query = tuple[str, str]
"""An expression in PromQL, and the legend of its series."""


def panel(
    title: str, description: str, unit: str, *queries: Query, width: int = HALF
) -> timeseries.Panel:
    """A chart over time; `unit` is one of Grafana's."""
    built = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .min(0)
        .height(8)
        .span(width)
        .datasource(SOURCE)
    )
    for number, (expression, legend) in enumerate(queries):
        target = prometheus.Dataquery().expr(expression).legend_format(legend)
        built.with_target(target.ref_id(chr(ord("A") + number)))
    return built


Row = tuple[str, Sequence[timeseries.Panel]]
"""A heading and its panels."""


def page(name: str, title: str, *rows: Row) -> dashboard.Dashboard:
    built = (
        dashboard.Dashboard(title)
        .uid(f"bookstore-{name}")
        .tags(["bookstore"])
        .refresh("1m")
        .time("now-6h", "now")
        .timezone("browser")
        .readonly()
        .with_variable(
            dashboard.DatasourceVariable("datasource").type("prometheus").label("Data source")
        )
    )
    for heading, panels in rows:
        built.with_row(dashboard.Row(heading))
        for each in panels:
            built.with_panel(each)
    return built


def created(event: str) -> str:
    """Committed events of a type in an hour."""
    return f'sum(increase(events_created_total{{type="bookstore.{event}.v1"}}[1h]))'


REQUESTS = "http_server_request_duration_seconds"
PUBLIC = 'http_route!~"|/internal/.*|/events.*"'
"""Requests to the public APIs and the pages. Those without a route are queue-proxy's, which has a
metric of the same name and would count each request a second time."""
