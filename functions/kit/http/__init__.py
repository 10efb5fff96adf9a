"""HTTP shared by all handlers: the server's limits, middleware, requests, responses, problem
documents, ETags, idempotency, pagination and OpenAPI."""
