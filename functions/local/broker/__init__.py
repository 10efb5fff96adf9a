"""A broker for one machine that keeps Knative's data-plane contract.

With it, `nox -s dev` needs neither Kubernetes nor RabbitMQ, though it can use RabbitMQ. Services
see no difference: the broker reads the Triggers and PingSources of the cluster, responds with 202
only once an event is stored, and delivers, retries and dead-letters as the Triggers say. It is a
single process without replicas, tenants or authentication.

Reading order: `manifests` (configuration), `http_binding` (events), `store` with `sqlite_store` and
`rabbitmq`, `policy` and `dispatcher` (delivery), `flaws` (losses and delays, for tests), `core` and
`app` (the whole).
"""
