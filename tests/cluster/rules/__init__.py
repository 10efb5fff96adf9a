"""Rules for the manifests: functions that yield a message for each violation.

`test_rules.py` applies each to every overlay, and to manifests that break it. A rule's source is
Knative's webhook, the RabbitMQ broker's dispatcher, Pod Security's `restricted`, or the shop's own
code, from which it reads the numbers.
"""
