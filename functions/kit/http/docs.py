"""Serves the OpenAPI document and Swagger UI, without a CDN.

`openapi.py` builds the document at the first request for it.
"""

from decimal import Decimal
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
from litestar import Controller, Litestar, MediaType, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, License, Schema, SecurityScheme, Server
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import FromPath
from litestar.plugins import OpenAPISchemaPlugin

from functions.kit.base.errors import NotFound, Text
from functions.kit.base.money import MAX_MONEY_MINOR
from functions.kit.http.requests import AnyRequest
from functions.kit.http.services import AppServices, services_of

CACHE = {"cache-control": "public, max-age=86400"}

_FILES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}

_START = """window.onload = function () {
  window.ui = SwaggerUIBundle({
    url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, persistAuthorization: true,
    validatorUrl: null,
  });
};
"""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{title}</title>
  <link rel="icon" type="image/png" href="/apidocs/favicon-32x32.png">
  <link rel="stylesheet" href="/apidocs/swagger-ui.css">
</head>
<body>
  <div id="swagger-ui"></div>
  <script src="/apidocs/swagger-ui-bundle.js"></script>
  <script src="/apidocs/start.js"></script>
</body>
</html>
"""


class AmountSchema(OpenAPISchemaPlugin):
    """The schema of amounts. They are JSON numbers; Litestar would describe them as strings."""

    @staticmethod
    def is_plugin_supported_type(value: Any) -> bool:
        return isinstance(value, type) and issubclass(value, Decimal)

    def to_openapi_schema(self, field_definition: Any, schema_creator: Any) -> Schema:
        del field_definition, schema_creator
        return Schema(
            type=OpenAPIType.NUMBER, minimum=0, maximum=MAX_MONEY_MINOR // 100, multiple_of=0.01
        )


def openapi_config(service: str, version: str, description: str) -> OpenAPIConfig:
    config = OpenAPIConfig(
        title=f"Bookstore: {service}",
        version=version,
        description=description,
        path="/openapi",
        license=License(name="Apache 2.0", identifier="Apache-2.0"),
        servers=[Server(url="/", description="This service")],
        operation_id_creator=_operation_id,
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")
            }
        ),
        use_handler_docstrings=True,
    )
    # Without it Litestar adds its own pages under `path`, which load their code from a CDN. Set
    # after construction, because the constructor's parameter is deprecated.
    config.openapi_controller = _NoPages  # type: ignore[assignment]
    return config


def _operation_id(handler: HTTPRouteHandler, method: object, path: object) -> str:
    """The handler's name: it is independent of the path, and readable in generated clients."""
    del method, path
    return handler.handler_name


class _NoPages(Controller):
    path = "/openapi"


@get("/openapi.json", include_in_schema=False, media_type=MediaType.JSON, sync_to_thread=False)
def openapi_json(request: AnyRequest) -> Response[bytes]:
    return _document(request.app, "public", internal=False)


@get(
    "/internal/openapi.json",
    include_in_schema=False,
    media_type=MediaType.JSON,
    sync_to_thread=False,
)
def internal_openapi_json(request: AnyRequest) -> Response[bytes]:
    return _document(request.app, "internal", internal=True)


def _document(app: Litestar, name: str, *, internal: bool) -> Response[bytes]:
    """Built once in each process."""
    from functions.kit.http.openapi import document  # noqa: PLC0415 - not needed at start

    built = services_of(app, AppServices).openapi_documents
    if name not in built:
        built[name] = msgspec.json.encode(document(app, internal=internal))
    return Response(built[name], media_type=MediaType.JSON)


@get(["/apidocs", "/apidocs/"], include_in_schema=False, sync_to_thread=False)
def swagger_ui(request: AnyRequest) -> Response[str]:
    title = services_of(request, AppServices).name
    return Response(_PAGE.format(title=f"Bookstore: {title}"), media_type=MediaType.HTML)


@get("/apidocs/{name:str}", include_in_schema=False, sync_to_thread=True)
def swagger_file(name: FromPath[str]) -> Response[bytes]:
    if name == "start.js":
        return Response(_START.encode(), media_type="text/javascript", headers=CACHE)
    if name not in _FILES:
        raise NotFound(Text("Swagger UI no tiene ese archivo.", "Swagger UI has no such file."))
    return Response(_static(name), media_type=_FILES[name], headers=CACHE)


@lru_cache
def _static(name: str) -> bytes:
    """A file of the package `swagger-ui-py`; its code is not imported."""
    spec = find_spec("swagger_ui")
    if spec is None or spec.origin is None:
        raise NotFound(
            Text("Swagger UI no está instalado aquí.", "Swagger UI is not installed here.")
        )
    return (Path(spec.origin).parent / "static" / name).read_bytes()


HANDLERS = (openapi_json, swagger_ui, swagger_file)
INTERNAL_HANDLERS = (internal_openapi_json,)
