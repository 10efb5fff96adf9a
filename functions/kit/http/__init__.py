"""HTTP below the handlers: requests, problem documents, ETags, idempotency, middleware, OpenAPI."""
