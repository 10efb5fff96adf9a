"""Dashboards as code: `python -m knative.monitoring` writes their JSON, which Grafana reads."""
