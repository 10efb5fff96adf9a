"""A broker for one machine that keeps Knative's data-plane contract.

It exists so that `nox -s dev` needs neither Kubernetes nor RabbitMQ (but can be given one, to
see the events where the cluster has them), and so that the
services cannot tell: it reads the very Triggers and PingSources that go to the cluster,
answers 202 only for what is stored, and delivers, retries and dead-letters as they say.
It is one process, and will not be more: no replicas, no tenants, no authentication.

Reading order: `manifests` (what to do), `wire` (what an event is), `store` (where it
waits; `rabbitmq` is the other one), `policy` and `lane` (how it is delivered), `flaws` (how it can
be lost or held up, for tests), `core` and `app` (all of it together).
"""
