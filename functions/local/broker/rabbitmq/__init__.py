"""The store in a RabbitMQ server, with the exchanges and queues of Knative's RabbitMQ broker.

Reading order: `topology` (exchanges and queues), `amqp_binding` (events in AMQP), `connection`
(reconnects), `store` (the Store).
"""
