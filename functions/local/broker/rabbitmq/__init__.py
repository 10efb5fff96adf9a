"""The store in a RabbitMQ server, laid out as the RabbitMQ broker for Knative does it.

Reading order: `topology` (exchanges and queues), `messages` (an event as AMQP carries it), `link`
(a connection that comes back), `store` (all of it behind the Protocol that `core` knows).
"""
