"""What the manifests must obey: functions that answer with what is wrong, and with nothing else.

Each is held against every overlay and against manifests that break it (`test_rules.py`). A rule's
source is Knative's webhook, the RabbitMQ broker's dispatcher, Pod Security's `restricted`, or the
shop's own code, of which it then reads the numbers.
"""
