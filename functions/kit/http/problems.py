"""Converts exceptions to problem documents (RFC 9457). Statuses are assigned here only.

All errors have the same form: unknown routes, wrong methods, validation errors, bugs. `error` is
the short text that clients of the original API read. A 500 does not contain its cause, which is
logged.
"""

import logging
import math
import re
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException, ServiceUnavailableException, ValidationException
from litestar.openapi.datastructures import ResponseSpec

from functions.kit.base.errors import (
    DomainError,
    FieldError,
    InvalidInput,
    Kind,
    NotFound,
    Text,
    TooLarge,
    Unavailable,
)
from functions.kit.base.language import in_language, listed, preferred
from functions.kit.base.telemetry import current_traceparent, trace_id
from functions.kit.http.requests import AnyRequest, missing_member_error
from functions.kit.http.services import AppServices, Services, services_of

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


current_problem: ContextVar[str | None] = ContextVar("problem", default=None)
"""The code of the problem that answers the current request, for its span and its metric."""


class RouteNotFound(NotFound):
    code = "route-not-found"
    title = "There is no such route"
    error = Text("Ruta no encontrada", "Route not found")


class MethodNotAllowed(DomainError):
    code = "method-not-allowed"
    title = "This route does not support the method"
    error = Text("Método no permitido", "Method not allowed")


class InternalError(DomainError):
    code = "internal-error"
    title = "Something went wrong here"
    error = Text("Error interno", "Internal error")


def problem_response(request: AnyRequest, error: Exception) -> Response[bytes]:
    """The response to an exception. A 500 is logged with its traceback."""
    error = _convert_database_error(request, error)
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
    if "allow" in headers:
        headers["allow"] = allow(headers["allow"].split(","))
    if status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE and "content-encoding" in request.headers:
        headers["accept-encoding"] = "identity"  # RFC 9110, section 15.5.16
    return Response(
        msgspec.json.encode(document), status_code=status, media_type=MEDIA_TYPE, headers=headers
    )


def render_problem(refusal: DomainError, *, language: str, path: str) -> tuple[int, bytes]:
    """The status and the document of an error, without a trace id, so that they can be stored."""
    status = STATUS[refusal.kind]
    return status, msgspec.json.encode(_document(refusal, status, language=language, path=path))


def _document(refusal: DomainError, status: int, *, language: str, path: str) -> dict[str, Any]:
    current_problem.set(refusal.code)
    document: dict[str, Any] = {
        "type": TYPE_PREFIX + refusal.code,
        "title": refusal.title,
        "status": status,
        "detail": in_language(language, refusal.detail or _default_detail(refusal)),
        "instance": path,
        "code": refusal.code,
        "error": in_language(language, refusal.error),
    }
    if refusal.errors:
        document["errors"] = [
            {"field": each.field, "message": in_language(language, each.message)}
            for each in refusal.errors
        ]
    return document | refusal.extensions


def _convert_database_error(request: AnyRequest, error: Exception) -> Exception:
    """`Unavailable` for a transient fault of the database; any other error unchanged."""
    services = services_of(request, AppServices)
    if isinstance(services, Services) and not isinstance(error, DomainError | HTTPException):
        database = services.database
        if database.is_unavailable(error):
            logger.warning("the database cannot be reached: %s", error)
            return Unavailable(
                Text(
                    "No se puede llegar a la base de datos. Inténtelo de nuevo.",
                    "The database cannot be reached. Try again.",
                ),
                retry_after=2,
            )
        if database.is_retryable(error):
            return Unavailable(
                Text(
                    "La base de datos está ocupada. Inténtelo de nuevo.",
                    "The database is busy. Try again.",
                ),
                retry_after=1,
            )
    return error


def _default_detail(refusal: DomainError) -> Text:
    return Text(f"{refusal.error.es[:1].upper()}{refusal.error.es[1:]}.", refusal.title)


def allow(methods: Iterable[str]) -> str:
    """The `Allow` header of a path with these methods. HEAD is added to GET."""
    known = {method.strip() for method in methods}
    return ", ".join(sorted(known | {"HEAD"} if "GET" in known else known))


def _refusal(request: AnyRequest, error: Exception) -> tuple[int, DomainError]:
    if isinstance(error, DomainError):
        return STATUS[error.kind], error
    if isinstance(error, ServiceUnavailableException):
        return 503, Unavailable(Text("Inténtelo de nuevo.", "Try again."), retry_after=1)
    if not isinstance(error, HTTPException) or error.status_code >= 500:
        return 500, InternalError(
            Text(
                "Está en el registro; inténtelo de nuevo o comunique el trace_id.",
                "It has been logged; try again, or report the trace_id.",
            )
        )
    if isinstance(error, ValidationException):
        return _invalid(request, error)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return 404, RouteNotFound(
            Text(
                "Las rutas de este servicio están en /openapi.json.",
                "The routes of this service are in /openapi.json.",
            )
        )
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = allow((error.headers or {}).get("allow", "").split(","))
        return 405, MethodNotAllowed(
            Text(f"Esta ruta tiene: {allowed}.", f"This route has: {allowed}.")
        )
    if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return 413, TooLarge(Text("Envíe un cuerpo más pequeño.", "Send a smaller body."))
    return 400, InvalidInput(error.detail)


_MISSING = re.compile(r"Missing required query parameter '(?P<name>[^']+)'")
"""Litestar's message about the first missing parameter."""


def _invalid(request: AnyRequest, error: ValidationException) -> tuple[int, DomainError]:
    """The error for Litestar's validation of parameters. An invalid path parameter is a 404."""
    found = error.extra if isinstance(error.extra, list) else []
    in_path = request.path_params
    if any(str(each.get("source")) == "path" or each.get("key") in in_path for each in found):
        return 404, NotFound(Text("No hay nada con ese id.", "There is nothing with that id."))
    fields = [_field(request, each) for each in found]
    if fields and [each.field for each in fields] != ["data"]:  # `data` is the body as a whole
        begin = Text("Corrija los parámetros: ", "Correct the parameters: ")
        pairs = [(each.field, each.message) for each in fields]
        return 400, InvalidInput(listed(pairs, begin=begin), errors=fields)
    if missing := _MISSING.match(error.detail):
        from functions.kit.base.messages import MISSING  # noqa: PLC0415 - only a refusal needs it

        name = missing["name"]
        text = listed(
            [(name, MISSING)], begin=Text("Complete los parámetros: ", "Complete the parameters: ")
        )
        return 400, InvalidInput(text, errors=[FieldError(name, MISSING)])
    body = request.route_handler.parsed_data_field
    refusal = missing_member_error(body.annotation if body is not None else None)
    return 400, refusal(
        Text(
            "Falta el cuerpo de la solicitud, o no se puede leer.",
            "The request has no body, or one that cannot be read.",
        )
    )


def _field(request: AnyRequest, complaint: Mapping[str, Any]) -> FieldError:
    """The error of a parameter, by its external name."""
    from functions.kit.base.messages import explain  # noqa: PLC0415 - only for an error

    key = str(complaint.get("key", ""))
    parameter = request.route_handler.parsed_fn_signature.parameters.get(key)
    kind = parameter.annotation if parameter is not None else None
    named = getattr(parameter.kwarg_definition, "name", None) if parameter is not None else None
    return FieldError(named or key, explain(str(complaint.get("message", "")), kind))


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """The error responses of a route, for the OpenAPI document."""
    return {
        status: ResponseSpec(
            Problem,
            description=HTTPStatus(status).phrase,
            media_type=MEDIA_TYPE,
            generate_examples=False,
        )
        for status in statuses
    }
