"""The dashboards: Shop, Services, Events and Databases.

Their queries use the metrics of docs/metrics.md, of Knative's queue-proxy, of RabbitMQ, and of
kube-state-metrics. `python -m knative.monitoring` writes the JSON; a test compares it. A page is a
module of `pages/`, made of the parts in `panels.py`.
"""

from knative.monitoring.pages.databases import databases
from knative.monitoring.pages.events import events
from knative.monitoring.pages.services import services
from knative.monitoring.pages.shop import shop

DASHBOARDS = {"shop": shop, "services": services, "events": events, "databases": databases}
"""By the name of their file."""
