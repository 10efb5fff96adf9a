"""The only place where an exception becomes a status and an RFC 9457 document.

Every refusal looks alike: unknown route, wrong method, validation, a bug. `error` is the short
text that clients of the original read. A 500 says nothing about its cause; the log does.
"""

import logging
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ServiceUnavailableException, ValidationException
from litestar.openapi.datastructures import ResponseSpec

from functions.kit.database import Database
from functions.kit.errors import (
    DomainError,
    FieldError,
    InvalidInput,
    Kind,
    NotFound,
    Text,
    TooLarge,
    Unavailable,
)
from functions.kit.language import in_language, preferred
from functions.kit.requests import refusal_of_lacking
from functions.kit.telemetry import current_traceparent, trace_id

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:bookstore:problem:"

STATUS: Mapping[Kind, int] = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.PAYMENT_DECLINED: 402,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.GONE: 410,
    Kind.PRECONDITION_FAILED: 412,
    Kind.TOO_LARGE: 413,
    Kind.UNSUPPORTED_MEDIA_TYPE: 415,
    Kind.UNPROCESSABLE: 422,
    Kind.PRECONDITION_REQUIRED: 428,
    Kind.TOO_MANY_REQUESTS: 429,
    Kind.UNAVAILABLE: 503,
}


class ProblemField(msgspec.Struct, frozen=True):
    field: str
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457, with a stable `code`, the fields that were refused, and the original's `error`."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    error: str
    errors: list[ProblemField] = []
    trace_id: str | None = None


class RouteNotFound(NotFound):
    code = "route-not-found"
    title = "There is no such route"
    error = Text("Ruta no encontrada", "Route not found")


class MethodNotAllowed(DomainError):
    code = "method-not-allowed"
    title = "This route does not know that method"
    error = Text("Método no permitido", "Method not allowed")


class InternalError(DomainError):
    code = "internal-error"
    title = "Something went wrong here"
    error = Text("Error interno", "Internal error")


def problem_response(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The answer to an exception."""
    database: Database | None = request.app.state.get("database")
    if not isinstance(error, DomainError | HTTPException) and database is not None:
        if database.is_unavailable(error):
            logger.warning("the database cannot be reached: %s", error)
            error = Unavailable("The database cannot be reached. Try again.", retry_after=2)
        elif database.is_retryable(error):
            error = Unavailable("The database is busy. Try again.", retry_after=1)
    status, refusal = _refusal(request, error)
    path = quote(request.scope["path"])
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("%s %s failed", request.method, path, exc_info=error)
    language = preferred(request.headers.get("accept-language"))
    document = _document(refusal, status, language=language, path=path)
    if current := trace_id(current_traceparent.get()):
        document["trace_id"] = current
    headers = {"content-language": language, "vary": "Accept-Language"}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    if refusal.retry_after is not None:
        headers["retry-after"] = str(max(1, math.ceil(refusal.retry_after)))
    if isinstance(error, HTTPException) and error.headers:
        headers |= {name.lower(): value for name, value in error.headers.items()}
    return Response(
        msgspec.json.encode(document), status_code=status, media_type=MEDIA_TYPE, headers=headers
    )


def render_problem(refusal: DomainError, *, language: str, path: str) -> tuple[int, bytes]:
    """The status and the document of a refusal; the same bytes at each call."""
    status = STATUS[refusal.kind]
    return status, msgspec.json.encode(_document(refusal, status, language=language, path=path))


def _document(refusal: DomainError, status: int, *, language: str, path: str) -> dict[str, Any]:
    document: dict[str, Any] = {
        "type": TYPE_PREFIX + refusal.code,
        "title": refusal.title,
        "status": status,
        "detail": in_language(language, refusal.detail) or refusal.title,
        "instance": path,
        "code": refusal.code,
        "error": refusal.error.en if language == "en" else refusal.error.es,
    }
    if refusal.errors:
        document["errors"] = [
            {"field": each.field, "message": in_language(language, each.message)}
            for each in refusal.errors
        ]
    return document | refusal.extensions


def _refusal(request: Request[Any, Any, Any], error: Exception) -> tuple[int, DomainError]:
    if isinstance(error, DomainError):
        return STATUS[error.kind], error
    if isinstance(error, ServiceUnavailableException):
        return 503, Unavailable("Try again.", retry_after=1)
    if not isinstance(error, HTTPException) or error.status_code >= 500:
        return 500, InternalError("It has been logged; try again, or report the trace_id.")
    if isinstance(error, ValidationException):
        return _invalid(request, error)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return 404, RouteNotFound("Look at /openapi.json for the routes of this service.")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return 405, MethodNotAllowed(f"{request.method} is not known here.")
    if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return 413, TooLarge("Send a smaller body.")
    return 400, InvalidInput(error.detail)


def _invalid(
    request: Request[Any, Any, Any], error: ValidationException
) -> tuple[int, DomainError]:
    """Litestar's complaint about parameters; a path that cannot be is a thing that is not there."""
    listed = error.extra if isinstance(error.extra, list) else []
    in_path = request.path_params
    if any(str(each.get("source")) == "path" or each.get("key") in in_path for each in listed):
        return 404, NotFound("There is nothing with that id.")
    fields = [FieldError(str(each.get("key", "")), str(each.get("message", ""))) for each in listed]
    if fields and [each.field for each in fields] != ["data"]:  # `data` is the body as a whole
        named = ", ".join(each.field for each in fields if each.field)
        return 400, InvalidInput(f"Correct these and send it again: {named}", errors=fields)
    body = request.route_handler.parsed_data_field
    refusal = refusal_of_lacking(body.annotation if body is not None else None)
    return 400, refusal("The request lacks its body, or it cannot be read.")


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """The refusals of a route, for its OpenAPI document."""
    return {
        status: ResponseSpec(
            Problem,
            description=HTTPStatus(status).phrase,
            media_type=MEDIA_TYPE,
            generate_examples=False,
        )
        for status in statuses
    }
