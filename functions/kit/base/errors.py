"""Errors that are reported to clients, without any reference to HTTP.

A service's `errors.py` subclasses these. Only `http/problems.py` maps a kind to a status.

    DomainError
    ├── InvalidInput              malformed or out of bounds
    │   └── UnknownParameter      a query parameter that the route does not have
    ├── Unauthenticated           no valid credentials
    ├── Forbidden                 authenticated, but not allowed
    ├── NotFound                  does not exist, or belongs to another user
    ├── Gone                      existed, and is removed for good
    ├── Conflict                  the current state does not allow it
    ├── PreconditionFailed        the caller's version is outdated
    ├── PreconditionRequired      the caller must send the version it has read
    ├── PaymentDeclined           the payment provider declined
    ├── IdempotencyKeyReused      the same key with another request
    ├── RequestInProgress         the same key, whose first request is still running
    ├── TooLarge                  the body exceeds the limit
    ├── UnsupportedMediaType      not JSON
    ├── TooManyRequests           throttled
    └── Unavailable               transient fault: try again
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar, NamedTuple


class Kind(StrEnum):
    """The category of an error. `http/problems.py` maps each to one HTTP status."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    PAYMENT_DECLINED = "payment-declined"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    CONFLICT = "conflict"
    GONE = "gone"
    PRECONDITION_FAILED = "precondition-failed"
    TOO_LARGE = "too-large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type"
    UNPROCESSABLE = "unprocessable"
    PRECONDITION_REQUIRED = "precondition-required"
    TOO_MANY_REQUESTS = "too-many-requests"
    UNAVAILABLE = "unavailable"


class Text(NamedTuple):
    """A text for people, in Spanish and English. Logs use the English one."""

    es: str
    en: str

    def __str__(self) -> str:
        return self.en


Detail = str | Text
"""The text of an error; a plain `str` is used for both languages."""


class FieldError(NamedTuple):
    """One invalid field: `field` is its path in the body, such as `items[0].quantity`."""

    field: str
    message: Detail


class DomainError(Exception):
    """An error with a stable `code`, a fixed `title`, and the original API's short `error` text.

    `detail` describes this occurrence and what to do about it, as a `Text` in both languages.
    `extensions` become additional members of the problem document, such as `stock_actual`.
    """

    kind: ClassVar[Kind]
    code: ClassVar[str]
    title: ClassVar[str]
    error: ClassVar[Text]

    def __init__(
        self,
        detail: Detail = "",
        *,
        errors: Sequence[FieldError] = (),
        retry_after: float | None = None,
        **extensions: object,
    ) -> None:
        super().__init__(str(detail) or self.title)
        self.detail = detail
        self.errors = tuple(errors)
        self.retry_after = retry_after
        self.extensions = extensions


class InvalidInput(DomainError):
    kind = Kind.INVALID
    code = "invalid-input"
    title = "The request is malformed or out of bounds"
    error = Text("solicitud inválida", "invalid request")


class UnknownParameter(InvalidInput):
    code = "unknown-parameter"
    title = "The URL has an unknown query parameter"
    error = Text("parámetro desconocido", "unknown parameter")


class Unauthenticated(DomainError):
    kind = Kind.UNAUTHENTICATED
    code = "unauthenticated"
    title = "A valid access token is needed"
    error = Text("Token requerido", "Token required")


class Forbidden(DomainError):
    kind = Kind.FORBIDDEN
    code = "forbidden"
    title = "This account may not do that"
    error = Text("No autorizado", "Not allowed")


class NotFound(DomainError):
    kind = Kind.NOT_FOUND
    code = "not-found"
    title = "There is no such resource"
    error = Text("No encontrado", "Not found")


class Gone(DomainError):
    kind = Kind.GONE
    code = "gone"
    title = "The resource is no longer available"
    error = Text("Ya no está disponible", "No longer available")


class Conflict(DomainError):
    kind = Kind.CONFLICT
    code = "conflict"
    title = "The present state does not allow this"
    error = Text("Conflicto", "Conflict")


class PreconditionFailed(DomainError):
    kind = Kind.PRECONDITION_FAILED
    code = "precondition-failed"
    title = "A precondition in the headers is not met"
    error = Text("El recurso ha cambiado", "The resource has changed")


class PreconditionRequired(DomainError):
    kind = Kind.PRECONDITION_REQUIRED
    code = "precondition-required"
    title = "The request must name the version that it changes"
    error = Text("Se requiere If-Match", "If-Match is required")


class PaymentDeclined(DomainError):
    kind = Kind.PAYMENT_DECLINED
    code = "payment-declined"
    title = "The payment was declined"
    error = Text("Pago rechazado", "Payment declined")


class IdempotencyKeyReused(DomainError):
    kind = Kind.UNPROCESSABLE
    code = "idempotency-key-reused"
    title = "This Idempotency-Key belongs to another request"
    error = Text("Idempotency-Key ya usada", "Idempotency-Key already used")


class RequestInProgress(DomainError):
    kind = Kind.CONFLICT
    code = "in-progress"
    title = "The first request with this Idempotency-Key is not answered yet"
    error = Text("Solicitud en curso", "Request in progress")


class TooLarge(DomainError):
    kind = Kind.TOO_LARGE
    code = "too-large"
    title = "The body is too large"
    error = Text("Cuerpo demasiado grande", "Body too large")


class UnsupportedMediaType(DomainError):
    kind = Kind.UNSUPPORTED_MEDIA_TYPE
    code = "unsupported-media-type"
    title = "The body's media type is not supported"
    error = Text("Tipo de contenido no soportado", "Unsupported media type")


class TooManyRequests(DomainError):
    kind = Kind.TOO_MANY_REQUESTS
    code = "too-many-requests"
    title = "Too many tries"
    error = Text("Demasiados intentos", "Too many attempts")


class Unavailable(DomainError):
    kind = Kind.UNAVAILABLE
    code = "unavailable"
    title = "The service or something that it needs is unavailable at the moment"
    error = Text("Servicio no disponible", "Service unavailable")
