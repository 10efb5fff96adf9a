"""Problem documents for errors that occur before the app is called.

A request that cannot be parsed, arrives too slowly, or is rejected by a full server never reaches
the app, so `problems.py` cannot answer it. `connections.py` sends these documents, or the pages
that an app for people gives instead (`assemble`).
"""

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import quote

from functions.kit.base.errors import Text
from functions.kit.base.language import preferred

logger = logging.getLogger(__name__)

Headers = list[tuple[bytes, bytes]]

_ACCEPT_LANGUAGE = re.compile(rb"^accept-language:([^\r\n]*)\r?\n", re.IGNORECASE | re.MULTILINE)
_REQUEST_LINE = re.compile(rb"\S{1,20} (/[^\s?#]{0,1000})[ ?#]")


class Refusal(NamedTuple):
    status: HTTPStatus
    code: str
    title: str
    error: Text
    detail: Text
    retry_after: int | None = None
    """Seconds."""


class Document(NamedTuple):
    """The body of the response to a refusal."""

    content: bytes
    media_type: str
    language: str
    security_headers: Mapping[str, str]


Render = Callable[[Refusal, str, str], Document]
"""Creates the document of a refusal from the request's path and its Accept-Language."""


MALFORMED = Refusal(
    HTTPStatus.BAD_REQUEST,
    "malformed-request",
    "The request cannot be parsed",
    Text("solicitud inválida", "invalid request"),
    Text(
        "La solicitud no es HTTP válido: revise la primera línea, las cabeceras y el cuerpo.",
        "The request is not valid HTTP: check its first line, its headers and its body.",
    ),
)
TARGET = MALFORMED._replace(
    detail=Text(
        "El destino de la solicitud debe ser una ruta (/books) o una dirección http completa.",
        "The request target must be a path (/books) or a complete http address.",
    ),
)
HEAD_TOO_LARGE = Refusal(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "head-too-large",
    "The headers are too large",
    Text("Cabeceras demasiado grandes", "Headers too large"),
    Text(
        "Las cabeceras, cookies incluidas, no deben pasar de 16 KiB.",
        "The headers, cookies included, must not exceed 16 KiB.",
    ),
)
TARGET_TOO_LONG = Refusal(
    HTTPStatus.REQUEST_URI_TOO_LONG,
    "target-too-long",
    "The address is too long",
    Text("Dirección demasiado larga", "Address too long"),
    Text(
        "La dirección, con sus parámetros, no debe pasar de 16 KiB.",
        "The address with its parameters must not exceed 16 KiB.",
    ),
)
TOO_SLOW = Refusal(
    HTTPStatus.REQUEST_TIMEOUT,
    "request-timeout",
    "The request did not arrive in time",
    Text("La solicitud no llegó a tiempo", "The request did not arrive in time"),
    Text(
        "La solicitud llegó demasiado despacio. Envíela de nuevo.",
        "The request arrived too slowly. Send it again.",
    ),
    retry_after=1,
)
FULL = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "overloaded",
    "The service has more requests than it can serve",
    Text("Servicio saturado", "Service overloaded"),
    Text(
        "Hay demasiadas solicitudes en este momento. Inténtelo de nuevo.",
        "There are too many requests at the moment. Try again.",
    ),
    retry_after=2,
)
STOPPING = FULL._replace(
    code="stopping",
    title="The service is stopping",
    error=Text("Servicio no disponible", "Service unavailable"),
    detail=Text(
        "Este proceso del servicio está terminando. Inténtelo de nuevo.",
        "This process of the service is ending. Try again.",
    ),
    retry_after=1,
)


def problem_document(refusal: Refusal, path: str, accept_language: str) -> Document:
    # Imported late, to keep the server's imports few. By now the app has imported them.
    import msgspec  # noqa: PLC0415

    from functions.kit.http.middleware import SECURITY_HEADERS  # noqa: PLC0415
    from functions.kit.http.problems import MEDIA_TYPE, TYPE_PREFIX, Problem  # noqa: PLC0415

    language = preferred(accept_language)
    content = msgspec.json.encode(
        Problem(
            type=TYPE_PREFIX + refusal.code,
            title=refusal.title,
            status=int(refusal.status),
            detail=refusal.detail.en if language == "en" else refusal.detail.es,
            instance=quote(path),
            code=refusal.code,
            error=refusal.error.en if language == "en" else refusal.error.es,
        )
    )
    return Document(content, MEDIA_TYPE, language, SECURITY_HEADERS)


def answer(
    refusal: Refusal, *, path: str, accept_language: str, render: Render | None = None
) -> tuple[Headers, bytes]:
    """The headers, without `Date`, and the document: a problem document unless `render` is given.

    A page that cannot be rendered gives way to the problem document.
    """
    try:
        document = (render or problem_document)(refusal, path, accept_language)
    except Exception:
        logger.exception("the page of a refusal failed")
        document = problem_document(refusal, path, accept_language)
    headers = {
        "content-type": document.media_type,
        "content-length": str(len(document.content)),
        "content-language": document.language,
        "vary": "Accept-Language",
        "cache-control": "no-store",
        "connection": "close",
        **document.security_headers,
    }
    if refusal.retry_after is not None:
        headers["retry-after"] = str(refusal.retry_after)
    return [(name.encode(), value.encode()) for name, value in headers.items()], document.content


def message(refusal: Refusal, headers: Iterable[tuple[bytes, bytes]], document: bytes) -> bytes:
    """A complete HTTP/1.1 response."""
    lines = [b"HTTP/1.1 %d %s" % (refusal.status, refusal.status.phrase.encode())]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join([*lines, b"", document])


def read_head(head: bytes) -> tuple[str, str]:
    """The path and the Accept-Language of an incomplete or invalid head; "/" and "" by default."""
    path = _REQUEST_LINE.match(head)
    language = _ACCEPT_LANGUAGE.search(head)
    return (
        path[1].decode("latin-1") if path else "/",
        language[1].decode("latin-1").strip() if language else "",
    )
